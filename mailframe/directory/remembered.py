"""Answers that are remembered past the time they are good for, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple


class Kept(NamedTuple):
    """One answer.

    Attributes:
        answer: as it was given; None and False are answers.
        fresh: need nobody be asked again?
    """

    answer: Any
    fresh: bool


class Remembered:
    """What was answered; what is unused longest goes first.

    Negative answers (None and False) have a table of their own, a quarter as large, so that a stranger who tries a
    million addresses does not push out the real ones.

    Args:
        entries: how many positive answers are kept.
        positive: seconds for which a positive answer is fresh.
        negative: the same of a negative one.
        stale: seconds for which an answer is kept behind that.
    """

    def __init__(self, entries: int, positive: float, negative: float, stale: float) -> None:
        self._limits = (max(1, entries // 4), max(1, entries))
        self._fresh = (negative, positive)
        self._stale = stale
        self._tables: tuple[OrderedDict[Hashable, tuple[Any, float]], ...] = (OrderedDict(), OrderedDict())

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def get(self, key: Hashable, now: float) -> Kept | None:
        """What is known; None for nothing."""
        for positive, table in enumerate(self._tables):
            found = table.get(key)
            if found is None:
                continue
            age = now - found[1]
            if age < self._fresh[positive] + self._stale:
                table.move_to_end(key)
                return Kept(found[0], age < self._fresh[positive])
            del table[key]
        return None

    def put(self, key: Hashable, answer: Any, now: float) -> None:
        """Remember an answer that was given now."""
        positive = bool(answer)
        self._tables[not positive].pop(key, None)
        table = self._tables[positive]
        table[key] = (answer, now)
        table.move_to_end(key)
        if len(table) > self._limits[positive]:
            table.popitem(last=False)

    def drop(self, key: Hashable) -> None:
        """Forget one answer."""
        for table in self._tables:
            table.pop(key, None)

    def forget(self, concerned: Callable[[Any], bool]) -> int:
        """Forget the answers whose keys are concerned.

        Returns:
            How many they were.
        """
        keys = [key for table in self._tables for key in table if concerned(key)]
        for key in keys:
            self.drop(key)
        return len(keys)
