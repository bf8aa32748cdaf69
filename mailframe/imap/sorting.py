"""Putting messages in order (RFC 5256 section 3, RFC 5957). Pure, and column by column: that is twice as quick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mailframe.message.sort_keys import SortKeys, part
from mailframe.store.values import Item, Message

from .wire.sorting import Criterion

Column = Callable[[Sequence[Message]], Iterable[Any]]
"""What messages are compared by."""


def sort_items(criteria: Sequence[Criterion]) -> Item:
    """What has to be asked of the store."""
    items = Item(0)
    for criterion in criteria:
        items |= _ITEMS.get(criterion.name, Item.SORT_KEYS)
    return items


class Sorting:
    """Messages are given to it in order of their numbers; then it puts them in the order that is asked for.

    Args:
        criteria: the first one leads.
    """

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._criteria = criteria
        self._columns: list[list[Any]] = [[] for _ in criteria]
        self._uids: list[int] = []

    def add(self, messages: Sequence[Message]) -> None:
        """Some more messages."""
        for criterion, column in zip(self._criteria, self._columns, strict=True):
            column.extend(_COLUMNS[criterion.name](messages))
        self._uids.extend([message.uid for message in messages])

    def uids(self) -> list[int]:
        """All of them in order; those that are alike stay in the order of their numbers."""
        places = list(range(len(self._uids)))
        # From the last criterion to the first: each sort keeps the order of what is alike.
        for criterion, column in reversed(list(zip(self._criteria, self._columns, strict=True))):
            places.sort(key=column.__getitem__, reverse=criterion.reverse)
        return [self._uids[place] for place in places]


def sent(message: Message) -> int:
    """The sent date (RFC 5256 section 2.2), in seconds since the epoch."""
    date = part(message.sort_keys or _NONE, 0)
    return int(date) if date else message.internal_date


def _by(field: str) -> Column:
    place = SortKeys._fields.index(field)
    return lambda messages: [part(message.sort_keys or _NONE, place) for message in messages]


_NONE = b"\0" * len(SortKeys._fields)
_ITEMS: Mapping[str, Item] = {
    "ARRIVAL": Item.DATE,
    "DATE": Item.SORT_KEYS | Item.DATE,
    "SIZE": Item.SIZE,
}
_COLUMNS: Mapping[str, Column] = {
    "ARRIVAL": lambda messages: [message.internal_date for message in messages],
    "CC": _by("cc"),
    "DATE": lambda messages: [sent(message) for message in messages],
    "DISPLAYFROM": _by("shown_sender"),
    "DISPLAYTO": _by("shown_to"),
    "FROM": _by("sender"),
    "SIZE": lambda messages: [message.size for message in messages],
    "SUBJECT": _by("subject"),
    "TO": _by("to"),
}
