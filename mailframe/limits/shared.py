"""Tallies that all workers of a node share, without locks (see `mailframe.limits.table`).

What is open, spent or failed is what all places hold together; each worker writes its own place. Two workers that ask
in the same microseconds may both be told that there is room for the last one of an amount. Of what is open there are
never more than the limit: it is written first, and taken back when the others' made it too many; so at worst both are
refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from zope.interface import implementer

from . import windows
from .interfaces import ITallies
from .memory import Clock
from .records import (
    COUNT,
    COUNT_BITS,
    COUNT_MASK,
    LAST,
    LENGTH,
    RING,
    Life,
    end,
    life_of_amounts,
    life_of_failures,
    together,
)
from .table import TAKEN, Place, Records, Table, new_place


class _Mine:
    """What one name has open in this process, and where that is written; -1 for nowhere."""

    __slots__ = ("count", "slot")

    def __init__(self, slot: int) -> None:
        self.count = 1
        self.slot = slot


@implementer(ITallies)
class SharedTallies:
    """One worker's view of the tallies of its node.

    Args:
        table: shared with the others.
        place: this worker's; the parent has given it. None where there was none left: it counts what the others
            count as well, but they do not see what this one counts.
        clock: tells the time of day, so that all workers agree and a restart of the node is no amnesty.
    """

    def __init__(self, table: Table, place: int | None, clock: Clock) -> None:
        self._table = table
        self._number = place
        self._clock = clock
        self._digest = table.digest
        self._own = table.place(place) if place is not None else new_place(table.entries)
        self._tenant = table.tenant(place) if place is not None else 1
        self._open: dict[int, _Mine] = {}
        self._changes = -1
        self._others: list[Place] = []
        self._neighbours: list[tuple[Place, int]] = []

    # What is open.

    def enter(self, kind: str, name: str, limit: int) -> bool:
        """One more is open, unless that is too many (see `ITallies.enter`)."""
        digest = self._digest(kind, name)
        mine = self._open.get(digest)
        count = mine.count if mine is not None else 0
        if limit and count + self._open_elsewhere(digest) >= limit:
            return False
        if mine is None:
            self._open[digest] = mine = _Mine(self._slot_for(digest))
        else:
            mine.count = count + 1
        self._write(mine)
        if limit and mine.count + self._open_elsewhere(digest) > limit:
            self._leave(digest)
            return False
        return True

    def leave(self, kind: str, name: str) -> None:
        """One is open no more."""
        self._leave(self._digest(kind, name))

    def count(self, kind: str, name: str) -> int:
        """How many are open now."""
        digest = self._digest(kind, name)
        mine = self._open.get(digest)
        return (mine.count if mine is not None else 0) + self._open_elsewhere(digest)

    def _leave(self, digest: int) -> None:
        mine = self._open.get(digest)
        if mine is None:
            return
        mine.count -= 1
        self._write(mine)
        if not mine.count:
            del self._open[digest]

    def _slot_for(self, digest: int) -> int:
        """A record that nobody has; where there is none, only this worker counts that name."""
        records, words = self._own.open, self._own.open.words
        for slot in records.candidates(digest):
            written = words[slot]
            if not written & COUNT_MASK or written >> COUNT_BITS != self._tenant:
                records.take(slot, digest, (0,))
                return slot
        return -1

    def _write(self, mine: _Mine) -> None:
        if mine.slot >= 0:
            self._own.open.words[mine.slot] = self._tenant << COUNT_BITS | mine.count

    def _open_elsewhere(self, digest: int) -> int:
        if self._table.changes() != self._changes:
            self._look_around()
        count = 0
        for place, tenant in self._neighbours:
            slot = place.open.find(digest)
            if slot >= 0:
                written = place.open.words[slot]
                # Another digest's by now, perhaps; then it is a count of something else, for this once.
                if written >> COUNT_BITS == tenant and place.open.digests[slot] == digest:
                    count += written & COUNT_MASK
        return count

    # Amounts.

    def spend(self, kind: str, name: str, amount: int, limit: int, window: float) -> bool:
        """Add an amount, unless that is too much (see `ITallies.spend`)."""
        digest, now, length = self._digest(kind, name), self._now(), windows.slice_length(window)
        if limit and self._spent(digest, now, length) + amount > limit:
            if self._own.amounts.find(digest) >= 0:
                # Whoever is refused is not quiet: a flood of other names must not make us forget him.
                self._add(digest, now, length, 0)
            return False
        self._add(digest, now, length, amount)
        return True

    def spent(self, kind: str, name: str, window: float) -> float:
        """What was spent in the window that ends now."""
        return self._spent(self._digest(kind, name), self._now(), windows.slice_length(window))

    def _spent(self, digest: int, now: int, length: int) -> float:
        full = fading = 0
        for place in self._everybody():
            record = _find(place.amounts, digest)
            if record is not None and record[LENGTH] == length:
                one, other = windows.parts(record[RING:LENGTH], record[LAST], now, length)
                full += one
                fading += other
        return windows.total(full, fading, now, length)

    def _add(self, digest: int, now: int, length: int, amount: int) -> None:
        records = self._own.amounts
        slot = records.find(digest)
        at = slot * records.width
        words = records.words
        if slot < 0 or words[at + LENGTH] != length:
            slot = slot if slot >= 0 else _first_to_end(records, digest, now, life_of_amounts)
            ring = [0] * windows.RING
            ring[now // length % windows.RING] = amount
            records.take(slot, digest, (now, *ring, length))
            return
        if words[at] // length == now // length:
            words[at + RING + now // length % windows.RING] += amount
            words[at] = now
            return
        ring = words[at + RING : at + LENGTH].tolist()
        cleared = ring.copy()
        last = windows.add(cleared, words[at], now, length, 0)
        for number in range(windows.RING):
            if cleared[number] != ring[number]:
                words[at + RING + number] = cleared[number]
        # Only now: whoever reads between takes nothing old for new.
        words[at] = last
        words[at + RING + last // length % windows.RING] += amount

    # Failures.

    def fail(self, kind: str, name: str, forget: float) -> None:
        """One more failure."""
        digest, now = self._digest(kind, name), self._now()
        self._change(digest, 1, now, now, windows.milliseconds(forget))

    def failures(self, kind: str, name: str, forget: float) -> int:
        """Failures that are not forgotten."""
        digest = self._digest(kind, name)
        found = together(self._failures(digest), self._now(), windows.milliseconds(forget))
        return max(0, sum(record[COUNT] for record in found))

    def forgive(self, kind: str, name: str, amount: int, forget: float) -> None:
        """Take back failures, whoever counted them."""
        digest, now, quiet = self._digest(kind, name), self._now(), windows.milliseconds(forget)
        found = together(self._failures(digest), now, quiet)
        amount = min(amount, sum(record[COUNT] for record in found))
        if amount > 0:
            # Forgiving is no failure: it happened when the last of them did.
            self._change(digest, -amount, found[0][LAST], now, quiet)

    def _failures(self, digest: int) -> list[list[int]]:
        found = []
        for place in self._everybody():
            record = _find(place.failures, digest)
            if record is not None:
                found.append(record)
        return found

    def _change(self, digest: int, amount: int, when: int, now: int, quiet: int) -> None:
        records, words = self._own.failures, self._own.failures.words
        slot = records.find(digest)
        if slot < 0:
            slot = _first_to_end(records, digest, now, life_of_failures)
            records.take(slot, digest, (when, amount, when, quiet))
            return
        at = slot * records.width
        mine = words[at : at + records.width].tolist()
        if mine not in together(self._failures(digest), now, quiet):
            # What is there was forgotten long ago.
            records.take(slot, digest, (when, amount, when, quiet))
            return
        words[at + COUNT] += amount
        words[at + LAST] = max(mine[LAST], when)

    # Who there is.

    def _everybody(self) -> Iterator[Place]:
        if self._table.changes() != self._changes:
            self._look_around()
        yield self._own
        yield from self._others

    def _look_around(self) -> None:
        table = self._table
        # First the number: a change while we look is seen the next time.
        self._changes = table.changes()
        tenants = {
            number: table.tenant(number)
            for number in range(table.places)
            if number != self._number and table.tenant(number)
        }
        places = {number: table.place(number) for number in tenants}
        self._others = list(places.values())
        self._neighbours = [(places[number], tenant) for number, tenant in tenants.items() if tenant > 0]

    def _now(self) -> int:
        return windows.milliseconds(self._clock.seconds())


def _find(records: Records, digest: int) -> list[int] | None:
    slot = records.find(digest)
    return records.read(slot, digest) if slot >= 0 else None


def _first_to_end(records: Records, digest: int, now: int, life: Life) -> int:
    """Where a new record goes: where none was yet, or instead of the one that is the first to end."""
    found, soonest = -1, 0
    for slot in records.candidates(digest):
        if records.digests[slot] in (0, TAKEN):
            return slot
        at = slot * records.width
        record = records.words[at : at + records.width].tolist()
        ends = end(record[LAST], life(record), now)
        if found < 0 or ends < soonest:
            found, soonest = slot, ends
    return found
