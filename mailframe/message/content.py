"""The content of a mail object: octets with CRLF line ends, in memory or in a file.

A `Content` is a prefix (trace fields that were added here) followed by a body of octets that is never
copied again. Reading a body that lies in a file blocks: iterate over ``chunks`` in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

CHUNK = 64 * 1024
"""Octets a piece when content is streamed."""


class Body(Protocol):
    """The octets behind a content; shared by all contents made from it."""

    @property
    def size(self) -> int:
        """Octets in all."""

    @property
    def head(self) -> bytes:
        """The first octets, at least the first 64 KiB (all, where there are fewer); no I/O."""

    def chunks(self) -> Iterator[bytes]:
        """The octets in order, in pieces of about `CHUNK`; may block on files."""

    def discard(self) -> None:
        """Give back what holds the octets (a temporary file); safe to call twice."""


class OctetsBody:
    """A body in memory."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    @property
    def size(self) -> int:
        """Octets in all."""
        return len(self._octets)

    @property
    def head(self) -> bytes:
        """All of it."""
        return self._octets

    def chunks(self) -> Iterator[bytes]:
        """One piece: the octets are in memory already."""
        if self._octets:
            yield self._octets

    def discard(self) -> None:
        """Nothing to give back."""


class PiecesBody:
    """A body in memory, in pieces as they came: nobody had to copy them into one.

    Args:
        pieces: all octets in order; none empty.
    """

    __slots__ = ("_pieces", "_size")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._size = sum(map(len, pieces))

    @property
    def size(self) -> int:
        """Octets in all."""
        return self._size

    @property
    def head(self) -> bytes:
        """The first pieces."""
        return beginning(self._pieces)

    def chunks(self) -> Iterator[bytes]:
        """The pieces."""
        yield from self._pieces

    def discard(self) -> None:
        """Nothing to give back."""


def beginning(pieces: Sequence[bytes]) -> bytes:
    """As many of some pieces as a head must have."""
    head = b""
    for piece in pieces:
        if len(head) >= CHUNK:
            break
        head += piece
    return head


class FileBody:
    """A body in an open temporary file, which is gone when the last user closed it.

    Args:
        file: an unnamed or unlinked file, readable by ``os.pread``; owned by this object.
        size: octets of content in it.
        head: the first of them, kept in memory.
        start: where in the file they begin.
    """

    __slots__ = ("_file", "_head", "_size", "_start")

    def __init__(self, file: BinaryIO, size: int, head: bytes, start: int = 0) -> None:
        self._file = file
        self._size = size
        self._head = head
        self._start = start

    @property
    def size(self) -> int:
        """Octets in all."""
        return self._size

    @property
    def head(self) -> bytes:
        """What was kept in memory from the start."""
        return self._head

    def chunks(self) -> Iterator[bytes]:
        """Read the file piece by piece; several readers may do so at once. Blocks."""
        import os

        descriptor, offset = self._file.fileno(), 0
        while offset < self._size:
            piece = os.pread(descriptor, min(CHUNK, self._size - offset), self._start + offset)
            if not piece:
                raise OSError("the temporary file is shorter than what was written to it")
            offset += len(piece)
            yield piece

    def discard(self) -> None:
        """Close the file, which removes it."""
        self._file.close()


class Remainder:
    """What follows the first octets of another body; its owner is still that one's.

    Args:
        body: the other body.
        offset: how many of its octets are left out; they are all in its head.
    """

    __slots__ = ("_body", "_offset")

    def __init__(self, body: Body, offset: int) -> None:
        self._body = body
        self._offset = offset

    @property
    def size(self) -> int:
        """Octets in all."""
        return self._body.size - self._offset

    @property
    def head(self) -> bytes:
        """What is left of the other's head."""
        return self._body.head[self._offset :]

    def chunks(self) -> Iterator[bytes]:
        """The other's octets without the first; may block on files."""
        skip = self._offset
        for piece in self._body.chunks():
            if skip < len(piece):
                yield piece[skip:] if skip else piece
            skip = max(0, skip - len(piece))

    def discard(self) -> None:
        """Discard the other body."""
        self._body.discard()


class Content:
    """Octets of one message: lines end in CRLF, and the last line is ended.

    Args:
        body: the octets as received.
        prefix: header fields put in front here, each ended by CRLF.
    """

    __slots__ = ("body", "prefix")

    def __init__(self, body: Body, prefix: bytes = b"") -> None:
        self.body = body
        self.prefix = prefix

    @classmethod
    def of(cls, octets: bytes) -> Content:
        """Content held in memory."""
        return cls(OctetsBody(octets))

    @property
    def size(self) -> int:
        """Octets in all, with CRLF line ends: RFC822.SIZE of RFC 9051 section 7.5.2."""
        return len(self.prefix) + self.body.size

    @property
    def head(self) -> bytes:
        """The prefix and the first octets of the body; no I/O."""
        return self.prefix + self.body.head

    def with_prefix(self, fields: bytes) -> Content:
        """The same body with ``fields`` before what is in front already.

        A body that begins with white space has no header section (RFC 5322 section 2.2); an empty line keeps its
        first line from becoming the end of our last field.
        """
        prefix = self.prefix
        if not prefix and self.body.head[:1] in (b" ", b"\t"):
            prefix = b"\r\n"
        return Content(self.body, fields + prefix)

    def with_header(self, header: bytes, end: int) -> Content:
        """The same message with other octets at its beginning; the rest stays where it is.

        Args:
            header: what takes the place of the header section; not empty.
            end: how many of the octets in `head` it replaces.
        """
        inside = end - len(self.prefix)
        if inside <= 0:
            return Content(self.body, header + self.prefix[end:])
        if isinstance(self.body, OctetsBody):
            return Content(OctetsBody(self.body.head[inside:]), header)
        return Content(Remainder(self.body, inside), header)

    def chunks(self) -> Iterator[bytes]:
        """All octets in order; may block on files."""
        if self.prefix:
            yield self.prefix
        yield from self.body.chunks()

    def octets(self) -> bytes:
        """All octets at once; for messages known to be small, and for tests."""
        return b"".join(self.chunks())
