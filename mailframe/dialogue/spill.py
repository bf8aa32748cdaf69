"""Received content that outgrows memory: octets go to a file past a limit, and come back as a `Content`.

Each message may have a little memory (`MEMORY_LIMIT`). A larger one may have more, up to `SHARED_MESSAGE`, while all
such messages of the process together have no more than `SHARED_LIMIT`: what stays in memory need not be written,
read and written again.
"""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

from mailframe.message.content import Content, FileBody, OctetsBody

MEMORY_LIMIT = 256 * 1024
"""Octets of one message kept in memory before it goes to a file."""
SHARED_MESSAGE = 4 * 1024 * 1024
"""Octets of one message kept in memory where others leave room."""
SHARED_LIMIT = 64 * 1024 * 1024
"""Octets that all messages past their own limit may keep in memory."""


class SharedMemory:
    """How much of the memory for larger messages is taken.

    Args:
        limit: octets that all may have.
        message: octets that one may have.
    """

    __slots__ = ("limit", "message", "taken")

    def __init__(self, limit: int = SHARED_LIMIT, message: int = SHARED_MESSAGE) -> None:
        self.limit = limit
        self.message = message
        self.taken = 0

    def take(self, size: int, more: int) -> bool:
        """Have ``more`` for a message that has ``size`` already; False where that is too much."""
        if size + more > self.message or self.taken + more > self.limit:
            return False
        self.taken += more
        return True

    def give_back(self, size: int) -> None:
        """A message is gone."""
        self.taken -= size


_MEMORY = SharedMemory()
"""Of this process."""


class CountedBody(OctetsBody):
    """A body that has taken shared memory.

    Args:
        octets: all of it.
        memory: where it is given back.
        taken: how much was taken.
    """

    __slots__ = ("_memory", "_taken")

    def __init__(self, octets: bytes, memory: SharedMemory, taken: int) -> None:
        super().__init__(octets)
        self._memory = memory
        self._taken = taken

    def discard(self) -> None:
        """Give the memory back."""
        self._memory.give_back(self._taken)
        self._taken = 0


class Spill:
    """Collects the octets of one message.

    Files are written from the reactor's thread: a write of 64 KiB into the page cache takes some 20
    microseconds, less than a hop to a thread. They have no name, so a crash leaves nothing behind; nothing is
    flushed, because the content counts as accepted only when the store or the queue has its own copy.

    Args:
        directory: where the temporary files are made.
        memory_limit: octets kept in memory in any case.
        memory: what larger messages share.
    """

    __slots__ = ("_directory", "_file", "_head", "_limit", "_memory", "_octets", "_taken", "size")

    def __init__(
        self, directory: str, memory_limit: int = MEMORY_LIMIT, memory: SharedMemory = _MEMORY
    ) -> None:
        self._directory = directory
        self._limit = memory_limit
        self._memory = memory
        self._taken = 0
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
        excess = self.size - self._limit - self._taken
        if excess > 0:
            # In steps, so that small pieces do not ask each time.
            step = max(excess, self._limit)
            if self._memory.take(self._taken, step):
                self._taken += step
            else:
                self._open()

    def finish(self) -> Content:
        """All that was written, as a content; the spill is used up."""
        if self._file is None:
            octets = bytes(self._octets)
            self._octets = bytearray()
            taken, self._taken = self._taken, 0
            return Content(CountedBody(octets, self._memory, taken) if taken else OctetsBody(octets))
        file, self._file = self._file, None
        return Content(FileBody(file, self.size, self._head))

    def discard(self) -> None:
        """Throw away what was written; safe after `finish` and twice."""
        self._octets = bytearray()
        self._give_back()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_back(self) -> None:
        self._memory.give_back(self._taken)
        self._taken = 0

    def _open(self) -> None:
        self._head = bytes(self._octets[:MEMORY_LIMIT])
        rest = self._octets
        self._octets = bytearray()
        self._give_back()
        # Unbuffered: a second copy in a Python buffer would only delay the error of a full disk.
        file = tempfile.TemporaryFile(prefix="spill-", dir=self._directory, buffering=0)  # noqa: SIM115
        self._file = cast(BinaryIO, file)
        _write_all(self._file, rest)


def _write_all(file: BinaryIO, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        # A nearly full disk takes a part and fails on the next try.
        view = view[file.write(view) :]
