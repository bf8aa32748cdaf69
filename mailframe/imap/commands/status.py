"""STATUS (RFC 3501 section 6.3.10, APPENDLIMIT of RFC 7889)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mailframe.imap.settings import IMAPSettings
from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import mailbox as mailbox_name
from mailframe.store.values import MailboxStatus

if TYPE_CHECKING:
    from mailframe.imap.session import Session

_ITEMS: dict[str, Callable[[MailboxStatus, IMAPSettings], int]] = {
    "MESSAGES": lambda figures, settings: figures.messages,
    "RECENT": lambda figures, settings: figures.recent,
    "UIDNEXT": lambda figures, settings: figures.uidnext,
    "UIDVALIDITY": lambda figures, settings: figures.uidvalidity,
    "UNSEEN": lambda figures, settings: figures.unseen,
    "APPENDLIMIT": lambda figures, settings: settings.append_limit,
}


async def status(session: Session, arguments: Parser) -> Reply:
    """STATUS: the figures of one mailbox."""
    arguments.space()
    name = mailbox(arguments)
    arguments.space()
    items = _items(arguments)
    arguments.end()
    figures = await session.mailboxes.status(name)
    told = " ".join(f"{item} {_ITEMS[item](figures, session.settings)}" for item in items)
    session.write(
        b"* STATUS %b (%b)\r\n" % (mailbox_name(name, session.enabled.utf8_names), told.encode("ascii"))
    )
    return Reply("STATUS completed")


def _items(parser: Parser) -> list[str]:
    parser.expect(b"(")
    found = {_item(parser): None}
    while parser.accept(b" "):
        found[_item(parser)] = None
    parser.expect(b")")
    return list(found)


def _item(parser: Parser) -> str:
    item = parser.word()
    if item not in _ITEMS:
        raise bad("There is no such status item")
    return item
