"""A stream of octets, read up to one place after another: for whoever changes or looks at parts of a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Source:
    """Gives what comes in pieces, in pieces, but never past the place that is asked for.

    Args:
        chunks: the octets, in pieces of any size; an empty one ends them.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._position = 0

    def up_to(self, end: int | None) -> Iterator[bytes]:
        """What lies before ``end`` (an offset; None: everything) and was not given yet."""
        while end is None or self._position < end:
            piece = self._held or next(self._chunks, b"")
            if not piece:
                return
            size = len(piece) if end is None else min(len(piece), end - self._position)
            self._held = piece[size:]
            self._position += size
            yield piece[:size]
