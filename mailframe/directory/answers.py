"""Answers remembered for a while, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final

MISSING: Final = object()
"""Nothing is remembered; None is an answer."""


class Answers:
    """The answers a directory gave lately; the ones unused longest are dropped first.

    Negative answers (None and False) have a table of their own, a quarter as large: a stranger who tries a million
    addresses does not push out the real ones.

    Args:
        entries: how many positive answers are kept.
        seconds: how long an answer is good.
    """

    def __init__(self, entries: int, seconds: float) -> None:
        self._limits = (max(1, entries // 4), max(1, entries))
        self._seconds = seconds
        self._tables: tuple[OrderedDict[Hashable, tuple[Any, float]], ...] = (OrderedDict(), OrderedDict())

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def get(self, key: Hashable, now: float) -> Any:
        """The answer, or `MISSING`."""
        for table in self._tables:
            found = table.get(key)
            if found is not None:
                if found[1] > now:
                    table.move_to_end(key)
                    return found[0]
                del table[key]
        return MISSING

    def put(self, key: Hashable, answer: Any, now: float) -> None:
        """Remember an answer."""
        positive = bool(answer)
        table = self._tables[positive]
        self._tables[not positive].pop(key, None)
        table[key] = (answer, now + self._seconds)
        table.move_to_end(key)
        if len(table) > self._limits[positive]:
            table.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        for table in self._tables:
            table.clear()
