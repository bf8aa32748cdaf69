"""Locks that mbox programs agree on: a file ``NAME.lock`` beside the mailbox, and locks of the system. Blocking.

Programs that take several must take them in the same order, or they wait for each other. The order here is that of
the options, by default Dovecot's: the dotlock, then ``fcntl``. Who has waited long enough gets an ``OSError``,
which is a temporary failure for whoever waits for an answer; for a while afterwards nobody waits for the same
mailbox again, so that one that stays locked does not stop a thread that serves others too.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from twisted.logger import Logger

from . import metrics
from .files import MboxFiles

METHODS: Final = ("dotlock", "dotlock_try", "fcntl", "flock")
SUFFIX: Final = ".lock"
SHORTEST_WAIT: Final = 0.01
LONGEST_WAIT: Final = 0.25
IMPATIENT_SECONDS: Final = 30.0
"""So long after a lock was waited for in vain it is only tried."""
_IMPATIENT_LIMIT: Final = 1000
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)

log = Logger()


class MailboxLocked(OSError):
    """Another program has the mailbox, and did not let go of it in time."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EAGAIN, "another program has locked the mailbox", path)


class Locks:
    """How mailboxes are locked; for one thread.

    Args:
        files: operations on files.
        write: methods to change a mailbox, in order.
        read: methods to read one.
        timeout: seconds to wait.
        stale: seconds after which a dotlock that nobody touches, of a mailbox that nobody changes, was left behind.
    """

    def __init__(
        self, files: MboxFiles, write: Sequence[str], read: Sequence[str], timeout: float, stale: float
    ) -> None:
        self._files = files
        self._write = tuple(write)
        self._read = tuple(read)
        self._timeout = timeout
        self._stale = stale
        self._impatient: dict[str, float] = {}
        self._host = socket.gethostname()

    @contextmanager
    def hold(self, path: str, write: bool = True) -> Iterator[int]:
        """Have a mailbox locked; the open file.

        Raises:
            MailboxLocked: another program has it.
            FileNotFoundError: there is none.
            OSError: it cannot be opened or locked.
        """
        files = self._files
        started = files.monotonic()
        deadline = started + self._patience(path)
        with ExitStack() as held:
            methods = self._write if write else self._read
            for method in methods:
                if method.startswith("dotlock"):
                    self._take_dotlock(held, path, deadline, method == "dotlock_try")
            descriptor = self._opened(held, path, write)
            wait = SHORTEST_WAIT
            while not (self._locked(descriptor, methods, write) and self._is_current(descriptor, path)):
                self._wait(path, deadline, wait)
                wait = min(wait * 2, LONGEST_WAIT)
                if not self._is_current(descriptor, path):
                    # Somebody put a new file in its place, and locked the one that we have for ever.
                    descriptor = self._opened(held, path, write)
            self._impatient.pop(path, None)
            metrics.LOCK_SECONDS.observe(files.monotonic() - started)
            yield descriptor

    def _opened(self, held: ExitStack, path: str, write: bool) -> int:
        descriptor = self._files.open_for_change(path) if write else self._files.open(path)
        held.callback(self._close, descriptor)
        return descriptor

    def _close(self, descriptor: int) -> None:
        with suppress(OSError):
            self._files.close(descriptor)

    def _locked(self, descriptor: int, methods: Sequence[str], write: bool) -> bool:
        for method in methods:
            if method == "fcntl" and not self._files.record_lock(descriptor, write):
                return False
            if method == "flock" and not self._files.whole_lock(descriptor, write):
                return False
        return True

    def _is_current(self, descriptor: int, path: str) -> bool:
        here, there = self._files.status_of(descriptor), self._files.status(path)
        return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)

    # Dotlocks.

    def _take_dotlock(self, held: ExitStack, path: str, deadline: float, only_try: bool) -> None:
        # Beside the file itself: programs that come by another name lock it there too.
        lock = os.path.realpath(path) + SUFFIX
        wait = SHORTEST_WAIT
        while True:
            try:
                descriptor = self._files.create(lock)
                break
            except FileExistsError:
                if self._break_stale(lock, path):
                    continue
            except OSError as fault:
                if only_try and fault.errno in _FORBIDDEN:
                    return
                raise
            self._wait(path, deadline, wait)
            wait = min(wait * 2, LONGEST_WAIT)
        held.callback(self._remove_dotlock, lock)
        try:
            self._files.write(descriptor, f"{os.getpid()}:{self._host}\n".encode())
        finally:
            self._close(descriptor)

    def _remove_dotlock(self, lock: str) -> None:
        try:
            self._files.unlink(lock)
        except OSError as fault:
            log.error("{path} cannot be removed: {fault}", path=lock, fault=fault)

    def _break_stale(self, lock: str, path: str) -> bool:
        """Remove a lock whose owner is gone; whether it is worth trying again at once."""
        try:
            status = self._files.status(lock)
            if not (self._owner_is_gone(lock) or self._is_old(status, path)):
                return False
            now = self._files.status(lock)
            # Not by its inode alone: systems give the number of a removed file to the next one.
            if (now.st_ino, now.st_ctime_ns) != (status.st_ino, status.st_ctime_ns):
                return True
            self._files.unlink(lock)
        except FileNotFoundError:
            return True
        log.warn("a lock that was left behind is removed: {path}", path=lock)
        return True

    def _owner_is_gone(self, lock: str) -> bool:
        descriptor = self._files.open(lock)
        try:
            process, _, host = (
                self._files.read(descriptor, 256, 0).decode("ascii", "replace").strip().partition(":")
            )
        finally:
            self._close(descriptor)
        return host == self._host and process.isdigit() and not self._files.lives(int(process))

    def _is_old(self, status: os.stat_result, path: str) -> bool:
        before = self._files.now() - self._stale
        return status.st_mtime < before and self._files.status(path).st_mtime < before

    # Waiting.

    def _patience(self, path: str) -> float:
        since = self._impatient.get(path)
        if since is not None and self._files.monotonic() - since < IMPATIENT_SECONDS:
            return 0.0
        return self._timeout

    def _wait(self, path: str, deadline: float, seconds: float) -> None:
        now = self._files.monotonic()
        if now >= deadline:
            if len(self._impatient) >= _IMPATIENT_LIMIT:
                self._impatient.clear()
            self._impatient.setdefault(path, now)
            metrics.LOCKED.inc()
            raise MailboxLocked(path)
        self._files.sleep(min(seconds, deadline - now))
