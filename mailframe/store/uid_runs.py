"""UIDs as runs of neighbours: a hundred thousand take as much room as one where none was expunged in between.

Clients speak of sets of UIDs in the same way (RFC 9051 ``sequence-set``), so an answer needs no list either. Values
only, no I/O.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, pairwise
from typing import Final, overload


class UIDRuns(Sequence[int]):
    """UIDs, each once, ascending.

    Args:
        runs: the first and the last UID of each run; ascending, and no two of them touch.

    Attributes:
        runs: the same.
    """

    __slots__ = ("_ends", "runs")

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        self.runs: Final = tuple(runs)
        self._ends: list[int] | None = None

    def __len__(self) -> int:
        ends = self._counted()
        return ends[-1] if ends else 0

    def __bool__(self) -> bool:
        return bool(self.runs)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(range(first, last + 1) for first, last in self.runs)

    def __contains__(self, uid: object) -> bool:
        if not isinstance(uid, int):
            return False
        at = bisect_right(self.runs, (uid, uid))
        # The run that begins at or before it is one of two: a run that begins with it sorts behind it.
        return any(first <= uid <= last for first, last in self.runs[max(0, at - 1) : at + 1])

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return self._between(start, stop) if step == 1 else list(map(self._at, range(start, stop, step)))
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError("there are not so many UIDs")
        return self._at(place)

    def __eq__(self, other: object) -> bool:
        return self.runs == other.runs if isinstance(other, UIDRuns) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.runs)

    def __repr__(self) -> str:
        text = ",".join(f"{first}:{last}" if first != last else str(first) for first, last in self.runs[:10])
        return f"<UIDs {text}{',...' if len(self.runs) > 10 else ''}>"

    def missing(self, uidnext: int) -> UIDRuns:
        """All others below UIDNEXT."""
        bounds = [(0, 0), *self.runs, (uidnext, uidnext)]
        between = ((one[1] + 1, other[0] - 1) for one, other in pairwise(bounds))
        return UIDRuns((first, last) for first, last in between if first <= last)

    def _between(self, start: int, stop: int) -> list[int]:
        ends, found = self._counted(), list[int]()
        for run in range(bisect_right(ends, start), len(ends)):
            if start >= stop:
                break
            first = self.runs[run][1] - (ends[run] - 1 - start)
            count = min(stop, ends[run]) - start
            found.extend(range(first, first + count))
            start += count
        return found

    def _at(self, place: int) -> int:
        ends = self._counted()
        run = bisect_right(ends, place)
        return self.runs[run][1] - (ends[run] - 1 - place)

    def _counted(self) -> list[int]:
        """How many UIDs there are up to the end of each run."""
        if self._ends is None:
            self._ends = list(accumulate(last - first + 1 for first, last in self.runs))
        return self._ends


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of each run of neighbours; numbers from 1 on, in any order."""
    return merged((number, number) for number in sorted(numbers))


def merged(parts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs without overlap, of runs that may overlap or touch and are sorted by their beginnings."""
    first = last = 0
    for begin, end in parts:
        if first and begin <= last + 1:
            last = max(last, end)
            continue
        if first:
            yield first, last
        first, last = begin, end
    if first:
        yield first, last


def without(parts: Iterable[tuple[int, int]], gone: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of runs when others are taken out; both sorted, neither with overlaps."""
    left: list[tuple[int, int]] = []
    place = 0
    for first, last in parts:
        while place < len(gone) and gone[place][1] < first:
            place += 1
        at = place
        while first <= last and at < len(gone) and gone[at][0] <= last:
            if first < gone[at][0]:
                left.append((first, gone[at][0] - 1))
            first = max(first, gone[at][1] + 1)
            at += 1
        if first <= last:
            left.append((first, last))
    return left
