"""What a reader raises, and what readers share."""

from __future__ import annotations

import os
from collections.abc import Iterator

LAST_UID = (1 << 32) - 2
"""The highest UID that still has a next one."""


class BrokenFile(ValueError):
    """A file is not what its name says; nothing in it can be relied on."""


def lines_of(octets: bytes) -> Iterator[str]:
    """Lines of a file as text, without line ends; a last line that was not finished is left out.

    A writer that was interrupted leaves half a line, and half a file name is another file's name.
    """
    end = octets.rfind(b"\n")
    if end >= 0:
        yield from os.fsdecode(octets[:end]).split("\n")


def number(text: str, highest: int = LAST_UID + 1) -> int | None:
    """A decimal number from 0 to ``highest``; None where it is not one."""
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        return None
    value = int(text)
    return value if value <= highest else None


def base_of(name: str) -> str:
    """A message file's name without its flags."""
    return name.partition(":")[0]
