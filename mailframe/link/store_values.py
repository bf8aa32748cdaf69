"""What a store speaks of, as JSON and back: what is needed to read an account whole. Values only, no I/O."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from mailframe.store.quota import Limit, QuotaRoot, Usage
from mailframe.store.sharing.rights import AccessEntry
from mailframe.store.values import Item, MailboxEntry, Message, Snapshot, Span

FACTS = Item.FLAGS | Item.DATE | Item.SIZE | Item.IDENTITY | Item.UIDL
"""What can be asked of messages over a link."""
MESSAGES_LIMIT = 1000
"""Messages that may be asked for at a time."""
SPANS_LIMIT = 1000
READ_LIMIT = 8 * 1024 * 1024
"""Octets of messages that are answered at a time."""


def from_entry(entry: MailboxEntry) -> list[Any]:
    """A mailbox in the list of an account."""
    return [entry.name, entry.mailbox_id, entry.selectable, entry.subscribed, entry.special_use]


def to_entry(said: list[Any]) -> MailboxEntry:
    """The same, read."""
    return MailboxEntry(*said)


def from_snapshot(snapshot: Snapshot) -> tuple[dict[str, Any], bytes]:
    """A snapshot: the UIDs are the octets, four each, least significant first."""
    facts = {
        "first_unseen": snapshot.first_unseen,
        "keywords": sorted(snapshot.keywords),
        "uidnext": snapshot.uidnext,
        "modseq": snapshot.modseq,
    }
    return facts, packed(snapshot.uids)


def to_snapshot(said: dict[str, Any], octets: bytes) -> Snapshot:
    """The same, read. Nothing is recent for somebody who only looks."""
    return Snapshot(
        unpacked(octets),
        frozenset(),
        said["first_unseen"],
        frozenset(said["keywords"]),
        said["uidnext"],
        said["modseq"],
    )


def from_message(message: Message) -> list[Any]:
    """What is known of a message, but for what its octets say."""
    return [
        message.uid, sorted(message.flags), message.modseq, message.internal_date, message.size,
        message.email_id, message.thread_id, message.save_date, message.uidl,
    ]  # fmt: skip


def to_message(said: list[Any]) -> Message:
    """The same, read."""
    uid, flags, modseq, internal_date, size, email_id, thread_id, save_date, uidl = said
    return Message(
        uid, frozenset(flags), modseq, internal_date, size, email_id, thread_id, save_date, None, uidl
    )


def from_access(entry: AccessEntry) -> list[Any]:
    """One line of an access control list."""
    return [entry.identifier, "".join(sorted(entry.rights))]


def to_access(said: list[Any]) -> AccessEntry:
    """The same, read."""
    identifier, rights = said
    return AccessEntry(identifier, frozenset(rights))


def from_quota(root: QuotaRoot) -> list[Any]:
    """What is limited together, and how it stands: limit, usage, and what the owner has set."""
    pairs = (root.limit, root.usage, root.own)
    return [root.name, *([pair.octets, pair.messages] for pair in pairs)]


def to_quota(said: list[Any]) -> QuotaRoot:
    """The same, read."""
    name, limit, usage, own = said
    return QuotaRoot(name, Limit(*limit), Usage(*usage), Limit(*own))


def from_spans(spans: Sequence[Span]) -> list[list[Any]]:
    """Pieces of messages that are asked for."""
    return [[span.uid, span.offset, span.length] for span in spans]


def to_spans(said: list[Any]) -> list[Span]:
    """The same, read.

    Raises:
        ValueError: these are none, or too many, or of too many octets.
    """
    spans = [Span(*one) for one in said]
    total = 0
    for span in spans:
        numbers = (span.uid, span.offset, span.length)
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ValueError("a span has a UID, an offset and a length")
        total += span.length or 0
    if len(spans) > SPANS_LIMIT or total > READ_LIMIT:
        raise ValueError("too much is asked for at a time")
    return spans


def packed(uids: Sequence[int]) -> bytes:
    """UIDs as octets."""
    numbers = array("I", uids)
    assert numbers.itemsize == 4
    return numbers.tobytes()


def unpacked(octets: bytes) -> Sequence[int]:
    """The same, read."""
    numbers = array("I")
    numbers.frombytes(octets)
    return numbers
