"""The arithmetic of a sliding window, as values: amounts in a ring of slices. No clock, no table.

A window is five slices long and the ring has six, because the window usually begins within the oldest of them: of
that one as much is taken as lies within, as if it had been spent evenly. So a burst is forgotten a fifth of a
window late at most, and a record is six numbers and a time whatever it has seen.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

SLICES = 5
"""Slices in a window."""
RING = SLICES + 1


def milliseconds(seconds: float) -> int:
    """Times in the arithmetic are whole milliseconds, so that every process rounds alike."""
    return int(seconds * 1000)


def slice_length(window: float) -> int:
    """Milliseconds of a slice of a window in seconds."""
    return max(1, milliseconds(window) // SLICES)


def life(length: int) -> int:
    """Milliseconds after which nothing counts any more, for slices of so many milliseconds."""
    return RING * length


def parts(amounts: Sequence[int], last: int, now: int, length: int) -> tuple[int, int]:
    """What a record holds of the window that ends now.

    Args:
        amounts: of the record, in its ring.
        last: milliseconds; when the record was written. May be later than now: clocks are set back.
        now: milliseconds.
        length: milliseconds of a slice.

    Returns:
        What counts in full, and what counts by the part of the oldest slice that lies within the window.
    """
    newest, current = last // length, now // length
    if newest > current:
        # A clock set back by more than a window must not hold anybody for long; by less, nothing is lost.
        if newest - current > RING:
            return 0, 0
        current = newest
    oldest = current - SLICES
    if newest < oldest:
        return 0, 0
    full = 0
    for number in range(oldest + 1, newest + 1):
        full += amounts[number % RING]
    return full, amounts[oldest % RING]


def total(full: int, fading: int, now: int, length: int) -> float:
    """What was spent in all; sums of several records' `parts` may be given."""
    if not fading:
        return full
    return full + fading * (length - now % length) / length


def add(amounts: MutableSequence[int], last: int, now: int, length: int, amount: int) -> int:
    """Add an amount to a record, and clear the slices that ended meanwhile.

    Returns:
        The time to note as the last.
    """
    newest, current = last // length, now // length
    if newest - current > RING:
        newest = current - RING
    elif newest > current:
        now, current = last, newest
    for number in range(max(newest, current - RING) + 1, current + 1):
        amounts[number % RING] = 0
    amounts[current % RING] += amount
    return now
