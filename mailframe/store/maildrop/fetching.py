"""What sessions ask of messages: facts, descriptions, identities. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import UID_MASK, Facts, MailboxRow, MessageRow
from mailframe.store.values import DESCRIPTION_ITEMS, Description, Flags, Item, Message

from . import threading
from .maildrop import Maildrop
from .previews import previews_of
from .sort_keys import sort_keys_of

DESCRIBED_OCTETS = 4 * 1024 * 1024
"""Descriptions that are given at a time: 200 messages with ten thousand parts each have 600 MB of them."""
LAST_ROW = (1 << 63) - 1
PLAIN = Item.FLAGS | Item.DATE | Item.SIZE | Item.SORT_KEYS | DESCRIPTION_ITEMS
"""Answered without whole rows."""
_NO_FLAGS: Flags = frozenset()

_NOTHING: Mapping[int, Any] = {}

_message = tuple.__new__
"""Makes a `Message` of its fields in order: in half the time, and answers have ten thousands of them."""


def fetch(drop: Maildrop, mailbox_id: str, uids: Sequence[int], items: Item) -> Sequence[Message]:
    """See `IMailbox.fetch`."""
    if not items & ~Item.FLAGS and drop.remembered is not None:
        remembered = drop.remembered.fetch(drop, mailbox_id, uids)
        if remembered is not None:
            return remembered
    if items & ~PLAIN:
        return _fetch_rows(drop, mailbox_id, uids, items)
    descriptions: dict[int, Description] = {}
    keys: dict[int, bytes] = {}
    with drop.catalogue.reading():
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None:
            return []
        found = list(drop.catalogue.messages.facts(mailbox, uids))
        if not found:
            return []
        keywords = drop.catalogue.mailboxes.keywords(mailbox)
        first, last = found[0][0], found[-1][0]
        if items & DESCRIPTION_ITEMS:
            last = _end(drop, first, last)
            found = [facts for facts in found if facts[0] <= last]
            descriptions = drop.catalogue.descriptions.of(first, last)
        if Item.SORT_KEYS in items:
            keys = dict(drop.catalogue.sort_keys.of(first, last))
    if items & DESCRIPTION_ITEMS:
        missing = _rows(drop, mailbox, found, descriptions)
        made, last = _describe(drop, mailbox, missing)
        descriptions |= made
        found = [facts for facts in found if facts[0] in descriptions and facts[0] <= last]
    if Item.SORT_KEYS in items:
        missing = _rows(drop, mailbox, found, keys)
        keys |= sort_keys_of(drop, mailbox, missing)
        found = [facts for facts in found if facts[0] in keys]
    return messages_of(found, keywords, Item.FLAGS in items, descriptions, keys)


def messages_of(
    found: Iterable[Facts],
    keywords: Keywords,
    flags: bool,
    descriptions: Mapping[int, Description] = _NOTHING,
    keys: Mapping[int, bytes] = _NOTHING,
) -> list[Message]:
    """Messages of facts.

    Args:
        flags: are they wanted?
        descriptions, keys: by row ids.
    """
    unpack = keywords.unpack if flags else _no_flags
    return [
        _message(
            Message,
            (
                id_ & UID_MASK, unpack(bits, words), modseq, date, size,
                "", "", 0, descriptions.get(id_), "", None, keys.get(id_),
            ),
        )
        for id_, modseq, bits, words, date, size in found
    ]  # fmt: skip


def message_of(
    row: MessageRow,
    items: Item,
    keywords: Keywords,
    description: Description | None = None,
    uidl: str = "",
    preview: str | None = None,
) -> Message:
    """A row as it was asked for."""
    return Message(
        uid=row.uid,
        flags=keywords.unpack(row.flags, row.keywords) if Item.FLAGS in items else _NO_FLAGS,
        modseq=row.modseq if Item.FLAGS in items else 0,
        internal_date=row.internal_date if Item.DATE in items else 0,
        size=row.size if Item.SIZE in items else 0,
        email_id=row.email_id if Item.IDENTITY in items else "",
        thread_id=row.thread_id if Item.IDENTITY in items else "",
        save_date=row.save_date if Item.IDENTITY in items else 0,
        description=description,
        uidl=uidl,
        preview=preview,
    )


def _fetch_rows(drop: Maildrop, mailbox_id: str, uids: Sequence[int], items: Item) -> list[Message]:
    if Item.PREVIEW in items:
        # It is kept with the description, and found by the structure that this has.
        items |= Item.PARTS
    known: dict[int, Description] = {}
    uidls: dict[int, str] = {}
    with drop.catalogue.reading():
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None:
            return []
        rows = list(drop.catalogue.messages.rows(mailbox, uids))
        keywords = drop.catalogue.mailboxes.keywords(mailbox)
        if items & DESCRIPTION_ITEMS and rows:
            last = _end(drop, rows[0].id, rows[-1].id)
            rows = [row for row in rows if row.id <= last]
            known = drop.catalogue.descriptions.of(rows[0].id, last)
        if Item.UIDL in items and rows:
            uidls = drop.catalogue.uidls.of(rows[0].id, rows[-1].id)
    if Item.IDENTITY in items:
        rows = threading.assigned(drop, mailbox, rows)
    previews: dict[int, str] = {}
    if items & DESCRIPTION_ITEMS:
        made, last = _describe(drop, mailbox, [row for row in rows if row.id not in known])
        known |= made
        rows = [row for row in rows if row.id in known and row.id <= last]
        previews = previews_of(drop, mailbox, rows) if Item.PREVIEW in items else {}
    messages = [
        message_of(row, items, keywords, known.get(row.id), uidls.get(row.id, ""), previews.get(row.id))
        for row in rows
    ]
    if Item.SORT_KEYS not in items:
        return messages
    keys = {message.uid: message.sort_keys for message in fetch(drop, mailbox_id, uids, Item.SORT_KEYS)}
    return [message._replace(sort_keys=keys[message.uid]) for message in messages if message.uid in keys]


def _rows(
    drop: Maildrop,
    mailbox: MailboxRow,
    found: Iterable[Facts],
    known: dict[int, Description] | dict[int, bytes],
) -> list[MessageRow]:
    """Whole rows of those messages of which something is not known yet."""
    missing = [facts[0] & UID_MASK for facts in found if facts[0] not in known]
    return list(drop.catalogue.messages.rows(mailbox, missing)) if missing else []


def _end(drop: Maildrop, first: int, last: int) -> int:
    """The last row id up to which descriptions fit into `DESCRIBED_OCTETS`; the first one always does."""
    total, end = 0, first
    for id_, octets in drop.catalogue.descriptions.octets(first, last):
        total += octets
        if total > DESCRIBED_OCTETS and id_ > first:
            return end
        end = id_
    return last


def _describe(
    drop: Maildrop, mailbox: MailboxRow, rows: Sequence[MessageRow]
) -> tuple[dict[int, Description], int]:
    """Descriptions of messages that have none yet; kept from now on. Those that are gone have none.

    Returns:
        Descriptions by row ids, and the row id up to which all were made, of `DESCRIBED_OCTETS` or little more.
    """
    made, total, last = {}, 0, LAST_ROW
    for row in rows:
        octets = drop.layout.pieces(mailbox, row)
        if octets is not None:
            made[row.id] = described = drop.surroundings.describe(octets)
            total += sum(map(len, described))
            if total > DESCRIBED_OCTETS:
                last = row.id
                break
    if made:
        with drop.writing(0):
            drop.catalogue.descriptions.add(made.items())
    return made, last


def _no_flags(flags: int, keywords: bytes | None) -> Flags:
    return _NO_FLAGS
