"""SUBSCRIBE and UNSUBSCRIBE (RFC 3501 sections 6.3.6 and 6.3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def subscribe(session: Session, arguments: Parser) -> Reply:
    """SUBSCRIBE: put a name on the list; the mailbox need not exist."""
    await _change(session, arguments, subscribed=True)
    return Reply("SUBSCRIBE completed")


async def unsubscribe(session: Session, arguments: Parser) -> Reply:
    """UNSUBSCRIBE: take a name off the list."""
    await _change(session, arguments, subscribed=False)
    return Reply("UNSUBSCRIBE completed")


async def _change(session: Session, arguments: Parser, *, subscribed: bool) -> None:
    arguments.space()
    name = mailbox(arguments)
    arguments.end()
    await session.mailboxes.subscribe(name, subscribed)
