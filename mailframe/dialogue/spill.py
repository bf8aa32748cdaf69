"""Received content that outgrows memory: octets go to a file past a limit, and come back as a `Content`.

Each message may have a little memory (`OWN_MEMORY`, or its limit where that is less). A larger one may have more, up
to its limit, while all such messages of the process together have no more than `SHARED_LIMIT`: what stays in memory
need not be written, read and written again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import BinaryIO, cast

from mailframe.message.content import Content, FileBody, PiecesBody, beginning

MEMORY_LIMIT = 4 * 1024 * 1024
"""Octets of one message kept in memory, unless an option says otherwise; a larger one goes to a file."""
OWN_MEMORY = 256 * 1024
"""Octets that each message may have, however many there are."""
SHARED_LIMIT = 64 * 1024 * 1024
"""Octets that all messages may have beyond that."""
LARGE_PIECE = 4096
"""Octets from which a piece is kept as it came: nothing is copied, and a thousand of them need no time to walk."""


class SharedMemory:
    """How much of the memory for larger messages is taken.

    Args:
        limit: octets that all may have.
        own: octets that each message has besides.
    """

    __slots__ = ("limit", "own", "taken")

    def __init__(self, limit: int = SHARED_LIMIT, own: int = OWN_MEMORY) -> None:
        self.limit = limit
        self.own = own
        self.taken = 0

    def take(self, more: int) -> bool:
        """Have so many more for a message; False where that is too much."""
        if self.taken + more > self.limit:
            return False
        self.taken += more
        return True

    def give_back(self, size: int) -> None:
        """A message is gone."""
        self.taken -= size


_MEMORY = SharedMemory()
"""Of this process."""


class CountedBody(PiecesBody):
    """A body that has taken shared memory.

    Args:
        pieces: all of it.
        memory: where it is given back.
        taken: how much was taken.
    """

    __slots__ = ("_memory", "_taken")

    def __init__(self, pieces: Sequence[bytes], memory: SharedMemory, taken: int) -> None:
        super().__init__(pieces)
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
        limit: octets kept in memory; no more, and above `OWN_MEMORY` only where ``memory`` has room.
        memory: what larger messages share.
    """

    __slots__ = (
        "_directory",
        "_file",
        "_head",
        "_limit",
        "_memory",
        "_own",
        "_pieces",
        "_small",
        "_taken",
        "size",
    )

    def __init__(self, directory: str, limit: int = MEMORY_LIMIT, memory: SharedMemory = _MEMORY) -> None:
        self._directory = directory
        self._limit = limit
        self._own = min(limit, memory.own)
        self._memory = memory
        self._taken = 0
        # Large pieces stay what they are; small ones are gathered, because a client that sends octet by octet would
        # make each cost forty.
        self._pieces: list[bytes] = []
        self._small = bytearray()
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
        if len(data) >= LARGE_PIECE:
            self._gather()
            self._pieces.append(data)
        else:
            self._small += data
        excess = self.size - self._own - self._taken
        if excess > 0 and not self._grow(excess):
            self._open()

    def finish(self) -> Content:
        """All that was written, as a content; the spill is used up."""
        if self._file is not None:
            file, self._file = self._file, None
            return Content(FileBody(file, self.size, self._head))
        pieces = self._take_pieces()
        taken, self._taken = self._taken, 0
        if taken:
            return Content(CountedBody(pieces, self._memory, taken))
        return Content.of(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def discard(self) -> None:
        """Throw away what was written; safe after `finish` and twice."""
        self._take_pieces()
        self._give_back()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _grow(self, excess: int) -> bool:
        """Take shared memory, in steps, so that small pieces do not ask each time."""
        if self.size > self._limit:
            return False
        step = max(excess, min(self._own, self._limit - self._own - self._taken))
        if not self._memory.take(step):
            return False
        self._taken += step
        return True

    def _gather(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small = bytearray()

    def _take_pieces(self) -> list[bytes]:
        self._gather()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _give_back(self) -> None:
        self._memory.give_back(self._taken)
        self._taken = 0

    def _open(self) -> None:
        pieces = self._take_pieces()
        self._head = beginning(pieces)
        self._give_back()
        # Unbuffered: a second copy in a Python buffer would only delay the error of a full disk.
        file = tempfile.TemporaryFile(prefix="spill-", dir=self._directory, buffering=0)  # noqa: SIM115
        self._file = cast(BinaryIO, file)
        for piece in pieces:
            _write_all(self._file, piece)


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A nearly full disk takes a part and fails on the next try.
        view = view[file.write(view) :]
