"""Opening SQLite files."""

from __future__ import annotations

import errno
import os
import threading

import apsw
from twisted.trial.unittest import SynchronousTestCase

from mailframe.database.sqlite import (
    UnusableDatabase,
    check_version,
    flush_log,
    open_connection,
    storage_error,
    storage_status,
    transaction,
)
from mailframe.message.status import STORAGE_FULL, UNAVAILABLE, MailframeError


class CheckVersionTests(SynchronousTestCase):
    """The SQLite library that corrupts files is refused."""

    def test_too_old(self) -> None:
        """An SQLite with the WAL fault is refused, and the text says what to install."""
        error = self.assertRaises(UnusableDatabase, check_version, "3.51.2")
        self.assertIn("3.51.3 or newer", str(error))
        self.assertRaises(UnusableDatabase, check_version, "3.40.1")

    def test_new_enough(self) -> None:
        """The first good version, later ones and the one in use are taken."""
        for version in ("3.51.3", "3.54.1", "4.0.0", None):
            check_version(version)


class OpenConnectionTests(SynchronousTestCase):
    """A connection is set up the same way everywhere."""

    def test_new_file_twice(self) -> None:
        """A new file that another process makes at the same moment is waited for, not given up."""
        path = os.path.abspath(self.mktemp())
        other = apsw.Connection(path)
        other.execute("BEGIN EXCLUSIVE; CREATE TABLE t (x)")
        timer = threading.Timer(0.05, other.execute, ["COMMIT"])
        timer.start()
        self.addCleanup(timer.join)
        self.addCleanup(other.close)
        connection = open_connection(path)
        self.addCleanup(connection.close)
        self.assertEqual(connection.pragma("journal_mode"), "wal")

    def test_busy_for_ever(self) -> None:
        """It is not waited for longer than for any other transaction."""
        path = os.path.abspath(self.mktemp())
        other = apsw.Connection(path)
        self.addCleanup(other.close)
        other.execute("BEGIN EXCLUSIVE; CREATE TABLE t (x)")
        self.assertRaises(apsw.BusyError, open_connection, path, busy_seconds=0.02)

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())

    def test_settings(self) -> None:
        """WAL, foreign keys and the flushing that was asked for."""
        connection = open_connection(self.path, synchronous="NORMAL")
        self.addCleanup(connection.close)
        self.assertEqual(connection.pragma("journal_mode"), "wal")
        self.assertEqual(connection.pragma("foreign_keys"), 1)
        self.assertEqual(connection.pragma("synchronous"), 1)
        full = open_connection(self.path)
        self.addCleanup(full.close)
        self.assertEqual(full.pragma("synchronous"), 2)

    def test_reader_does_not_write(self) -> None:
        """A reading connection cannot change anything."""
        writer = open_connection(self.path)
        self.addCleanup(writer.close)
        writer.execute("CREATE TABLE t (a)")
        reader = open_connection(self.path, read_only=True)
        self.addCleanup(reader.close)
        self.assertRaises(apsw.ReadOnlyError, reader.execute, "INSERT INTO t VALUES (1)")

    def test_reader_needs_a_file(self) -> None:
        """A reader does not make a missing file."""
        self.assertRaises(apsw.CantOpenError, open_connection, self.path, read_only=True)
        self.assertFalse(os.path.exists(self.path))

    def test_transaction_rolls_back(self) -> None:
        """What a failed transaction did is undone."""
        connection = open_connection(self.path)
        self.addCleanup(connection.close)
        connection.execute("CREATE TABLE t (a)")
        with self.assertRaises(KeyError):
            with transaction(connection):
                connection.execute("INSERT INTO t VALUES (1)")
                raise KeyError
        self.assertEqual(connection.execute("SELECT count(*) FROM t").get, 0)
        self.assertFalse(connection.in_transaction)

    def test_flush_log(self) -> None:
        """Flushing works while the file is open, after it was closed, and for no file at all."""
        connection = open_connection(self.path, synchronous="NORMAL")
        connection.execute("CREATE TABLE t (a)")
        flush_log(self.path)
        connection.close()
        flush_log(self.path)
        flush_log(self.path + "-missing")


class StorageStatusTests(SynchronousTestCase):
    """Faults of disks and databases are never permanent."""

    def test_full(self) -> None:
        """A full disk or an exhausted quota says so."""
        for fault in (apsw.FullError(), OSError(errno.ENOSPC, ""), OSError(errno.EDQUOT, "")):
            self.assertIs(storage_status(fault), STORAGE_FULL)

    def test_away(self) -> None:
        """Any other fault is «not right now»."""
        faults = (apsw.BusyError, apsw.IOError, apsw.CorruptError, apsw.CantOpenError, apsw.NotADBError)
        for fault in (*(kind() for kind in faults), OSError(errno.EIO, ""), OSError(errno.EROFS, "")):
            self.assertIs(storage_status(fault), UNAVAILABLE)

    def test_other(self) -> None:
        """A mistake of ours is not taken for a broken disk."""
        fault = KeyError("x")
        self.assertIsNone(storage_status(fault))
        self.assertIs(storage_error(fault), fault)

    def test_error_keeps_its_reason(self) -> None:
        """The log is told what happened, the peer is not."""
        error = storage_error(OSError(errno.EIO, "Input/output error", "/srv/mail/x"))
        self.assertIsInstance(error, MailframeError)
        assert isinstance(error, MailframeError)
        self.assertIn("/srv/mail/x", error.reason)
        self.assertNotIn("/srv/mail", error.status.text)
