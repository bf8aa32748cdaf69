"""STARTTLS (RFC 3501 section 6.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def starttls(session: Session, arguments: Parser) -> Reply | None:
    """Turn to TLS; what the client said of itself before counts no more."""
    arguments.end()
    contexts = session.surroundings.tls
    if contexts is None or session.connection.confidential:
        raise bad("STARTTLS is not available")
    session.client = ""
    session.start_tls(contexts)
    return None
