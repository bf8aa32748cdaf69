"""Whose journal is whose: files in ``.journal``, each locked by the process that writes it.

A lock goes with its process, so a file that can be locked was left by one that is gone, and whoever starts next
finishes it: flushes the file system where the machine is still the one that wrote it, and otherwise has every entry
looked after. All this happens under one lock of the directory, before the store takes or shows any mail: a look at
a mailbox before the replay would take a missing file for one that somebody removed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from twisted.logger import Logger

from mailframe.store.files import Files

from .journal import SEGMENTS, Segment, segment_size
from .records import Entry

DIRECTORY: Final = ".journal"
"""Beside the domains, whose names cannot begin with a dot."""
_LOCK: Final = "lock"
_SUFFIX: Final = ".journal"

Restore = Callable[[Sequence[Entry], bool], None]
"""Puts back files that are missing; True: all of them, for what is there may not be on the disk."""

log = Logger()


class Slots:
    """The journals of one store.

    Args:
        files: does the work.
        directory: the store's.
        boot: names this run of the machine.
    """

    def __init__(self, files: Files, directory: str, boot: str) -> None:
        self._files = files
        self._directory = directory
        self._boot = boot
        self._path = os.path.join(directory, DIRECTORY)

    def finish(self, restore: Restore) -> None:
        """Finish all journals whose processes are gone; waits for another process that does so.

        Raises:
            OSError: something could not be put back; nothing is forgotten, and the next start tries again.
        """
        if not self._files.exists(self._path):
            return
        with self._locked():
            for name in sorted(self._names()):
                descriptor = self._files.open_journal(os.path.join(self._path, name))
                try:
                    if self._files.lock(descriptor):
                        self._finish(descriptor, name, restore)
                finally:
                    self._files.close(descriptor)

    def take(self, size: int) -> tuple[str, int]:
        """A file for a journal of this process: its path and descriptor, locked.

        Args:
            size: octets it has from now on.

        Raises:
            OSError: it could not be made.
        """
        self._files.make_directory(self._path)
        with self._locked():
            number = 0
            while True:
                path = os.path.join(self._path, f"{number}{_SUFFIX}")
                descriptor = self._files.open_journal(path)
                try:
                    if self._files.lock(descriptor) and not self._files.size(path):
                        self._claim(descriptor, size)
                        return path, descriptor
                except BaseException:
                    # Not left open: its lock would keep everybody from it for as long as the process lives.
                    self._files.close(descriptor)
                    raise
                self._files.close(descriptor)
                number += 1

    def give_back(self, path: str, descriptor: int, clean: bool) -> None:
        """Close a journal's file, and remove it where nothing is left in it."""
        with suppress(OSError), self._locked():
            if clean:
                self._files.unlink(path)
        self._files.close(descriptor)

    def _claim(self, descriptor: int, size: int) -> None:
        try:
            self._files.resize(descriptor, size)
            # Names on stable storage: an entry is worth nothing in a file that nobody finds.
            self._files.flush_directory(self._path)
            self._files.flush_directory(self._directory)
        except BaseException:
            with suppress(OSError):
                self._files.resize(descriptor, 0)
            raise

    def _names(self) -> list[str]:
        return [name for name in self._files.names(self._path) if name.endswith(_SUFFIX)]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = self._files.open_journal(os.path.join(self._path, _LOCK))
        try:
            self._files.lock(descriptor, wait=True)
            yield
        finally:
            # Nothing was written there: it does not matter what closing it says.
            with suppress(OSError):
                self._files.close(descriptor)

    def _finish(self, descriptor: int, name: str, restore: Restore) -> None:
        path = os.path.join(self._path, name)
        half = segment_size(self._files.size(path))
        flushed = False
        for number in range(SEGMENTS):
            header, entries = Segment(self._files, descriptor, number * half, half, self._boot).found()
            if header is None or not entries:
                continue
            if header.boot == self._boot and not header.distrusted:
                if not flushed:
                    self._files.flush_all(self._directory)
                flushed = True
                continue
            log.info("replaying {count} deliveries of {path}", count=len(entries), path=path)
            restore(entries, header.distrusted)
        self._files.unlink(path)
        self._files.flush_directory(self._path)
