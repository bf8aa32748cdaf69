"""The container: headers of ustar files (POSIX.1-1988), no more of it than the archive has. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

BLOCK = 512
END = bytes(2 * BLOCK)
SIZE_LIMIT = 8**11 - 1
"""Octets that one file may have: eleven octal digits."""
_NAME = re.compile(rb"[A-Za-z0-9./_-]{1,99}")
_OCTAL = re.compile(rb"[0-7]{1,11}")
_CHECKSUM = slice(148, 156)


class Entry(NamedTuple):
    """The header of one file."""

    name: str
    size: int
    time: int


class BadContainer(ValueError):
    """It is no archive of ours, or it is damaged."""


def header(entry: Entry) -> bytes:
    """The block in front of a file's octets.

    Raises:
        ValueError: the name or the size cannot be written.
    """
    name = entry.name.encode("ascii")
    if not _NAME.fullmatch(name) or not 0 <= entry.size <= SIZE_LIMIT:
        raise ValueError(f"no file in an archive can be called {entry.name!r} or have {entry.size} octets")
    time = min(max(entry.time, 0), SIZE_LIMIT)
    block = b"".join(
        (
            name.ljust(100, b"\0"), b"0000600\0", b"0000000\0", b"0000000\0", b"%011o\0" % entry.size,
            b"%011o\0" % time, b" " * 8, b"0", bytes(100), b"ustar\x0000", bytes(64), b"0000000\0", b"0000000\0",
            bytes(155),
        )
    ).ljust(BLOCK, b"\0")  # fmt: skip
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padding(size: int) -> int:
    """Octets that fill the last block of a file."""
    return -size % BLOCK


def parse(block: bytes) -> Entry | None:
    """One block as a header; None for the block of zeros that ends the archive.

    Raises:
        BadContainer: it is neither.
    """
    if block == bytes(BLOCK):
        return None
    if len(block) != BLOCK or block[257:263] != b"ustar\0" or block[156:157] != b"0":
        raise BadContainer("this is no archive of Mailframe")
    blank = block[:148] + b" " * 8 + block[156:]
    if _octal(block[_CHECKSUM]) != sum(blank):
        raise BadContainer("a header of the archive is damaged")
    name = block[:100].rstrip(b"\0")
    if not _NAME.fullmatch(name) or block[345:500].strip(b"\0"):
        raise BadContainer("a file in the archive has a name that is none of ours")
    return Entry(name.decode("ascii"), _octal(block[124:136]), _octal(block[136:148]))


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not _OCTAL.fullmatch(digits):
        raise BadContainer("a number in a header of the archive is damaged")
    return int(digits, 8)
