"""Courier's ``courierpop3dsizelist``: what its POP3 server called messages, and their sizes.

Version 2 and 3 begin with ``/<version> <next number> <uidvalidity>``, version 1 with ``/1 <next number>``; version 0
has no such line. A line is ``<file> <size> [<number>[:<uidvalidity>[:<is UTF-8>]]]``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from .broken import base_of, lines_of, number

_QUOTED = "'\"+"


@dataclass(frozen=True, slots=True)
class Sized:
    """One message.

    Attributes:
        file: its file, without flags.
        size: octets with CRLF line ends.
        number: what UIDL tells of it; 0: it tells the file's name.
        uidvalidity: tells numbers of one list from those of a list that was lost; 0: none is told.
    """

    file: str
    size: int
    number: int = 0
    uidvalidity: int = 0

    @property
    def uidl(self) -> str:
        """What Courier answers to UIDL."""
        if not self.number:
            return quoted(self.file)
        return f"UID{self.number}-{self.uidvalidity}" if self.uidvalidity else f"UID{self.number}"


def read(octets: bytes) -> list[Sized]:
    """The messages, in the file's order; lines that are none are left out."""
    lines = list(lines_of(octets))
    if lines and lines[0].startswith("/"):
        del lines[0]
    return [found for found in map(_sized, lines) if found is not None]


def write(messages: Iterable[Sized], uidnext: int, uidvalidity: int) -> bytes:
    """The file, in version 2, which version 3's programs read as well.

    Args:
        uidnext: the next message's number.
        uidvalidity: the next message's.
    """
    lines = [f"/2 {uidnext} {uidvalidity}"]
    lines += [f"{one.file} {one.size} {one.number}:{one.uidvalidity}" for one in messages]
    return os.fsencode("".join(f"{line}\n" for line in lines))


def quoted(file: str) -> str:
    """A file's name as a UIDL: characters that one cannot have as ``+`` and two digits."""
    return "".join(
        chr(octet) if 0x21 <= octet <= 0x7E and chr(octet) not in _QUOTED else f"+{octet:02X}"
        for octet in os.fsencode(file)
    )


def _sized(line: str) -> Sized | None:
    fields = line.rsplit(" ", 2)
    # Version 0 has no number; a file's name may have spaces in it.
    numbers = _numbers(fields[2]) if len(fields) == 3 else None
    if numbers is None or number(fields[1], 1 << 62) is None:
        fields, numbers = line.rsplit(" ", 1), (0, 0)
    size = number(fields[1], 1 << 62) if len(fields) > 1 else None
    file = base_of(fields[0])
    return Sized(file, size, *numbers) if file and size is not None else None


def _numbers(text: str) -> tuple[int, int] | None:
    found = [number(part, 1 << 62) for part in text.split(":")]
    if not 1 <= len(found) <= 3 or found[0] is None or None in found:
        return None
    return found[0], (found[1] or 0) if len(found) > 1 else 0
