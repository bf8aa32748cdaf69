"""What the words of the shared records are, and what several workers' records of one name are together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import windows

COUNT_BITS = 24
COUNT_MASK = (1 << COUNT_BITS) - 1
"""What is open is one word: how many, and above these bits whose it is (see `Table.tenant`)."""

LAST = 0
"""Of amounts and failures: milliseconds of the day they were last added to."""
RING, LENGTH = 1, 7
"""Of amounts: how much in each slice (see `mailframe.limits.windows`), and milliseconds of a slice."""
COUNT, SINCE, QUIET = 1, 2, 3
"""Of failures: how many in this record (fewer than none, where those of another were forgiven); when the first was
that they belong together with; and the milliseconds of quiet that make a name clean."""


Life = Callable[[Sequence[int]], int]


def life_of_amounts(record: Sequence[int]) -> int:
    """Milliseconds from the last word of a record of amounts until it says nothing any more."""
    return windows.life(record[LENGTH])


def life_of_failures(record: Sequence[int]) -> int:
    """The same of a record of failures."""
    return record[QUIET]


def end(last: int, life: int, now: int) -> int:
    """When a record is worth nothing any more, in milliseconds; 0 for one that is worth nothing now.

    Those that will count longest are kept when there is no room for all. Were it those written last, then
    names that many strangers bring, counted for a minute, would push out what is counted for a day or a week.

    Args:
        last: when it was written last.
        life: how long it counts from then on.
        now: a record from further in the future than it would live was written before the clock was set back.
    """
    return last + life if last - life <= now <= last + life else 0


def together(found: Sequence[list[int]], now: int, quiet: int) -> list[list[int]]:
    """Those records of failures between which, and since which, there was never so long a quiet; the latest first.

    What is further in the future than that was written before the clock was set back, and counts no more.
    """
    belong = []
    edge = now
    for record in sorted(found, reverse=True):
        if record[LAST] - now > quiet:
            continue
        if edge - record[LAST] > quiet:
            break
        belong.append(record)
        edge = min(edge, record[SINCE])
    return belong


def merge_failures(found: Sequence[list[int]]) -> list[int] | None:
    """One record that says what all say; None when no failure is left."""
    latest = max(found)
    belong = together(found, latest[LAST], latest[QUIET])
    count = sum(record[COUNT] for record in belong)
    return (
        [latest[LAST], count, min(record[SINCE] for record in belong), latest[QUIET]] if count > 0 else None
    )


def merge_amounts(found: Sequence[list[int]]) -> list[int]:
    """One record that says what all say."""
    latest = max(found)
    length = latest[LENGTH]
    newest = latest[LAST] // length
    ring = [0] * windows.RING
    for record in found:
        if record[LENGTH] != length:
            continue
        last = record[LAST] // length
        for number in range(max(last, newest) - windows.SLICES, last + 1):
            ring[number % windows.RING] += record[RING + number % windows.RING]
    return [latest[LAST], *ring, length]
