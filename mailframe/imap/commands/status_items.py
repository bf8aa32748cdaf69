"""What STATUS can tell of a mailbox, for STATUS itself and for LIST (RFC 9051 section 6.3.11).

SIZE is RFC 8438's, MAILBOXID RFC 8474's, APPENDLIMIT RFC 7889's, DELETED and DELETED-STORAGE are RFC 9208's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mailframe.imap.settings import IMAPSettings
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import mailbox as mailbox_name
from mailframe.store.search_keys import HasFlag
from mailframe.store.values import DELETED, Item, MailboxStatus

if TYPE_CHECKING:
    from mailframe.imap.session import Session

WINDOW = 1000
"""Messages whose sizes are asked for at a time."""

_ITEMS: dict[str, Callable[[MailboxStatus, IMAPSettings], str]] = {
    "MESSAGES": lambda figures, settings: str(figures.messages),
    "RECENT": lambda figures, settings: str(figures.recent),
    "UIDNEXT": lambda figures, settings: str(figures.uidnext),
    "UIDVALIDITY": lambda figures, settings: str(figures.uidvalidity),
    "UNSEEN": lambda figures, settings: str(figures.unseen),
    "DELETED": lambda figures, settings: str(figures.deleted),
    "SIZE": lambda figures, settings: str(figures.size),
    "HIGHESTMODSEQ": lambda figures, settings: str(figures.highestmodseq),
    "MAILBOXID": lambda figures, settings: f"({figures.mailbox_id})",
    "APPENDLIMIT": lambda figures, settings: str(settings.append_limit),
}
_DELETED_STORAGE = "DELETED-STORAGE"


def status_items(parser: Parser) -> list[str]:
    """Take the items with their parentheses; each once."""
    parser.expect(b"(")
    found = {_item(parser): None}
    while parser.accept(b" "):
        found[_item(parser)] = None
    parser.expect(b")")
    return list(found)


async def status_response(session: Session, name: str, items: Sequence[str]) -> bytes:
    """The STATUS response for a mailbox, whole.

    Raises:
        MailframeError: ``NONEXISTENT``, ``NOPERM``, or a temporary one.
    """
    if "HIGHESTMODSEQ" in items:
        session.enabled.condstore = True
    figures = await session.mailboxes.status(name)
    told = []
    for item in items:
        if item == _DELETED_STORAGE:
            value = str(await _deleted_storage(session, name)) if figures.deleted else "0"
        else:
            value = _ITEMS[item](figures, session.settings)
        told.append(f"{item} {value}")
    spelt = mailbox_name(name, session.enabled.utf8_names)
    return b"* STATUS %b (%b)\r\n" % (spelt, " ".join(told).encode("ascii"))


async def _deleted_storage(session: Session, name: str) -> int:
    """Octets that EXPUNGE would set free (RFC 9208 section 4.1.4)."""
    mailbox = await session.mailboxes.open(name, read_only=True)
    try:
        uids = (await mailbox.search(HasFlag(DELETED))).uids
        octets = 0
        for start in range(0, len(uids), WINDOW):
            found = await mailbox.fetch(uids[start : start + WINDOW], Item.SIZE)
            octets += sum(message.size for message in found)
        return octets
    finally:
        mailbox.close()


def _item(parser: Parser) -> str:
    item = parser.word()
    if item not in _ITEMS and item != _DELETED_STORAGE:
        raise bad("There is no such status item")
    return item
