"""What one FETCH needs of the store, and how its answers are put together from that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mailframe.imap.enabled import Enabled
from mailframe.imap.selected import Selected
from mailframe.imap.wire.dates import render_date_time
from mailframe.imap.wire.fetching import Attribute, BinaryOctets, BodyOctets, Fact, Text
from mailframe.imap.wire.responses import string
from mailframe.message.structure import section_span, unpack
from mailframe.store.columns import modseqs_of, uids_of
from mailframe.store.values import DESCRIPTION_ITEMS, Description, Item, Message

FLAGS = 10_000
"""Messages asked of the store at a time, where only flags are wanted: they are remembered, and take 2 ms."""
ROWS = 1000
"""Messages asked of the store at a time, where only rows of the catalogue are wanted."""
DESCRIPTIONS = 250
"""Messages asked of the store at a time, where the store may have to read content to describe it."""

_FROM_CONTENT = DESCRIPTION_ITEMS | Item.PREVIEW

Column = Callable[[Sequence[Message]], Iterable[object]]
"""What an answer has of each message."""
Place = tuple[int, int]
"""Offset and length in octets."""

_ITEMS = {
    Fact.FLAGS: Item.FLAGS,
    Fact.MODSEQ: Item.FLAGS,
    Fact.UID: Item(0),
    Fact.INTERNALDATE: Item.DATE,
    Fact.SIZE: Item.SIZE,
    Fact.ENVELOPE: Item.ENVELOPE,
    Fact.BODY: Item.BODYSTRUCTURE,
    Fact.BODYSTRUCTURE: Item.BODYSTRUCTURE,
    Fact.EMAILID: Item.IDENTITY,
    Fact.THREADID: Item.IDENTITY,
    Fact.SAVEDATE: Item.IDENTITY,
    Fact.PREVIEW: Item.PREVIEW,
}


class Plan:
    """One FETCH.

    Args:
        attributes: what the client asked for.
        selected: the mailbox; renders flags.
        by_uid: UID FETCH, which always answers UIDs; but UIDFETCH responses begin with them.
        enabled: what the client has switched on.

    Attributes:
        items: to ask of the store.
        bodies: attributes that need octets, in the client's order.
        whole: each of them is a whole message.
        binaries: attributes that need parts without their transfer encoding.
        marks_seen: does it set ``\\Seen``?
        window: how many messages to ask of the store at a time.
    """

    def __init__(
        self, attributes: Sequence[Attribute], selected: Selected, by_uid: bool, enabled: Enabled
    ) -> None:
        facts = [attribute for attribute in attributes if isinstance(attribute, Fact)]
        if enabled.uid_only:
            facts = [fact for fact in facts if fact is not Fact.UID]
        elif by_uid and Fact.UID not in facts:
            facts.insert(0, Fact.UID)
        self.bodies = tuple(attribute for attribute in attributes if isinstance(attribute, BodyOctets))
        self.binaries = tuple(each for each in attributes if isinstance(each, BinaryOctets))
        self.whole = all(
            not body.section.part and body.section.text is Text.ALL and body.partial is None
            for body in self.bodies
        )
        peek = all(body.peek for body in self.bodies) and all(each.peek for each in self.binaries)
        self.marks_seen = not selected.read_only and not peek
        self.items = _items(facts, self.bodies, self.marks_seen)
        if self.binaries:
            self.items |= Item.PARTS | Item.SIZE
        self.window = DESCRIPTIONS if self.bodies or self.items & _FROM_CONTENT else ROWS
        if not self.bodies and not self.items & ~Item.FLAGS:
            self.window = FLAGS
        self._selected = selected
        self._shows_flags = Fact.FLAGS in facts
        self._shows_modseq = Fact.MODSEQ in facts
        self._condstore = enabled.condstore
        self._uid_only = enabled.uid_only
        self._template = b" ".join([_TEMPLATES[fact] for fact in facts])
        self._columns = [selected.flags_of if fact is Fact.FLAGS else _COLUMNS[fact] for fact in facts]

    def responses(self, messages: Sequence[Message]) -> list[bytes]:
        """Whole responses of messages of which only facts are wanted.

        They are made column by column, from one template: 0.3 us for flags, where a message at a time took 2.
        """
        return self._filled(messages, b")\r\n")

    def openings(self, messages: Sequence[Message]) -> list[bytes]:
        """The same as `opening` for several messages whose flags did not change."""
        return self._filled(messages, b" " if self._columns else b"")

    def _filled(self, messages: Sequence[Message], end: bytes) -> list[bytes]:
        start = b"* %d UIDFETCH (" if self._uid_only else b"* %d FETCH ("
        template = start + self._template + end
        columns = [column(messages) for column in self._columns]
        return [template % row for row in zip(self._numbers(messages), *columns, strict=True)]

    def opening(self, message: Message, flags_changed: bool = False) -> bytes:
        """The beginning of a message's response: its facts, and what octets follow comes behind them.

        Args:
            flags_changed: show flags even where they were not asked for.
        """
        pieces = []
        if self._columns:
            pieces.append(self._template % tuple([next(iter(column([message]))) for column in self._columns]))
        if flags_changed and not self._shows_flags:
            pieces.append(b"FLAGS " + self._selected.flags(message))
        if flags_changed and self._condstore and not self._shows_modseq:
            pieces.append(b"MODSEQ (%d)" % message.modseq)
        facts = b" ".join(pieces)
        return b"%b%b%b" % (self._selected.opening(message), facts, b" " if facts else b"")

    def _numbers(self, messages: Sequence[Message]) -> Iterable[int | None]:
        uids = uids_of(messages)
        return uids if self._uid_only else self._selected.view.numbers(uids)

    def places(self, message: Message) -> list[Place | None]:
        """Where the octets of each of `bodies` lie; None for a section the message does not have.

        The partial is applied already, but for chosen header fields, where it counts in what was chosen.
        """
        if self.whole:
            return [(0, message.size)] * len(self.bodies)
        root = None
        if any(body.section.part or body.section.text is not Text.ALL for body in self.bodies):
            root = unpack(described(message).parts)
        found: list[Place | None] = []
        for body in self.bodies:
            place: Place | None = (0, message.size)
            if root is not None and (body.section.part or body.section.text is not Text.ALL):
                place = section_span(root, body.section.part, _SPANS[body.section.text])
            found.append(_partial(place, body))
        return found


def described(message: Message) -> Description:
    """The description that was asked for."""
    assert message.description is not None
    return message.description


_SPANS = {
    Text.ALL: "",
    Text.HEADER: "HEADER",
    Text.FIELDS: "HEADER",
    Text.FIELDS_NOT: "HEADER",
    Text.TEXT: "TEXT",
    Text.MIME: "MIME",
}


def _partial(place: Place | None, body: BodyOctets) -> Place | None:
    if place is None or body.partial is None or body.section.fields:
        return place
    (start, length), (offset, wanted) = place, body.partial
    offset = min(offset, length)
    return start + offset, min(wanted, length - offset)


def _items(facts: Sequence[Fact], bodies: Sequence[BodyOctets], marks_seen: bool) -> Item:
    items = Item(0)
    for fact in facts:
        items |= _ITEMS[fact]
    for body in bodies:
        whole = not body.section.part and body.section.text is Text.ALL
        items |= Item.SIZE if whole else Item.PARTS
    return items | Item.FLAGS if marks_seen else items


_TEMPLATES = {
    Fact.FLAGS: b"FLAGS %b",
    Fact.MODSEQ: b"MODSEQ (%d)",
    Fact.UID: b"UID %d",
    Fact.INTERNALDATE: b"INTERNALDATE %b",
    Fact.SIZE: b"RFC822.SIZE %d",
    Fact.ENVELOPE: b"ENVELOPE %b",
    Fact.BODY: b"BODY %b",
    Fact.BODYSTRUCTURE: b"BODYSTRUCTURE %b",
    Fact.EMAILID: b"EMAILID (%b)",
    Fact.THREADID: b"THREADID %b",
    Fact.SAVEDATE: b"SAVEDATE %b",
    Fact.PREVIEW: b"PREVIEW %b",
}


_COLUMNS: dict[Fact, Column] = {
    Fact.MODSEQ: modseqs_of,
    Fact.UID: uids_of,
    Fact.INTERNALDATE: lambda messages: [render_date_time(message.internal_date) for message in messages],
    Fact.SIZE: lambda messages: [message.size for message in messages],
    Fact.ENVELOPE: lambda messages: [described(message).envelope for message in messages],
    Fact.BODY: lambda messages: [described(message).body for message in messages],
    Fact.BODYSTRUCTURE: lambda messages: [described(message).bodystructure for message in messages],
    Fact.EMAILID: lambda messages: [message.email_id.encode("ascii") for message in messages],
    Fact.THREADID: lambda messages: [_thread_id(message) for message in messages],
    Fact.SAVEDATE: lambda messages: [render_date_time(message.save_date) for message in messages],
    Fact.PREVIEW: lambda messages: [_preview(message) for message in messages],
}
"""FLAGS are the selected mailbox's."""


def _thread_id(message: Message) -> bytes:
    return b"(%b)" % message.thread_id.encode("ascii") if message.thread_id else b"NIL"


def _preview(message: Message) -> bytes:
    return string((message.preview or "").encode("utf-8"))
