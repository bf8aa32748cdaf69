"""Putting messages in order (RFC 5256 section 3, RFC 5957). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mailframe.message.sort_keys import SortKeys
from mailframe.store.values import Item, Message

from .wire.sorting import Criterion

Key = Callable[[Message, SortKeys], Any]

_NO_KEYS = SortKeys()


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
        self._keys = [_KEYS[criterion.name] for criterion in criteria]
        self._found: list[tuple[Any, ...]] = []
        self._uids: list[int] = []

    def add(self, messages: Sequence[Message]) -> None:
        """Some more messages."""
        for message in messages:
            keys = message.sort_keys or _NO_KEYS
            self._found.append(tuple([key(message, keys) for key in self._keys]))
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


def sent(message: Message, keys: SortKeys) -> int:
    """The sent date (RFC 5256 section 2.2), in seconds since the epoch."""
    return message.internal_date if keys.sent is None else keys.sent


_ITEMS: Mapping[str, Item] = {
    "ARRIVAL": Item.DATE,
    "DATE": Item.SORT_KEYS | Item.DATE,
    "SIZE": Item.SIZE,
}
_KEYS: Mapping[str, Key] = {
    "ARRIVAL": lambda message, keys: message.internal_date,
    "CC": lambda message, keys: keys.cc,
    "DATE": sent,
    "DISPLAYFROM": lambda message, keys: keys.shown_sender,
    "DISPLAYTO": lambda message, keys: keys.shown_to,
    "FROM": lambda message, keys: keys.sender,
    "SIZE": lambda message, keys: message.size,
    "SUBJECT": lambda message, keys: keys.subject,
    "TO": lambda message, keys: keys.to,
}
