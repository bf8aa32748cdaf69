"""COMPRESS: the connection is compressed from here on (RFC 4978)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import status_line
from mailframe.message.status import MailframeError, Status

if TYPE_CHECKING:
    from mailframe.imap.session import Session

ACTIVE = Status((5, 5, 1), "The connection is compressed already", "COMPRESSIONACTIVE")


async def compress(session: Session, arguments: Parser) -> Reply | None:
    """COMPRESS DEFLATE.

    Raises:
        MailframeError: ``COMPRESSIONACTIVE``.
        ProtocolError: another way of compression, or it is switched off; fatal: octets follow the command.
    """
    arguments.space()
    if arguments.word() != "DEFLATE" or not session.settings.compress:
        raise bad("There is no such compression")
    arguments.end()
    connection = session.connection
    if connection.compressed:
        raise MailframeError(ACTIVE)
    if not connection.buffered():
        session.write(status_line(b"OK", "Compressed from here on", None, session.tag))
    session.answered()
    connection.compress()
    return None
