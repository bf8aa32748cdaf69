"""STATUS (RFC 9051 section 6.3.11); its items are in `status_items`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser

from .status_items import status_items, status_response

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def status(session: Session, arguments: Parser) -> Reply:
    """STATUS: the figures of one mailbox."""
    arguments.space()
    name = mailbox(arguments)
    arguments.space()
    items = status_items(arguments)
    arguments.end()
    session.write(await status_response(session, name, items))
    return Reply("STATUS completed")
