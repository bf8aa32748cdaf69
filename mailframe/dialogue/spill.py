"""Received content that outgrows memory: octets go to a file past a limit, and come back as a `Content`."""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

from mailframe.message.content import Content, FileBody, OctetsBody

MEMORY_LIMIT = 256 * 1024
"""Octets of one message kept in memory before it goes to a file."""


class Spill:
    """Collects the octets of one message.

    Files are written from the reactor's thread: a write of 64 KiB into the page cache takes some 20
    microseconds, less than a hop to a thread. They have no name, so a crash leaves nothing behind; nothing is
    flushed, because the content counts as accepted only when the store or the queue has its own copy.

    Args:
        directory: where the temporary files are made.
        memory_limit: octets kept in memory.
    """

    __slots__ = ("_directory", "_file", "_head", "_limit", "_octets", "size")

    def __init__(self, directory: str, memory_limit: int = MEMORY_LIMIT) -> None:
        self._directory = directory
        self._limit = memory_limit
        # Not a list of pieces: a client that sends octet by octet would make each cost forty.
        self._octets = bytearray()
        self._file: BinaryIO | None = None
        self._head = b""
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add octets.

        Raises:
            OSError: the disk is full or broken; the spill must be discarded.
        """
        self.size += len(data)
        if self._file is not None:
            _write_all(self._file, data)
            return
        self._octets += data
        if self.size > self._limit:
            self._open()

    def finish(self) -> Content:
        """All that was written, as a content; the spill is used up."""
        if self._file is None:
            octets = bytes(self._octets)
            self._octets = bytearray()
            return Content(OctetsBody(octets))
        file, self._file = self._file, None
        return Content(FileBody(file, self.size, self._head))

    def discard(self) -> None:
        """Throw away what was written; safe after `finish` and twice."""
        self._octets = bytearray()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        self._head = bytes(self._octets)
        self._octets = bytearray()
        # Unbuffered: a second copy in a Python buffer would only delay the error of a full disk.
        file = tempfile.TemporaryFile(prefix="spill-", dir=self._directory, buffering=0)  # noqa: SIM115
        self._file = cast(BinaryIO, file)
        _write_all(self._file, self._head)


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A nearly full disk takes a part and fails on the next try.
        view = view[file.write(view) :]
