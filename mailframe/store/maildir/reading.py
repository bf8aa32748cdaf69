"""Reading messages: octets with CRLF line ends at any offset, fast in ascending windows of large files."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator

from mailframe.message.content import CHUNK
from mailframe.store.files import Files
from mailframe.store.line_ends import Form, length_with_crlf, with_crlf

LARGE = 256 * 1024
"""Files larger than this on disk stay open for a while and are read piece by piece."""
OPEN_LIMIT = 16
"""Large files that one thread keeps open."""


class LargeFile:
    """One large message file, open.

    It remembers at which offset of the message each piece of `CHUNK` octets of the file begins, as far as it
    was read: a window further on goes on from there instead of from the start.

    Args:
        files: does the work.
        descriptor: the file; this object closes it.
        form: how its octets lie.
    """

    def __init__(self, files: Files, descriptor: int, form: int) -> None:
        self._files = files
        self._descriptor = descriptor
        self._form = form
        self._starts = [0]
        self.path = ""

    def read(self, offset: int, length: int | None) -> bytes:
        """Octets of the message; fewer at its end.

        Raises:
            OSError: the file cannot be read.
        """
        if self._form == Form.VERBATIM and length is not None:
            return self._files.read(self._descriptor, length, offset)
        found: list[bytes] = []
        for start, piece in self._pieces_from(offset):
            if start < offset:
                piece = piece[offset - start :]
            if length is not None:
                piece = piece[:length]
                length -= len(piece)
            found.append(piece)
            if length == 0:
                break
        return b"".join(found)

    def pieces(self) -> Iterator[bytes]:
        """All octets of the message, in order."""
        return (piece for _, piece in self._pieces_from(0))

    def close(self) -> None:
        """Close the file."""
        self._files.close(self._descriptor)

    def _pieces_from(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Where each piece begins in the message, and its octets, from the one that ``offset`` is in."""
        number = bisect_right(self._starts, offset) - 1
        while True:
            start = self._starts[number]
            # A CR before the piece decides what an LF at its start is.
            before = 1 if self._form == Form.MIXED and number else 0
            octets = self._files.read(self._descriptor, CHUNK + before, number * CHUNK - before)
            after_cr = octets.startswith(b"\r") if before else False
            octets = octets[before:]
            if not octets:
                return
            end = start + length_with_crlf(octets, self._form, after_cr)
            number += 1
            if number == len(self._starts):
                self._starts.append(end)
            if end > offset:
                yield start, with_crlf(octets, self._form, after_cr)


class LargeFiles:
    """The large files that are open in one thread, the longest unused closed first."""

    def __init__(self, files: Files, limit: int = OPEN_LIMIT) -> None:
        self._files = files
        self._limit = limit
        self._open: OrderedDict[str, LargeFile] = OrderedDict()

    def get(self, key: str, path: str, form: int) -> LargeFile:
        """The open file.

        Args:
            key: names the file whatever its flags are.
            path: where it is now.
            form: how its octets lie.

        Raises:
            OSError: it cannot be opened.
        """
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = LargeFile(self._files, self._files.open(path, follow=False), form)
            if len(self._open) > self._limit:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(key)
        return found

    def close(self) -> None:
        """Close all."""
        while self._open:
            self._open.popitem()[1].close()


def read_whole(files: Files, path: str) -> bytes:
    """All octets of a file.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = files.open(path, follow=False)
    try:
        pieces = []
        offset = 0
        while piece := files.read(descriptor, LARGE + 1, offset):
            pieces.append(piece)
            offset += len(piece)
            if len(piece) <= LARGE:
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    finally:
        files.close(descriptor)


def pieces_of(files: Files, path: str) -> Iterator[bytes]:
    """The octets of a file in pieces, as they lie there."""
    descriptor = files.open(path, follow=False)
    try:
        offset = 0
        while piece := files.read(descriptor, CHUNK, offset):
            yield piece
            offset += len(piece)
    finally:
        files.close(descriptor)
