"""Tallies of one process: for embedding, for tests, and as the model of the shared ones."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

from zope.interface import implementer

from . import windows
from .interfaces import ITallies
from .records import end

ENTRIES = 16_384
"""Names that are remembered of each family of counts."""

_Key = tuple[str, str]


class Clock(Protocol):
    """What tells the time; Twisted's reactor and test clocks do."""

    def seconds(self) -> float:
        """Seconds since some moment that is the same for all who share the tallies."""


class _Dated(Protocol):
    """What is remembered of one name."""

    last: int
    """Milliseconds; when it was written last."""


_Record = TypeVar("_Record", bound=_Dated)


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
        self._amounts: _Bounded[_Amounts] = _Bounded(entries)
        self._failures: _Bounded[_Failures] = _Bounded(entries)

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
        now, length = self._now(), windows.slice_length(window)
        record = self._amounts.touch((kind, name), windows.life(length))
        granted = not limit or self.spent(kind, name, window) + amount <= limit
        if record is None and granted:
            record = self._amounts.put((kind, name), windows.life(length), _Amounts(now), now)
        if record is not None:
            # Whoever is refused is not quiet: a flood of other names must not make us forget him.
            record.last = windows.add(record.ring, record.last, now, length, amount if granted else 0)
        return granted

    def spent(self, kind: str, name: str, window: float) -> float:
        """What was spent in the window that ends now."""
        now, length = self._now(), windows.slice_length(window)
        record = self._amounts.get((kind, name), windows.life(length))
        if record is None:
            return 0
        return windows.total(*windows.parts(record.ring, record.last, now, length), now, length)

    def fail(self, kind: str, name: str, forget: float) -> None:
        """One more failure."""
        now, quiet = self._now(), windows.milliseconds(forget)
        failures = self.failures(kind, name, forget)
        record = self._failures.touch((kind, name), quiet)
        if record is None:
            record = self._failures.put((kind, name), quiet, _Failures(now), now)
        record.failures = failures + 1
        record.last = now

    def failures(self, kind: str, name: str, forget: float) -> int:
        """Failures that are not forgotten."""
        quiet = windows.milliseconds(forget)
        record = self._failures.get((kind, name), quiet)
        # Either way: a clock that is set back must not hold anybody until it has caught up.
        if record is None or abs(self._now() - record.last) > quiet:
            return 0
        return record.failures

    def forgive(self, kind: str, name: str, amount: int, forget: float) -> None:
        """Take back failures; a name without any is not remembered."""
        quiet = windows.milliseconds(forget)
        record = self._failures.get((kind, name), quiet)
        if record is not None:
            record.failures = max(0, self.failures(kind, name, forget) - amount)
            if not record.failures:
                self._failures.remove((kind, name), quiet)

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

    def __init__(self, now: int) -> None:
        self.failures = 0
        self.last = now


class _Bounded(Generic[_Record]):
    """Records by how long they live and by key; where there are too many, the first to end makes room."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._alike: dict[int, OrderedDict[_Key, _Record]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._alike.values()))

    def get(self, key: _Key, life: int) -> _Record | None:
        """The record."""
        alike = self._alike.get(life)
        return alike.get(key) if alike is not None else None

    def touch(self, key: _Key, life: int) -> _Record | None:
        """The record, which is about to be written."""
        record = self.get(key, life)
        if record is not None:
            self._alike[life].move_to_end(key)
        return record

    def put(self, key: _Key, life: int, record: _Record, now: int) -> _Record:
        """A new record."""
        if len(self) >= self._entries:
            self._make_room(now)
        self._alike.setdefault(life, OrderedDict())[key] = record
        return record

    def remove(self, key: _Key, life: int) -> None:
        """Forget a record."""
        del self._alike[life][key]

    def _make_room(self, now: int) -> None:
        ends = {
            life: end(next(iter(alike.values())).last, life, now)
            for life, alike in self._alike.items()
            if alike
        }
        # Among those that live alike it is the one that was written longest ago.
        self._alike[min(ends, key=lambda life: ends[life])].popitem(last=False)
