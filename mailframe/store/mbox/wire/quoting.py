"""Lines of a message that look like separators, and how they are written.

*mboxrd* puts ``>`` before every line that begins with ``From `` behind any number of ``>``, and so can be undone
exactly. *mboxo* does it to ``From `` only: whether a line had its ``>`` before nobody can tell afterwards, so nothing
is undone. *mboxcl2* quotes nothing and trusts in ``Content-Length``.
"""

from __future__ import annotations

import re
from typing import Literal

Format = Literal["mboxrd", "mboxo", "mboxcl2"]
"""How separators within messages are written."""

_RD = re.compile(rb"^(>*From )", re.MULTILINE)
_RD_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_O = re.compile(rb"^(From )", re.MULTILINE)
_BARE = re.compile(rb"^From ", re.MULTILINE)
# A piece that ends so may go on with what makes the line a separator.
_OPEN = re.compile(rb"(?:\A|(?<=\n))>*(?:F(?:r(?:om?)?)?)?\Z")


def quote(octets: bytes, format: Format) -> tuple[bytes, bool]:
    """A message's octets as they are written, and whether `unquote` gives them back.

    Args:
        octets: whole lines (the last may lack its end).
        format: see `Format`. What mboxo changes is changed for good.
    """
    if b"From " not in octets or format == "mboxcl2":
        return octets, False
    if format == "mboxo":
        return _O.sub(rb">\1", octets), False
    quoted, count = _RD.subn(rb">\1", octets)
    return quoted, count > 0


def unquote(octets: bytes, at_line_start: bool = True) -> bytes:
    """What mboxrd has quoted, as it was.

    Args:
        octets: a piece of a message.
        at_line_start: does it begin a line?
    """
    if b">From " not in octets:
        return octets
    return _RD_QUOTED.sub(rb"\1", octets) if at_line_start else _RD_QUOTED.sub(rb"\1", b"x" + octets)[1:]


def is_quoted(octets: bytes) -> bool:
    """Is there a line that `unquote` would change?"""
    return b">From " in octets and _RD_QUOTED.search(octets) is not None


def has_bare(octets: bytes) -> bool:
    """Is there a line that a writer who quotes would have quoted?"""
    return b"From " in octets and _BARE.search(octets) is not None


def open_end(octets: bytes, at_line_start: bool) -> int:
    """How many octets at the end of a piece may be the beginning of a quoted line; they wait for the next piece.

    Args:
        octets: the piece.
        at_line_start: does it begin a line?
    """
    match = _OPEN.search(octets)
    if match is None or (match.start() == 0 and not at_line_start):
        return 0
    return len(octets) - match.start()
