"""TOP's cut: the header section, the empty line, and so many lines of the body (RFC 1939 section 7)."""

from __future__ import annotations


class TopCut:
    """Lets the beginning of a message pass, chunk by chunk.

    Args:
        lines: how many lines of the body pass.

    Attributes:
        finished: nothing more will pass.
    """

    __slots__ = ("_in_body", "_lines", "_tail", "finished")

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._in_body = False
        # A message without header begins with the empty line: as if a line had ended before it.
        self._tail = b"\r\n"
        self.finished = False

    def feed(self, chunk: bytes) -> bytes:
        """What passes of the next octets."""
        if self._in_body:
            return self._body(chunk)
        known = self._tail + chunk
        end = known.find(b"\r\n\r\n")
        if end < 0:
            self._tail = known[-3:]
            return chunk
        self._in_body = True
        behind = end + 4 - len(self._tail)
        return chunk[:behind] + self._body(chunk[behind:])

    def _body(self, chunk: bytes) -> bytes:
        count = chunk.count(b"\n")
        if count < self._lines:
            self._lines -= count
            return chunk
        position = 0
        for _ in range(self._lines):
            position = chunk.index(b"\n", position) + 1
        self._lines = 0
        self.finished = True
        return chunk[:position]
