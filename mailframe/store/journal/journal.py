"""The delivery journal: makes a group of small deliveries durable with one flush of one file.

Flushing each new file and each directory costs a group two commits of the file system's own journal (measured, eight
messages of 5 KB: 3.2 ms). A group's octets and file names, written into a file whose blocks are there already, are
flushed in 0.2 ms. So message files are written and renamed into place as always, which a killed process cannot undo,
but flushed later, thousands at once: a *checkpoint* is one ``syncfs`` (28 us a file) and ends with an empty segment.
A journal has two segments; while one is being checkpointed the other takes the deliveries. Only when both are full,
or the journal itself cannot be written, a group is flushed by a ``syncfs`` of its own.

Who removes what (why nothing that was answered is lost, and nothing that was removed comes back)
-------------------------------------------------------------------------------------------------
1. *Written last.* A group is journalled after its files are renamed and its rows committed, just before it is
   answered. So each entry knows MAILBOXID, UID and modseq, and whatever fails later was never answered.
2. *Another boot replays.* After an unclean stop of the machine whoever starts first replays all journals that nobody
   holds, before anybody may open an account (`mailframe.store.maildrop.replay`). A file that is missing, short or
   different is written again under its name; one that is there stays. Doing it twice changes nothing.
3. *The same boot flushes.* What a killed process has left is in the system's memory, whole: one ``syncfs``.
4. *The catalogue is authoritative for removals.* A row that is gone is remembered by UID in the catalogue's list of
   expunged UIDs. What takes recent mail away (EXPUNGE, MOVE, POP3's QUIT, DELETE) flushes the catalogue before it
   answers, and a commit that is on the disk has all commits before it on the disk. So an entry whose UID is on the
   list (or older than the list reaches) was removed, and its file goes if it is still there; one that is neither on
   the list nor has a row lost its row with the power, and is put back, to be taken in under a new UID.
5. *A mailbox that is not there was deleted.* Rows of new mailboxes and their directories are flushed at once.
6. *Who names a file a second time flushes it first.* COPY and MOVE flush the octets before the new name, since the
   journal knows the old one only.

What another Maildir program removes in the last seconds before the power goes, before a session of ours has looked,
may come back.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from twisted.logger import Logger

from mailframe.store.files import Files

from .records import BLOCK, Entry, Header, groups, packed_group, packed_header, unpacked_header

LIMIT: Final = 128 * 1024
"""Larger files are flushed themselves: to write their octets twice costs more than the file system's commits."""
SEGMENTS: Final = 2

log = Logger()


class JournalFull(Exception):
    """There is no room until a checkpoint has ended, or the journal is not to be used."""


class State(Enum):
    """What may be done with a segment."""

    EMPTY = 0
    OPEN = 1
    """It has groups, and takes more."""
    CLOSED = 2
    """It waits for its checkpoint."""


class Segment:
    """One half of a journal's file.

    Args:
        files: does the work.
        descriptor: the file; the caller's.
        start: where the segment begins there.
        size: octets.
        boot: names this run of the machine.

    Attributes:
        state: see `State`.
    """

    def __init__(self, files: Files, descriptor: int, start: int, size: int, boot: str) -> None:
        self._files = files
        self._descriptor = descriptor
        self._start = start
        self._size = size
        self._boot = boot
        self._generation = self._end = 0
        self.state = State.EMPTY

    def found(self) -> tuple[Header | None, list[Entry]]:
        """What another process has left here, in the order in which it was delivered."""
        header = unpacked_header(self._read(BLOCK, 0))
        if header is None:
            return None, []
        found = [entry for group, _ in groups(self._read, header.generation, self._size) for entry in group]
        return header, found

    def append(self, entries: Sequence[Entry]) -> None:
        """Write a group, durably.

        Raises:
            JournalFull: it does not fit.
            OSError: it could not be written.
        """
        if not self._end:
            # Blocks that are given out now need no commit of the file system's journal later.
            self._files.allocate(self._descriptor, self._start, self._size)
            self.reset()
        pieces, length = packed_group(self._generation, entries)
        if self._end + length > self._size:
            raise JournalFull
        self._files.write_at(self._descriptor, pieces, self._start + self._end)
        self._files.flush(self._descriptor)
        self._end += length
        self.state = State.OPEN

    def reset(self) -> None:
        """Forget all entries, durably: their files are on the disk."""
        generation = int.from_bytes(os.urandom(8), "little")
        self._write_header(Header(generation, self._boot))
        self._generation, self._end = generation, BLOCK
        self.state = State.EMPTY

    def distrust(self) -> None:
        """Keep the entries, and note that their files may only seem to be there."""
        self._write_header(Header(self._generation, self._boot, distrusted=True))

    def _read(self, count: int, offset: int) -> bytes:
        return self._files.read(self._descriptor, count, self._start + offset)

    def _write_header(self, header: Header) -> None:
        self._files.write_at(self._descriptor, [packed_header(header)], self._start)
        self._files.flush(self._descriptor)


class Journal:
    """The journal of one delivering thread.

    ``append`` is for that thread, ``checkpoint`` and ``close`` may be called in another one.

    Args:
        files: does the work.
        directory: the store's: all of its file system is flushed at a checkpoint.
        descriptor: its file, held by this process alone; see `mailframe.store.journal.slots`.
        size: octets of the file.
        boot: names this run of the machine.
        due: called in the thread of `append` when a checkpoint is due: now (True), or in some seconds (False).
    """

    def __init__(
        self, files: Files, directory: str, descriptor: int, size: int, boot: str, due: Callable[[bool], None]
    ) -> None:
        half = segment_size(size)
        self._files = files
        self._directory = directory
        self._due = due
        self._guard = threading.Lock()
        self._broken = False
        self._active, self._other = (
            Segment(files, descriptor, number * half, half, boot) for number in range(SEGMENTS)
        )

    def append(self, entries: Sequence[Entry]) -> None:
        """Make a group durable: by the journal, or where that cannot be by flushing the file system.

        Raises:
            OSError: it is not durable.
        """
        try:
            with self._guard:
                self._append(entries)
        except (JournalFull, OSError) as fault:
            if isinstance(fault, OSError):
                log.error("the delivery journal cannot be written: {fault}", fault=fault)
            self._files.flush_all(self._directory)

    def checkpoint(self) -> bool:
        """Flush the files of all groups so far, and make room.

        Returns:
            Whether nothing is left in the journal but what came meanwhile.
        """
        with self._guard:
            if self._active.state is State.OPEN and self._other.state is State.EMPTY:
                self._swap()
            if self._other.state is not State.CLOSED:
                return self._active.state is State.EMPTY
        try:
            self._files.flush_all(self._directory)
            with self._guard:
                self._other.reset()
        except OSError as fault:
            self._give_up(fault)
            return False
        return True

    def _append(self, entries: Sequence[Entry]) -> None:
        if self._broken:
            raise JournalFull
        first = self._active.state is State.EMPTY
        try:
            self._active.append(entries)
        except JournalFull:
            if first or self._other.state is not State.EMPTY:
                raise
            self._swap()
            self._due(True)
            first = True
            self._active.append(entries)
        except OSError as fault:
            # A full disk may have room later; after another fault nobody knows what the disk has of it.
            self._broken = fault.errno not in (errno.ENOSPC, errno.EDQUOT)
            raise
        if first:
            self._due(False)

    def _swap(self) -> None:
        self._active.state = State.CLOSED
        self._active, self._other = self._other, self._active

    def _give_up(self, fault: OSError) -> None:
        """Flushing failed, and the system may now take the files for clean: only the journal has them for sure."""
        log.critical(
            "delivered mail cannot be flushed: {fault}; it is kept in the delivery journal and written again at the"
            " next start, look after the disk",
            fault=fault,
        )
        with self._guard:
            self._broken = True
            try:
                self._other.distrust()
            except OSError as again:
                log.error("the delivery journal cannot be written: {fault}", fault=again)


def largest(size: int) -> int:
    """Octets of the largest file that goes into a journal of this size."""
    return min(LIMIT, segment_size(size) // 8)


def segment_size(size: int) -> int:
    """Octets of each segment of a journal's file."""
    return size // SEGMENTS // BLOCK * BLOCK
