"""UNAUTHENTICATE: the next user of the same connection, without another handshake (RFC 8437)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser

from .capability import capabilities

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def unauthenticate(session: Session, arguments: Parser) -> Reply:
    """UNAUTHENTICATE: as it was before login, but for TLS and compression."""
    arguments.end()
    session.unauthenticated()
    return Reply("UNAUTHENTICATE completed", f"CAPABILITY {capabilities(session)}")
