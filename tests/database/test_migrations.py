"""Bringing files up to date."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import apsw
from twisted.trial.unittest import SynchronousTestCase

from mailframe.database import migrations
from mailframe.database.migrations import Migration, migrate, migrations_of
from mailframe.database.sqlite import UnusableDatabase, open_connection, transaction

ROOM = "tests.database.room"


class MigrateTests(SynchronousTestCase):
    """Files get what they lack, and nothing else."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.connection = open_connection(self.path)
        self.addCleanup(self.connection.close)

    def columns(self) -> list[str]:
        return [row[1] for row in self.connection.execute("PRAGMA table_info(notes)")]

    def test_new_file(self) -> None:
        """A new file gets all tables."""
        self.assertEqual(migrate(self.connection, ROOM), 0)
        self.assertEqual(self.columns(), ["id", "text", "author"])
        self.assertEqual(self.connection.pragma("user_version"), 2)

    def test_older_file_keeps_its_rows(self) -> None:
        """A file of an earlier version is brought up to date with what is in it."""
        first = migrations_of(ROOM)[0]
        self.connection.execute(first.sql)
        self.connection.execute("INSERT INTO notes VALUES (1, 'one')")
        self.connection.pragma("user_version", 1)
        self.assertEqual(migrate(self.connection, ROOM), 1)
        self.assertEqual(self.connection.execute("SELECT * FROM notes").get, (1, "one", ""))

    def test_two_rooms_in_one_file(self) -> None:
        """A room whose tables lie in another one's file keeps a version of its own, and is refused when newer."""
        self.connection.pragma("user_version", 7)
        self.assertEqual(migrate(self.connection, ROOM, beside=True), 0)
        self.assertEqual(self.columns(), ["id", "text", "author"])
        self.assertEqual(migrate(self.connection, ROOM, beside=True), 2)
        self.assertEqual(self.connection.pragma("user_version"), 7)
        self.connection.execute("UPDATE rooms SET version = 3")
        self.assertRaises(UnusableDatabase, migrate, self.connection, ROOM, beside=True)

    def both_at_once(self, beside: bool) -> None:
        """Another process makes the tables after this one saw that there are none."""
        other = open_connection(self.path)
        self.addCleanup(other.close)

        @contextmanager
        def begun_later(connection: apsw.Connection) -> Iterator[None]:
            with mock.patch.object(migrations, "transaction", transaction):
                migrate(other, ROOM, beside)
            with transaction(connection):
                yield

        with mock.patch.object(migrations, "transaction", begun_later):
            migrate(self.connection, ROOM, beside)
        self.assertEqual(self.columns(), ["id", "text", "author"])

    def test_two_processes_make_a_file_at_once(self) -> None:
        """Of two processes that find no tables one makes them, and the other goes on with these."""
        self.both_at_once(beside=False)

    def test_two_processes_add_a_room_at_once(self) -> None:
        """The same where the tables stand beside another room's."""
        self.both_at_once(beside=True)

    def test_twice(self) -> None:
        """An up-to-date file is left alone."""
        migrate(self.connection, ROOM)
        self.assertEqual(migrate(self.connection, ROOM), 2)

    def test_newer_file_is_refused(self) -> None:
        """A file of a later version is refused with a text an administrator can act on."""
        self.connection.pragma("user_version", 3)
        error = self.assertRaises(UnusableDatabase, migrate, self.connection, ROOM)
        self.assertIn("newer version of Mailframe", str(error))
        self.assertIn(self.path, str(error))
        self.assertEqual(self.connection.pragma("user_version"), 3)

    def test_failure_changes_nothing(self) -> None:
        """When a step fails the file is as it was."""
        steps = (migrations_of(ROOM)[0], Migration(2, "0002_bad.sql", "CREATE TABLE x (a); SELECT nonsense;"))
        with mock.patch.object(migrations, "migrations_of", return_value=steps):
            self.assertRaises(apsw.SQLError, migrate, self.connection, ROOM)
        self.assertEqual(self.columns(), [])
        self.assertEqual(self.connection.pragma("user_version"), 0)

    def test_numbers_without_gap(self) -> None:
        """A missing number is our mistake and is told at once."""
        numbers = [step.number for step in migrations_of(ROOM)]
        self.assertEqual(numbers, [1, 2])
        with mock.patch.object(migrations, "_NAME", migrations.re.compile(r"(0002)_\w+\.sql")):
            migrations_of.cache_clear()
            self.addCleanup(migrations_of.cache_clear)
            self.assertRaises(ValueError, migrations_of, ROOM)
