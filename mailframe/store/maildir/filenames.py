"""Names of message files: unique, with their sizes, and with the flags that all Maildir programs know.

``1700000000.M123456P789Q1.host,S=4911,W=5000:2,FS``: the seconds, microseconds, process and a number make it unique
(https://cr.yp.to/proto/maildir.html); ``S`` is the size on disk and ``W`` that with CRLF line ends, as Maildir++ has
them, so that whoever lists the directory need not open the files. What comes from the colon on is the info.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_LETTERS = {"D": 16, "F": 4, "R": 2, "S": 1, "T": 8}
_SIZES = re.compile(r",S=(\d{1,15}),W=(\d{1,15})(?=,|$)")
_SECONDS = re.compile(r"\d{1,18}")
NO_FLAGS = ":2,"
SEPARATORS = ":;!"


def with_sizes(unique: str, disk_size: int, size: int) -> str:
    """The name with both sizes."""
    return f"{unique},S={disk_size},W={size}"


def split(name: str) -> tuple[str, str]:
    """A directory entry as the file's own name, and the info with its colon or ''.

    The info is behind the last colon that ``1,`` or ``2,`` follows: other colons are a part of the name, and two
    names must not become one. Where file systems know no colon, programs write ``;`` or ``!``; all are read.
    """
    for at in range(len(name) - 3, -1, -1):
        if name[at] in SEPARATORS and name[at + 1] in "12" and name[at + 2] == ",":
            return name[:at], name[at:]
    return name, ""


def sizes(file: str) -> tuple[int, int] | None:
    """The size on disk and that with CRLF line ends, where the name tells both."""
    match = _SIZES.search(file)
    return None if match is None else (int(match[1]), int(match[2]))


def order(file: str) -> tuple[int, str]:
    """Sorts names as the messages came."""
    match = _SECONDS.match(file)
    return int(match[0]) if match else 0, file


def flags_of(info: str) -> int:
    """System flags, as the catalogue's bits, that an info has."""
    letters, _ = _letters_and_fields(info)
    return sum(_LETTERS.get(letter, 0) for letter in letters)


def letters_of(info: str) -> set[str]:
    """All letters of an info."""
    return _letters_and_fields(info)[0]


def info_for(
    flags: int, before: str | None, keywords: Collection[str] = (), known: Collection[str] = ()
) -> str:
    """The info for the catalogue's flag bits.

    Args:
        flags: the bits.
        before: the info so far: letters and fields that other programs put there, and we do not know, stay.
        keywords: letters of its keywords.
        known: letters that are keywords here.
    """
    told, fields = _letters_and_fields(before or "")
    letters = {letter for letter, bit in _LETTERS.items() if flags & bit} | (told - _LETTERS.keys())
    letters = (letters - set(known)).union(keywords)
    return (before or NO_FLAGS)[0] + "2," + "".join(sorted(letters)) + fields


def _letters_and_fields(info: str) -> tuple[set[str], str]:
    """The letters of an info, and what follows them from the next comma on.

    Dovecot takes no letter behind that comma for a flag, and keeps what is there (``maildir-filename-flags.c``); so
    does this.
    """
    if info[1:3] != "2,":
        return set(), ""
    letters, comma, fields = info[3:].partition(",")
    return set(letters), comma + fields
