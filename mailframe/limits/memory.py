"""Tallies of one process: for embedding, for tests, and as the model of the shared ones."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

from zope.interface import implementer

from . import windows
from .interfaces import ITallies

ENTRIES = 16_384
"""Names that are remembered of each family of counts."""

_Key = tuple[str, str]
_Record = TypeVar("_Record")


class Clock(Protocol):
    """What tells the time; Twisted's reactor and test clocks do."""

    def seconds(self) -> float:
        """Seconds since some moment that is the same for all who share the tallies."""


@implementer(ITallies)
class MemoryTallies:
    """Counts in dictionaries.

    Args:
        clock: tells the time.
        entries: names whose amounts, and names whose failures, are remembered at most. What is open now is bounded
            by whoever opens it.
    """

    def __init__(self, clock: Clock, entries: int = ENTRIES) -> None:
        self._clock = clock
        self._open: dict[_Key, int] = {}
        self._amounts: _Quietest[_Amounts] = _Quietest(entries)
        self._failures: _Quietest[_Failures] = _Quietest(entries)

    def __len__(self) -> int:
        """Names that are remembered, of all families."""
        return len(self._open) + len(self._amounts) + len(self._failures)

    def enter(self, kind: str, name: str, limit: int) -> bool:
        """One more is open, unless that is too many (see `ITallies.enter`)."""
        count = self._open.get((kind, name), 0)
        if limit and count >= limit:
            return False
        self._open[kind, name] = count + 1
        return True

    def leave(self, kind: str, name: str) -> None:
        """One is open no more."""
        count = self._open.pop((kind, name), 0) - 1
        if count > 0:
            self._open[kind, name] = count

    def count(self, kind: str, name: str) -> int:
        """How many are open now."""
        return self._open.get((kind, name), 0)

    def spend(self, kind: str, name: str, amount: int, limit: int, window: float) -> bool:
        """Add an amount, unless that is too much (see `ITallies.spend`)."""
        now, record = self._now(), self._amounts.get((kind, name))
        if limit and self.spent(kind, name, window) + amount > limit:
            return False
        if record is None:
            record = self._amounts.put((kind, name), _Amounts(now))
        record.last = windows.add(record.ring, record.last, now, windows.slice_length(window), amount)
        return True

    def spent(self, kind: str, name: str, window: float) -> float:
        """What was spent in the window that ends now."""
        record = self._amounts.records.get((kind, name))
        if record is None:
            return 0
        now, length = self._now(), windows.slice_length(window)
        return windows.total(*windows.parts(record.ring, record.last, now, length), now, length)

    def fail(self, kind: str, name: str, forget: float) -> None:
        """One more failure."""
        failures = self.failures(kind, name, forget)
        record = self._failures.get((kind, name))
        if record is None:
            record = self._failures.put((kind, name), _Failures())
        record.failures = failures + 1
        record.last = self._now()

    def failures(self, kind: str, name: str, forget: float) -> int:
        """Failures that are not forgotten."""
        record = self._failures.records.get((kind, name))
        if record is None or self._now() - record.last > windows.milliseconds(forget):
            return 0
        return record.failures

    def forgive(self, kind: str, name: str, amount: int, forget: float) -> None:
        """Take back failures; a name without any is not remembered."""
        record = self._failures.records.get((kind, name))
        if record is not None:
            record.failures = max(0, self.failures(kind, name, forget) - amount)
            if not record.failures:
                del self._failures.records[kind, name]

    def _now(self) -> int:
        return windows.milliseconds(self._clock.seconds())


class _Amounts:
    """What one name spent."""

    __slots__ = ("last", "ring")

    def __init__(self, now: int) -> None:
        self.last = now
        self.ring = [0] * windows.RING


class _Failures:
    """How often one name failed."""

    __slots__ = ("failures", "last")

    def __init__(self) -> None:
        self.failures = 0
        self.last = 0


class _Quietest(Generic[_Record]):
    """Records by key, the one quiet longest first; that one makes room."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self.records: OrderedDict[_Key, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self.records)

    def get(self, key: _Key) -> _Record | None:
        """The record, which is quiet no more."""
        record = self.records.get(key)
        if record is not None:
            self.records.move_to_end(key)
        return record

    def put(self, key: _Key, record: _Record) -> _Record:
        """A new record."""
        self.records[key] = record
        if len(self.records) > self._entries:
            self.records.popitem(last=False)
        return record
