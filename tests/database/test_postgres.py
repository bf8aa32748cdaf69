"""Connections to a real PostgreSQL: transactions, faults, migrations, notifications."""

from __future__ import annotations

import threading

import psycopg
from psycopg import errors
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.database import postgres_migrations
from mailframe.database.postgres import InDoubt, PostgresDatabase, connect, database_error
from mailframe.database.postgres_listening import FIRST_PAUSE, Listening
from mailframe.database.postgres_migrations import migrate, unlike
from mailframe.database.sqlite import UnusableDatabase
from mailframe.message.status import STORAGE_FULL, UNAVAILABLE, MailframeError
from tests import postgres

ROOM = "tests.database.postgres_room"


def put(connection, key: int, value: str) -> None:
    connection.execute("INSERT INTO thing (key, value) VALUES (%s, %s)", (key, value))


def values(connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT value FROM thing ORDER BY key").fetchall()]


class DatabaseTests(TestCase):
    """Units of work are whole or have not happened, and faults are for now."""

    timeout = 30

    def setUp(self) -> None:
        self.address = postgres.database(self)
        self.database = PostgresDatabase(self.address, ROOM, reactor, connections=3)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.database.stop()))

    async def test_units(self) -> None:
        """What a unit wrote is there when it answers; what one that failed wrote is not."""

        def fails(connection) -> None:
            put(connection, 2, "two")
            raise KeyError("ours")

        await self.database.start()
        await self.database.run(lambda connection: put(connection, 1, "one"))
        with self.assertRaises(KeyError):
            await self.database.run(fails)
        self.assertEqual(await self.database.run(values), ["one"])

    async def test_faults(self) -> None:
        """A fault of the database is a temporary error, and the next unit is not troubled by it."""
        for _ in range(4):
            with self.assertRaises(MailframeError) as caught:
                await self.database.run(lambda connection: connection.execute("SELECT nothing"))
            self.assertEqual(caught.exception.status, UNAVAILABLE)
        self.assertEqual(await self.database.run(values), [])

    async def test_nobody_there(self) -> None:
        """Where no server answers that is told as a temporary error."""
        database = PostgresDatabase("host=/nonexistent dbname=x password=secret", ROOM, None)
        with self.assertRaises(MailframeError) as caught:
            await database.start()
        self.assertEqual(caught.exception.status, UNAVAILABLE)
        self.assertNotIn("secret", caught.exception.reason)

    async def test_lost_in_the_middle(self) -> None:
        """A unit whose connection is cut before the commit is done again, once, on a new one."""
        await self.database.run(lambda connection: None)
        cuts: list[int] = []

        def cut_once(connection) -> None:
            put(connection, 1, "one")
            if not cuts:
                cuts.append(1)
                with psycopg.connect(self.address, autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
            put(connection, 2, "two")

        await self.database.run(cut_once)
        self.assertEqual(await self.database.run(values), ["one", "two"])

    async def test_lost_at_the_commit(self) -> None:
        """When the connection is cut at the commit, the error says that nobody knows."""
        await self.database.run(lambda connection: None)

        def cut(connection) -> None:
            put(connection, 1, "one")
            with psycopg.connect(self.address, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

        with self.assertRaises(InDoubt) as caught:
            await self.database.run(cut)
        self.assertTrue(caught.exception.status.temporary)
        self.assertEqual(await self.database.run(values), [])

    async def test_deadlock(self) -> None:
        """Two units that wait for each other are both done, one of them again."""
        await self.database.run(lambda connection: [put(connection, 1, ""), put(connection, 2, "")])
        meeting = threading.Barrier(2)

        def write(first: int, second: int, name: str):
            def unit(connection) -> None:
                connection.execute("SET LOCAL deadlock_timeout = '20ms'")
                connection.execute("UPDATE thing SET value = value || %s WHERE key = %s", (name, first))
                try:
                    meeting.wait(1)
                except threading.BrokenBarrierError:
                    pass
                connection.execute("UPDATE thing SET value = value || %s WHERE key = %s", (name, second))

            return unit

        await gatherResults([self.database.run(write(1, 2, "a")), self.database.run(write(2, 1, "b"))])
        self.assertEqual([sorted(value) for value in await self.database.run(values)], [["a", "b"]] * 2)

    async def test_stopped(self) -> None:
        """After the end nothing is begun."""
        await self.database.run(lambda connection: None)
        await self.database.stop()
        await self.database.stop()
        with self.assertRaises(MailframeError):
            await self.database.run(values)

    def test_full(self) -> None:
        """A full disk is told as such."""
        self.assertEqual(database_error(errors.DiskFull("no space")).status, STORAGE_FULL)
        self.assertEqual(database_error(errors.UniqueViolation("twice")).status, UNAVAILABLE)


class MigrationTests(SynchronousTestCase):
    """Tables are brought up to date once, and never guessed at."""

    def setUp(self) -> None:
        self.address = postgres.database(self)
        self.connection = connect(self.address)
        self.addCleanup(self.connection.close)

    def test_twice(self) -> None:
        """A new database gets all steps, an up-to-date one none."""
        self.assertEqual(migrate(self.connection, ROOM), 0)
        self.assertEqual(migrate(self.connection, ROOM), 2)
        put(self.connection, 1, "one")

    def test_newer(self) -> None:
        """Tables of a newer program are refused with a sentence that says what to do."""
        self.assertEqual(unlike(self.connection, [ROOM]), [ROOM])
        migrate(self.connection, ROOM)
        self.assertEqual(unlike(self.connection, [ROOM]), [])
        self.connection.execute(
            "INSERT INTO mailframe_migration (room, number, name) VALUES (%s, 3, 'x')", (ROOM,)
        )
        self.connection.commit()
        with self.assertRaisesRegex(UnusableDatabase, "upgrade this program"):
            migrate(self.connection, ROOM)
        self.assertEqual(unlike(self.connection, [ROOM]), [ROOM])

    def test_together(self) -> None:
        """Nodes that start at the same time apply each step once."""
        found: list[object] = []

        def start() -> None:
            with connect(self.address) as connection:
                try:
                    found.append(migrate(connection, ROOM))
                except psycopg.Error as fault:
                    found.append(fault)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(found, key=str), [0, 2, 2, 2])

    def test_failed(self) -> None:
        """When a step fails the database stays as it was."""
        steps = postgres_migrations.migrations_of(ROOM)
        broken = (steps[0], type(steps[1])(2, "0002_bad.sql", "CREATE TABLE other (x int); SELECT nothing"))
        self.patch(postgres_migrations, "migrations_of", lambda room: broken)
        with self.assertRaises(psycopg.Error):
            migrate(self.connection, ROOM)
        there = self.connection.execute("SELECT to_regclass('thing'), to_regclass('other')").fetchone()
        self.assertEqual(there, (None, None))


class ListeningTests(TestCase):
    """Notifications are heard, and a lost connection comes back."""

    timeout = 30

    async def test_heard(self) -> None:
        """Whoever listens is called when connected, when notified, and when connected again."""
        address = postgres.database(self)
        heard: list[int] = []
        listening = Listening(address, "news", reactor, lambda: heard.append(1))
        self.addCleanup(lambda: Deferred.fromCoroutine(listening.stop()))
        listening.start()
        listening.start()
        await self.until(lambda: len(heard) == 1)
        with psycopg.connect(address, autocommit=True) as other:
            other.execute("NOTIFY elsewhere")
            other.execute("NOTIFY news")
            await self.until(lambda: len(heard) == 2)
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND query LIKE 'LISTEN%'"
            )
            await self.until(lambda: not listening.connected)
            await self.until(lambda: len(heard) == 3)
            other.execute("NOTIFY news")
            await self.until(lambda: len(heard) == 4)

    async def until(self, true) -> None:
        while not true():
            await deferLater(reactor, 0.005)


class _AtOnce(Clock):
    """A reactor of which only the clock is false: threads answer in the real one."""

    def callFromThread(self, function, *arguments) -> None:
        reactor.callFromThread(function, *arguments)


class BackOffTests(TestCase):
    """A database that is away is not asked all the time."""

    timeout = 30

    async def test_pauses(self) -> None:
        """Each pause before the next attempt to connect is twice as long."""
        clock = _AtOnce()
        listening = Listening("host=/nonexistent", "news", clock, lambda: None)
        pauses = []
        listening.start()
        for _ in range(9):
            while not clock.getDelayedCalls():
                await deferLater(reactor, 0.002)
            pauses.append(clock.getDelayedCalls()[0].getTime() - clock.seconds())
            clock.advance(pauses[-1])
        while not clock.getDelayedCalls():
            await deferLater(reactor, 0.002)
        await listening.stop()
        self.assertEqual(clock.getDelayedCalls(), [])
        self.assertEqual(pauses[:3], [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE])
        self.assertEqual(pauses[-1], 30.0)
