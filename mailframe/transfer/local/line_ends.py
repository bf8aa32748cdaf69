"""Line ends: CRLF as messages have them, LF as files mostly do. Octets in pieces, in both directions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_BARE_LF = re.compile(rb"(?<!\r)\n")


def to_crlf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same with a CR before every LF that has none; a bare CR stays."""
    last = b""
    for piece in pieces:
        if not piece:
            continue
        # A CR at the end of the piece before belongs to a LF at the beginning of this one.
        yield _BARE_LF.sub(b"\r\n", last + piece)[len(last) :]
        last = b"\r" if piece.endswith(b"\r") else b""


def to_lf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same with each CRLF made LF."""
    held = b""
    for piece in pieces:
        piece = held + piece
        held = b"\r" if piece.endswith(b"\r") else b""
        if held:
            piece = piece[:-1]
        if piece:
            yield piece.replace(b"\r\n", b"\n")
    if held:
        yield held
