"""Putting messages in order (RFC 5256 section 3, RFC 5957). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mailframe.message.dates import parse_date
from mailframe.message.subject import base_subject
from mailframe.message.text import fold_case
from mailframe.message.words import decode_words
from mailframe.store.values import Item, Message

from .wire.envelope_fields import Address, EnvelopeFields, envelope_fields
from .wire.sorting import Criterion

Key = Callable[[Message, EnvelopeFields], Any]

_NO_FIELDS = EnvelopeFields()


def sort_items(criteria: Sequence[Criterion]) -> Item:
    """What has to be asked of the store."""
    items = Item(0)
    for criterion in criteria:
        items |= _ITEMS[criterion.name]
    return items


class Sorting:
    """Messages are given to it in order of their numbers; then it puts them in the order that is asked for.

    Args:
        criteria: the first one leads.
    """

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._criteria = criteria
        self._keys = [_KEYS[criterion.name] for criterion in criteria]
        self._found: list[tuple[Any, ...]] = []
        self._uids: list[int] = []

    def add(self, messages: Sequence[Message]) -> None:
        """Some more messages."""
        for message in messages:
            fields = fields_of(message)
            self._found.append(tuple([key(message, fields) for key in self._keys]))
            self._uids.append(message.uid)

    def uids(self) -> list[int]:
        """All of them in order; those that are alike stay in the order of their numbers."""
        places = list(range(len(self._uids)))
        # From the last criterion to the first: each sort keeps the order of what is alike.
        for column in reversed(range(len(self._criteria))):
            places.sort(
                key=lambda place, column=column: self._found[place][column],  # type: ignore[misc]
                reverse=self._criteria[column].reverse,
            )
        return [self._uids[place] for place in places]


def fields_of(message: Message) -> EnvelopeFields:
    """What its ENVELOPE says; nothing where none was asked for."""
    if message.description is None or not message.description.envelope:
        return _NO_FIELDS
    return envelope_fields(message.description.envelope)


def sent(message: Message, fields: EnvelopeFields) -> int:
    """The sent date (RFC 5256 section 2.2), in seconds since the epoch."""
    date = parse_date(fields.date) if fields.date is not None else None
    return message.internal_date if date is None else date.seconds


def _mailbox(address: Address | None) -> str:
    return fold_case((address[1] or b"").decode("utf-8", "replace")) if address is not None else ""


def _display(address: Address | None) -> str:
    """RFC 5957 section 3: the name, or else the address."""
    if address is None:
        return ""
    name, mailbox, host = address
    if name:
        return fold_case(decode_words(name))
    if mailbox and host:
        return fold_case(f"{mailbox.decode('utf-8', 'replace')}@{host.decode('utf-8', 'replace')}")
    return _mailbox(address)


_ITEMS: Mapping[str, Item] = {
    "ARRIVAL": Item.DATE,
    "CC": Item.ENVELOPE,
    "DATE": Item.ENVELOPE | Item.DATE,
    "DISPLAYFROM": Item.ENVELOPE,
    "DISPLAYTO": Item.ENVELOPE,
    "FROM": Item.ENVELOPE,
    "SIZE": Item.SIZE,
    "SUBJECT": Item.ENVELOPE,
    "TO": Item.ENVELOPE,
}
_KEYS: Mapping[str, Key] = {
    "ARRIVAL": lambda message, fields: message.internal_date,
    "CC": lambda message, fields: _mailbox(fields.cc),
    "DATE": sent,
    "DISPLAYFROM": lambda message, fields: _display(fields.sender),
    "DISPLAYTO": lambda message, fields: _display(fields.to),
    "FROM": lambda message, fields: _mailbox(fields.sender),
    "SIZE": lambda message, fields: message.size,
    "SUBJECT": lambda message, fields: fold_case(base_subject(fields.subject).text),
    "TO": lambda message, fields: _mailbox(fields.to),
}
