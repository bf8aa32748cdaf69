"""Reading messages out of an mbox file: whole, or windows of large ones. Blocking.

A message is taken for the one that the catalogue means when its header section is the one that it came with. No lock
is needed for that, and a file that was changed meanwhile is noticed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from mailframe.store.catalogue.rows import MessageRow
from mailframe.store.line_ends import with_crlf

from .files import MboxFiles
from .octets import (
    LINE_ENDS,
    NO_LINE_END,
    QUOTED,
    Spot,
    fingerprint,
    message,
    own_header,
    pieces,
    shown_header,
)
from .tree import signature
from .wire.quoting import unquote

LARGE = 256 * 1024
"""Larger messages are read piece by piece, from a file that stays open for a while."""
OPEN_LIMIT = 8
"""Such files that one thread keeps open."""


class Misplaced(OSError):
    """The message is not where the catalogue has it."""


def read_whole(files: MboxFiles, path: str, row: MessageRow) -> bytes:
    """A message.

    Raises:
        Misplaced: it is not there.
        OSError: the file cannot be read.
    """
    spot = Spot.of(row.info)
    descriptor = files.open(path)
    try:
        before = signature(files.status_of(descriptor))
        octets = files.read(descriptor, spot.header + spot.body, spot.text)
        if signature(files.status_of(descriptor)) != before:
            raise Misplaced
    finally:
        files.close(descriptor)
    header = shown_header(octets[: spot.header], spot.block)
    if len(octets) < spot.header + spot.body or fingerprint(header, spot.body) != row.file:
        raise Misplaced
    return message(header, octets[spot.header :], row.form or 0)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a piece begins: in the file, in the message, and what is before it."""

    at: int
    offset: int
    line_start: bool
    after_cr: bool


class LargeMessage:
    """One large message, in an open file.

    It remembers where pieces begin, as far as it was read: a window further on goes on from there.

    Args:
        files: does the work.
        path: of the mailbox.
        row: of the message.

    Raises:
        Misplaced: it is not there.
        OSError: the file cannot be opened.
    """

    def __init__(self, files: MboxFiles, path: str, row: MessageRow) -> None:
        self._files = files
        self._spot = spot = Spot.of(row.info)
        self._form = row.form or 0
        self._descriptor = files.open(path)
        try:
            self._signature = signature(files.status_of(self._descriptor))
            header = shown_header(files.read(self._descriptor, spot.header, spot.text), spot.block)
            if fingerprint(header, spot.body) != row.file:
                raise Misplaced
        except BaseException:
            self.close()
            raise
        header = own_header(header, self._form, spot.body > 0)
        header = unquote(header) if self._form & QUOTED else header
        self._header = with_crlf(header, self._form & LINE_ENDS)
        self._end = spot.end - (1 if self._form & NO_LINE_END and spot.body else 0)
        self._marks = [_Mark(spot.body_offset, len(self._header), True, False)]

    def read(self, offset: int, length: int | None) -> bytes:
        """Octets of the message; fewer at its end.

        Raises:
            Misplaced: the file was changed.
        """
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
        with suppress(OSError):
            self._files.close(self._descriptor)

    def _pieces_from(self, offset: int) -> Iterator[tuple[int, bytes]]:
        if offset < len(self._header):
            yield 0, self._header
        number = bisect_right(self._marks, offset, key=lambda mark: mark.offset) - 1
        mark = self._marks[max(number, 0)]
        for piece, line_start in pieces(self._read, mark.at, self._end, mark.line_start):
            octets = unquote(piece, line_start) if self._form & QUOTED else piece
            octets = with_crlf(octets, self._form & LINE_ENDS, mark.after_cr)
            start = mark.offset
            mark = _Mark(
                mark.at + len(piece), start + len(octets), piece.endswith(b"\n"), piece.endswith(b"\r")
            )
            if mark.offset > self._marks[-1].offset:
                self._marks.append(mark)
            if mark.offset > offset:
                yield start, octets

    def _read(self, count: int, offset: int) -> bytes:
        octets = self._files.read(self._descriptor, count, offset)
        if signature(self._files.status_of(self._descriptor))[1:] != self._signature[1:]:
            # The name may go (another file took its place), the content may not.
            raise Misplaced
        return octets


class LargeMessages:
    """The large messages that are open in one thread, the longest unused closed first."""

    def __init__(self, files: MboxFiles, limit: int = OPEN_LIMIT) -> None:
        self._files = files
        self._limit = limit
        self._open: OrderedDict[str, LargeMessage] = OrderedDict()

    def get(self, account: str, path: str, row: MessageRow) -> LargeMessage:
        """The open message.

        Raises:
            Misplaced: it is not where its row says.
            OSError: the file cannot be opened.
        """
        key = f"{account}/{row.id}/{row.info}"
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = LargeMessage(self._files, path, row)
            if len(self._open) > self._limit:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(key)
        return found

    def forget(self, account: str, row: MessageRow) -> None:
        """Close it: the file was changed."""
        found = self._open.pop(f"{account}/{row.id}/{row.info}", None)
        if found is not None:
            found.close()

    def close(self) -> None:
        """Close all."""
        while self._open:
            self._open.popitem()[1].close()
