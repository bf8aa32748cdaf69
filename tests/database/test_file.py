"""One database file with its lanes."""

from __future__ import annotations

import os
from unittest import mock

import apsw
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.database import file
from mailframe.database.file import Database
from mailframe.database.sqlite import UnusableDatabase, open_connection
from mailframe.message.status import STORAGE_FULL, UNAVAILABLE, MailframeError

from .faults import Faults

ROOM = "tests.database.room"


def add(text: str):
    """A unit that adds a note."""

    def unit(connection: apsw.Connection) -> int:
        connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))
        return connection.last_insert_rowid()

    return unit


def texts(connection: apsw.Connection) -> list[str]:
    """A unit that reads all notes."""
    return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY id")]


class DatabaseTests(TestCase):
    """Units of work are committed in groups, each on its own."""

    timeout = 20

    async def test_run_and_read(self) -> None:
        """What was answered is there for readers, and after reopening."""
        path = os.path.abspath(self.mktemp())
        database = Database(path, ROOM, reactor)
        self.addCleanup(database.stop)
        await database.start()
        ids = await gatherResults([database.run(add(str(number))) for number in range(100)])
        self.assertEqual(ids, list(range(1, 101)))
        self.assertEqual(len(await database.read(texts)), 100)
        await database.stop()
        await database.stop()
        with self.assertRaises(MailframeError):
            await database.run(add("late"))
        again = Database(path, ROOM, None)
        self.assertEqual(len(again.run_blocking(texts)), 100)

    async def test_read_before_start(self) -> None:
        """The first unit of work makes the file, even one that reads; readers cannot write."""
        database = Database(os.path.abspath(self.mktemp()), ROOM, reactor)
        self.addCleanup(database.stop)
        self.assertEqual(await database.read(texts), [])
        with self.assertRaises(MailframeError):
            await database.read(add("x"))
        self.assertEqual(await database.read(texts), [])


class DirectDatabaseTests(SynchronousTestCase):
    """Faults, with work done at once."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.database = Database(self.path, ROOM, None, busy_seconds=0.01)
        self.addCleanup(lambda: self.successResultOf(self.stop()))

    def stop(self):
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(self.database.stop())

    def texts(self) -> list[str]:
        return self.successResultOf(self.database.read(texts))

    def test_unit_that_raises_is_undone_alone(self) -> None:
        """A unit's own mistake takes back its own statements only."""

        def bad(connection: apsw.Connection) -> None:
            add("bad")(connection)
            raise KeyError("mistake")

        outcomes = file._grouped(self.opened(), [add("one"), bad, add("two")])
        self.assertEqual(outcomes[0], 1)
        self.assertIsInstance(outcomes[1].value, KeyError)
        self.assertEqual(self.texts(), ["one", "two"])

    def opened(self) -> apsw.Connection:
        self.successResultOf(self.database.start())
        connection = open_connection(self.path)
        self.addCleanup(connection.close)
        return connection

    def test_transaction_ends_inside(self) -> None:
        """When SQLite undoes the whole transaction, every unit of the group is told so."""

        def ender(connection: apsw.Connection) -> None:
            connection.execute("ROLLBACK")
            raise KeyError

        connection = self.opened()
        self.assertRaises(apsw.AbortError, file._grouped, connection, [add("one"), ender])
        self.assertEqual(self.texts(), [])

    def test_busy(self) -> None:
        """Another process's long transaction is a temporary refusal, and it works again afterwards."""
        other = self.opened()
        other.execute("BEGIN IMMEDIATE")
        error = self.failureResultOf(self.database.run(add("x")), MailframeError).value
        self.assertIs(error.status, UNAVAILABLE)
        self.assertRaises(MailframeError, self.database.run_blocking, add("x"))
        other.execute("ROLLBACK")
        self.successResultOf(self.database.run(add("y")))
        self.assertEqual(self.texts(), ["y"])

    def test_broken_disk(self) -> None:
        """A full or broken disk is a temporary refusal at any operation; then it goes on without a restart."""
        faults = Faults()
        self.addCleanup(faults.unregister)

        def open_faulty(path: str, **arguments) -> apsw.Connection:
            connection = apsw.Connection(path, vfs=faults.name)
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "FULL")
            return connection

        full, broken = apsw.FullError("full"), apsw.IOError("broken")
        with mock.patch.object(file, "open_connection", open_faulty):
            self.successResultOf(self.database.run(add("before")))
            for operation, fault, status in (
                ("write", full, STORAGE_FULL),
                ("write", broken, UNAVAILABLE),
                ("sync", broken, UNAVAILABLE),
            ):
                faults.break_on(operation, fault)
                error = self.failureResultOf(self.database.run(add("lost")), MailframeError).value
                self.assertIs(error.status, status)
                faults.mend()
                self.successResultOf(self.database.run(add("kept")))
            # What failed in its flush may be found again after reopening; what was answered must be.
            found = [text for text in self.texts() if text != "lost"]
            self.assertEqual(found, ["before", "kept", "kept", "kept"])

    def test_cannot_open(self) -> None:
        """A missing directory is a temporary refusal for writers, readers and commands."""
        database = Database("/nonexistent/directory/x.sqlite", ROOM, None)
        for outcome in (database.run(add("x")), database.read(texts)):
            self.assertIs(self.failureResultOf(outcome, MailframeError).value.status, UNAVAILABLE)
        self.assertRaises(MailframeError, database.run_blocking, texts)

    def test_newer_file(self) -> None:
        """A file of a later version fails the start with the reason."""
        connection = self.opened()
        self.successResultOf(self.stop())
        connection.pragma("user_version", 9)
        self.database = Database(self.path, ROOM, None)
        self.failureResultOf(self.database.start(), UnusableDatabase)
        self.assertRaises(UnusableDatabase, self.database.run_blocking, texts)

    def test_run_blocking(self) -> None:
        """A command does its work in its own thread, and sees the unit's own mistakes."""
        self.assertEqual(self.database.run_blocking(add("one")), 1)
        self.assertRaises(KeyError, self.database.run_blocking, lambda connection: {}["x"])
        self.assertEqual(self.database.run_blocking(texts), ["one"])
