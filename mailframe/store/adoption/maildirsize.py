"""``maildirsize``: the quota file of Maildir++.

Its first line has the limits: ``1000000S,1000C``, octets and messages; each other line what was added or taken away
since: octets and messages, in columns of twelve. The sums are what an account holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .broken import BrokenFile, lines_of, number


@dataclass(frozen=True, slots=True)
class Usage:
    """Attributes:
    octets, messages: how many there are.
    octets_limit, messages_limit: how many there may be; 0 for no limit.
    """

    octets: int
    messages: int
    octets_limit: int = 0
    messages_limit: int = 0


def read(octets: bytes) -> Usage:
    """Limits and sums.

    Raises:
        BrokenFile: a line is not as described; whoever keeps the file counts anew.
    """
    lines = lines_of(octets)
    limits = _limits(next(lines, ""))
    octets_sum = messages = 0
    for line in lines:
        fields = line.split()
        if len(fields) != 2:
            raise BrokenFile("a maildirsize with a line that is not two numbers")
        octets_sum += _signed(fields[0])
        messages += _signed(fields[1])
    return Usage(octets_sum, messages, *limits)


def write(usage: Usage) -> bytes:
    """The file, with one line of sums."""
    limits = []
    if usage.octets_limit:
        limits.append(f"{usage.octets_limit}S")
    if usage.messages_limit:
        limits.append(f"{usage.messages_limit}C")
    return f"{','.join(limits)}\n".encode("ascii") + lines([(usage.octets, usage.messages)])


def lines(changes: Iterable[tuple[int, int]]) -> bytes:
    """Lines to append: octets and messages that came, or went where negative."""
    return "".join(f"{octets:>12} {messages:>12}\n" for octets, messages in changes).encode("ascii")


def _limits(line: str) -> tuple[int, int]:
    limits = {"S": 0, "C": 0}
    for field in filter(None, line.strip().split(",")):
        value = number(field[:-1], 1 << 62)
        if value is None:
            raise BrokenFile("a maildirsize whose first line is not limits")
        # Other letters are for other programs.
        limits[field[-1]] = value
    return limits["S"], limits["C"]


def _signed(field: str) -> int:
    value = number(field.removeprefix("-"), 1 << 62)
    if value is None:
        raise BrokenFile("a maildirsize with a line that is not two numbers")
    return -value if field.startswith("-") else value
