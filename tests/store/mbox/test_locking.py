"""Locks that mbox programs agree on."""

from __future__ import annotations

import fcntl
import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import MailframeError
from mailframe.store.mbox.locking import IMPATIENT_SECONDS, Locks, MailboxLocked
from mailframe.store.values import FLAGGED, FlagChange

from .fixture import FaultyFiles, MboxCase, numbered


class LocksTests(SynchronousTestCase):
    """Who may have a mailbox."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.lock = self.path + ".lock"
        with open(self.path, "wb"):
            pass
        self.files = FaultyFiles()
        self.files.time_is = os.stat(self.path).st_mtime + 1
        self.locks = Locks(self.files, ("dotlock", "fcntl", "flock"), ("fcntl",), 10, 120)

    def leave_lock(self, text: str) -> None:
        with open(self.lock, "w") as file:
            file.write(text)

    def tried(self, write: bool = True) -> None:
        with self.locks.hold(self.path, write):
            pass

    def test_excludes(self) -> None:
        """While we have a mailbox, others find a dotlock and locks of the system; afterwards nothing is left."""
        with self.locks.hold(self.path), open(self.path, "rb+") as other:
            self.assertTrue(os.path.exists(self.lock))
            self.assertRaises(BlockingIOError, fcntl.lockf, other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.assertRaises(BlockingIOError, fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open(self.path, "rb+") as other:
            fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.assertFalse(os.path.exists(self.lock))

    def test_readers(self) -> None:
        """Several may read; nobody writes meanwhile."""
        with self.locks.hold(self.path, False), self.locks.hold(self.path, False):
            self.assertRaises(MailboxLocked, self.tried)

    def test_own_threads(self) -> None:
        """A file that one of our threads closes does not end the lock of another."""
        with self.locks.hold(self.path):
            self.files.close(self.files.open(self.path))
            self.assertRaises(MailboxLocked, self.tried, False)

    def test_waits_no_longer(self) -> None:
        """A lock is waited for so long, and afterwards only tried for a while."""
        self.leave_lock("1:elsewhere.example\n")
        started = self.files.time_is
        self.assertRaises(MailboxLocked, self.tried)
        self.assertAlmostEqual(self.files.time_is, started + 10)
        self.assertRaises(MailboxLocked, self.tried)
        self.assertAlmostEqual(self.files.time_is, started + 10)
        self.files.time_is += IMPATIENT_SECONDS
        self.assertRaises(MailboxLocked, self.tried)
        self.assertAlmostEqual(self.files.time_is, started + 20 + IMPATIENT_SECONDS)
        os.unlink(self.lock)
        self.tried()

    def test_left_behind(self) -> None:
        """A dotlock goes when its owner is gone, or when nothing has changed for long."""
        self.patch(FaultyFiles, "lives", lambda files, process: process != 123)
        self.leave_lock(f"123:{socket.gethostname()}\n")
        self.tried()
        self.leave_lock(f"124:{socket.gethostname()}\n")
        self.assertRaises(MailboxLocked, self.tried)
        self.files.time_is += 200
        self.tried()
        self.assertFalse(os.path.exists(self.lock))

    def test_taken_meanwhile(self) -> None:
        """A dotlock that somebody takes just when a stale one is about to be removed is not removed."""

        def taken(files: FaultyFiles, process: int) -> bool:
            os.unlink(self.lock)
            self.leave_lock("1:elsewhere.example\n")
            return False

        self.leave_lock(f"123:{socket.gethostname()}\n")
        self.patch(FaultyFiles, "lives", taken)
        self.assertRaises(MailboxLocked, self.tried)
        self.assertTrue(os.path.exists(self.lock))

    def test_new_file(self) -> None:
        """Who waited while somebody put a new file in the place gets the new one."""
        other = os.open(self.path, os.O_RDWR)
        fcntl.lockf(other, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_EX)

        def replaced(files: FaultyFiles, seconds: float) -> None:
            with open(self.path + "2", "wb") as file:
                file.write(b"new")
            os.rename(self.path + "2", self.path)

        self.patch(FaultyFiles, "sleep", replaced)
        with self.locks.hold(self.path) as descriptor:
            self.assertEqual(os.pread(descriptor, 10, 0), b"new")
        os.close(other)

    def test_directory_is_closed(self) -> None:
        """Where no dotlock can be made, the method that only tries goes on without."""
        self.patch(FaultyFiles, "create", lambda files, path: os.open("/proc/none/x", os.O_CREAT))
        self.assertRaises(OSError, self.tried)

        def forbidden(files: FaultyFiles, path: str) -> int:
            raise PermissionError(13, "no")

        self.patch(FaultyFiles, "create", forbidden)
        self.assertRaises(PermissionError, self.tried)
        Locks(self.files, ("dotlock_try", "fcntl"), (), 1, 1).hold(self.path).__enter__()


class LockedTests(MboxCase):
    """A mailbox that another program has."""

    def test_locked(self) -> None:
        """Mail is refused for now, what is known can be read and flagged, and all is well when it is let go."""
        (uid,) = self.append(numbered(1))
        lock = self.path() + ".lock"
        with open(lock, "w") as file:
            file.write("1:elsewhere.example\n")
        self.files.time_is = os.stat(lock).st_mtime
        self.assertTrue(self.deliver(numbered(2))[0].temporary)
        status = self.fails(self.opened().copy([uid], "INBOX"), MailframeError).status
        self.assertTrue(status.temporary)
        self.wait(self.opened().store([uid], FlagChange.ADD, frozenset({FLAGGED})))
        self.assertEqual(self.contents(), [numbered(1)])
        os.unlink(lock)
        self.deliver(numbered(2))
        self.rest()
        self.assertEqual(self.contents(), [numbered(1), numbered(2)])
        self.assertIn(b"X-Status: F\n", self.file())
