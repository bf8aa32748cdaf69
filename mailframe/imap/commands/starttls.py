"""STARTTLS (RFC 9051 section 6.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import status_line

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def starttls(session: Session, arguments: Parser) -> Reply | None:
    """Turn to TLS; what the client said of itself before counts no more.

    Raises:
        ProtocolError: fatal: octets follow the command in clear (they could be an attacker's).
    """
    arguments.end()
    tls, connection = session.surroundings.tls, session.connection
    if tls is None or connection.confidential:
        raise bad("STARTTLS is not available")
    session.client = ""
    contexts = tls.contexts()
    if connection.buffered():
        connection.start_tls(contexts)
    session.write(status_line(b"OK", "Begin TLS now", None, session.tag))
    session.answered()
    connection.start_tls(contexts)
    return None
