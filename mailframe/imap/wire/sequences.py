"""Sequence sets: which messages a command means, by message sequence number or UID (RFC 3501 section 9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .parser import Parser

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges, ascending, neither overlapping nor touching."""
LARGEST = 0
"""What ``*`` is kept as until it is known."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """A sequence set as it was written.

    Attributes:
        ranges: pairs in any order; `LARGEST` stands for ``*``.
        saved: it is ``$``, the messages that a search saved (RFC 5182); then ``ranges`` is empty.
    """

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False

    def resolve(self, largest: int) -> Ranges:
        """The numbers it means.

        Args:
            largest: what ``*`` stands for: the number or UID of the last message.
        """
        pairs = []
        for first, last in self.ranges:
            first, last = first or largest, last or largest
            pairs.append((first, last) if first <= last else (last, first))
        return merged(pairs)


SAVED = SequenceSet((), saved=True)
"""``$``."""


def sequence_set(parser: Parser) -> SequenceSet:
    """Take a sequence-set: ``1:5,7,*`` or ``$``."""
    if parser.accept(b"$"):
        return SAVED
    pairs = []
    while True:
        first = _number(parser)
        last = _number(parser) if parser.accept(b":") else first
        pairs.append((first, last))
        if not parser.accept(b","):
            return SequenceSet(tuple(pairs))


def merged(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """The same numbers as ascending ranges that neither overlap nor touch."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(pairs):
        if result and first <= result[-1][1] + 1:
            if last > result[-1][1]:
                result[-1] = (result[-1][0], last)
        else:
            result.append((first, last))
    return tuple(result)


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """Ascending numbers as ranges."""
    result: list[tuple[int, int]] = []
    first = last = -1
    for number in numbers:
        if number == last + 1 and first >= 0:
            last = number
            continue
        if first >= 0:
            result.append((first, last))
        first = last = number
    if first >= 0:
        result.append((first, last))
    return tuple(result)


def render_set(numbers: Sequence[int]) -> bytes:
    """Numbers as a uid-set (RFC 4315), in their order: runs that ascend by one become ranges."""
    pieces = [
        b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in ranges_of(numbers)
    ]
    return b",".join(pieces)


def _number(parser: Parser) -> int:
    return LARGEST if parser.accept(b"*") else parser.nz_number()
