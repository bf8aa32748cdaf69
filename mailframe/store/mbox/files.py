"""Operations on files that mbox needs besides those of all stores, so that tests can make each fail."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

from mailframe.store.files import FILE_MODE, Files

_COPY = 1024 * 1024
_LOCK = "hhqqi4x"
"""``struct flock`` of Linux."""


class MboxFiles(Files):
    """Operations on the machine's files, locks and time. Blocking; each raises ``OSError`` as the system does."""

    __slots__ = ()

    def open_for_change(self, path: str) -> int:
        """Open a file for reading and writing; it must exist."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def make(self, path: str) -> int:
        """Open a new file for reading and writing; it must not exist."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)

    def status(self, path: str) -> os.stat_result:
        """What the system knows of a file."""
        return os.stat(path)

    def status_of(self, descriptor: int) -> os.stat_result:
        """The same of an open file."""
        return os.fstat(descriptor)

    def copy(self, source: int, source_offset: int, target: int, target_offset: int, count: int) -> None:
        """Copy octets between open files."""
        while count:
            octets = os.pread(source, min(count, _COPY), source_offset)
            if not octets:
                raise OSError(errno.EIO, "a file is shorter than it was")
            self.write_at(target, [octets], target_offset)
            source_offset += len(octets)
            target_offset += len(octets)
            count -= len(octets)

    def like(self, descriptor: int, status: os.stat_result) -> None:
        """Give an open file the owner, group and mode of another."""
        own = os.fstat(descriptor)
        if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, status.st_mode & 0o7777)

    def record_lock(self, descriptor: int, exclusive: bool) -> bool:
        """Lock a file against other programs' ``fcntl`` locks; False where another one has it.

        By open file description where the system can (Linux): a lock of the process would be lost when any of its
        threads closes the file.
        """
        kind = fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK
        try:
            if hasattr(fcntl, "F_OFD_SETLK"):
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_LOCK, kind, os.SEEK_SET, 0, 0, 0))
            else:
                fcntl.lockf(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as fault:
            if fault.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True

    def whole_lock(self, descriptor: int, exclusive: bool) -> bool:
        """Lock a file against other programs' ``flock`` locks; False where another one has it."""
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lives(self, process: int) -> bool:
        """Is there such a process on this machine?"""
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        return True

    def is_directory(self, path: str) -> bool:
        """Is there a directory of this name?"""
        return os.path.isdir(path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        os.rmdir(path)

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
