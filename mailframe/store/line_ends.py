"""How octets lie in a message file, and how they become octets with CRLF line ends, which is what a store gives."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Literal

LineEnds = Literal["lf", "crlf"]
"""How new files are written: with LF, as Maildir programs expect, or as received, which reads faster."""


class Form(enum.IntEnum):
    """How a file's octets become the message's."""

    LF = 0
    """Every LF stands for CRLF."""
    VERBATIM = 1
    """They are the message's octets."""
    MIXED = 2
    """Another program's file: an LF without a CR before it stands for CRLF."""


def stored(octets: bytes, line_ends: LineEnds) -> tuple[bytes, Form]:
    """What is written to a file for a message's octets.

    A message with a bare CR or LF is always kept as it is: with LF line ends it could not be told any more
    which of them were CRLF.
    """
    if line_ends == "lf":
        # Taking out all CRs is four times as fast as replacing pairs (26 against 101 microseconds for 64 KiB).
        without = octets.translate(None, b"\r")
        pairs = len(octets) - len(without)
        # As many CRs as LFs as lines: none stands alone (for 64 KiB, 30 microseconds less than counting pairs).
        lines = len(octets.splitlines()) - bool(octets and not octets.endswith((b"\r", b"\n")))
        if without.count(b"\n") == pairs == lines:
            return without, Form.LF
    return octets, Form.VERBATIM


def with_crlf(octets: bytes, form: int, after_cr: bool = False) -> bytes:
    """A piece of a file as the message's octets.

    Args:
        octets: the piece.
        form: of the file.
        after_cr: is the octet before it a CR? Only `Form.MIXED` asks.
    """
    if form == Form.VERBATIM:
        return octets
    if form == Form.LF:
        return octets.replace(b"\n", b"\r\n")
    if after_cr and octets.startswith(b"\n"):
        return b"\n" + with_crlf(octets[1:], form)
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def length_with_crlf(octets: bytes, form: int, after_cr: bool = False) -> int:
    """The length of `with_crlf`, without making it."""
    if form == Form.VERBATIM:
        return len(octets)
    length = len(octets) + octets.count(b"\n")
    if form == Form.MIXED:
        length -= octets.count(b"\r\n") + (after_cr and octets.startswith(b"\n"))
    return length


def look(pieces: Iterable[bytes]) -> tuple[Form, int]:
    """The form of another program's file, and the message's size.

    Args:
        pieces: all its octets.
    """
    octets = lines = pairs = 0
    after_cr = False
    for piece in pieces:
        octets += len(piece)
        lines += piece.count(b"\n")
        pairs += piece.count(b"\r\n") + (after_cr and piece.startswith(b"\n"))
        if piece:
            after_cr = piece.endswith(b"\r")
    if pairs == 0:
        return Form.LF, octets + lines
    if pairs == lines:
        return Form.VERBATIM, octets
    return Form.MIXED, octets + lines - pairs
