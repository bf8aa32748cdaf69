"""What is read of a file. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailframe.directory.entries import Entry


@dataclass(frozen=True, slots=True)
class Read:
    """One entry of a file.

    Attributes:
        line: where it begins, from 1.
        entry: the entry.
        complete: all that there is to say of it; otherwise what is there already stays, but for what is said.
    """

    line: int
    entry: Entry
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that is none.

    Attributes:
        line: its number, from 1.
        text: what is wrong, for people; never a password.
    """

    line: int
    text: str


Found = Iterator[Read | Problem]


def logical_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines as Postfix reads them: comments and empty ones left out, those that begin with white space joined on."""
    number, text = 0, ""
    for place, line in enumerate(lines, 1):
        line = line.rstrip("\r\n")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and text:
            text += line
            continue
        if text:
            yield number, text
        number, text = place, line
    if text:
        yield number, text
