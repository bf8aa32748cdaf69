"""The directory in a PostgreSQL database, on a real server."""

from __future__ import annotations

from typing import Any

import psycopg
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.config.types import Secret
from mailframe.database.sqlite import UnusableDatabase
from mailframe.directory.entries import Key, Kind, Put
from mailframe.directory.postgresql.directory import PostgreSQLDirectory
from mailframe.directory.postgresql.options import PostgreSQLDirectoryOptions
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from mailframe.testing.directory import ALICE, HASH, DirectoryContract, KeepKeysContract
from mailframe.testing.directory_entries import EntriesContract, all_entries, steps
from mailframe.testing.grants import GrantsContract
from tests import postgres

reactor: Any = installed
NAME = "alice@example.test"
BOB = Address("bob", "example.test")


def options(address: str, **more: Any) -> PostgreSQLDirectoryOptions:
    """Of a directory there."""
    return PostgreSQLDirectoryOptions(address=Secret(address), **more)


class DirectoryCase(TestCase):
    """Directories of one database."""

    timeout = 60

    def setUp(self) -> None:
        """A database of its own."""
        self.address = postgres.database(self)

    async def make(self, with_reactor: Any = reactor, **more: Any) -> PostgreSQLDirectory:
        """One more node."""
        directory = PostgreSQLDirectory(options(self.address, **more), with_reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        return directory

    async def until(self, question: Any) -> None:
        """Wait until something is so."""
        for _ in range(1000):
            if await question():
                return
            await deferLater(reactor, 0.01)
        self.fail("it never became so")


class PostgreSQLDirectoryTests(KeepKeysContract, DirectoryContract, DirectoryCase):
    """The contract, as a node uses it."""

    async def make_directory(self) -> PostgreSQLDirectory:
        """An empty one."""
        return await self.make()


class WithoutReactorTests(KeepKeysContract, DirectoryContract, DirectoryCase):
    """The contract, as a command uses it."""

    async def make_directory(self) -> PostgreSQLDirectory:
        """An empty one."""
        return await self.make(None)


class PostgreSQLGrantsTests(GrantsContract, DirectoryCase):
    """The contract of grants."""

    async def make_directory(self) -> PostgreSQLDirectory:
        """An empty one."""
        return await self.make()


class EntriesTests(EntriesContract, SynchronousTestCase):
    """Edits and copies, beside the model."""

    def setUp(self) -> None:
        """A database that every example empties."""
        self.directory = PostgreSQLDirectory(options(postgres.database(self)), None)
        self.successResultOf(Deferred.fromCoroutine(self.directory.start()))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.directory.stop()))

    def empty(self) -> PostgreSQLDirectory:
        """Nothing is in it."""
        self.directory._block(
            lambda c: c.execute(
                "TRUNCATE directory_domain, directory_account, directory_app_password, directory_alias, "
                "directory_grant, directory_change"
            )
        )
        self.directory._block(lambda c: c.execute("UPDATE directory_state SET version = 0"))
        return self.directory

    @given(steps)
    def test_edits(self, todo: Any) -> None:
        """Edits are done and refused as the model does it."""
        self.check_edits(self.empty(), todo)

    @given(steps, st.integers(0, 12))
    def test_copies(self, todo: Any, begin: int) -> None:
        """A copy follows from wherever it began."""
        self.successResultOf(Deferred.fromCoroutine(self.check_copies(self.empty(), todo, begin)))


class NodesTests(DirectoryCase):
    """Several nodes with one directory."""

    async def test_news(self) -> None:
        """What one node or command changes, all others know a moment later, although they remember answers."""
        one, other = await self.make(cache_time=3600.0), await self.make(cache_time=3600.0)
        command = await self.make(None)
        hints: list[int] = []
        end = other.listen(lambda: hints.append(1))
        command.add_domain("example.test")
        await self.until(lambda: one.is_local("example.test"))
        self.assertIsNone(await other.lookup(ALICE))
        command.add_account(NAME, HASH)
        for node in (one, other):
            await self.until(lambda node=node: node.lookup(ALICE))
        self.assertTrue(hints)
        end()
        await deferToThread(one.apply, [Put(Credential(Account(NAME, quota=5), HASH))], "tester")

        async def known() -> bool:
            found = await other.lookup(ALICE)
            return isinstance(found, Account) and found.quota == 5

        await self.until(known)

    async def test_remembered(self) -> None:
        """A second question does not go to the database while that would tell of a change."""
        node = await self.make()
        await deferToThread(node.add_domain, "example.test")

        async def remembered() -> bool:
            await node.is_local("example.test")
            return node._answers.get(("domain", "example.test"), node._seconds()) == Domain("example.test")

        await self.until(remembered)
        self.patch(node, "_ask", None)
        self.assertTrue(await node.is_local("Example.Test"))

    async def test_old_answer(self) -> None:
        """An answer that was asked for before a change is not remembered after it."""
        node = await self.make()
        await self.until(lambda: deferLater(reactor, 0, lambda: node._listening.connected))  # type: ignore[union-attr]
        asked = Deferred.fromCoroutine(node.is_local("example.test"))
        node._heard()
        self.assertFalse(await asked)
        self.assertEqual(0, len(node._answers))

    async def test_many_writers(self) -> None:
        """Changes of many at a time are seen in the order of their versions: a copy misses none."""
        node = await self.make()
        await deferToThread(node.add_domain, "example.test")
        writers = [await self.make(None) for _ in range(4)]
        version = await node.version()
        seen: set[str] = set()

        def write(number: int) -> None:
            for count in range(20):
                writers[number].add_account(f"user{number}-{count}@example.test", HASH)

        done = gatherResults([deferToThread(write, number) for number in range(4)])
        results: list[Any] = []
        done.addBoth(results.append)
        while not results or (await node.version()) != version:
            batch = await node.changes(version, 7)
            assert batch is not None
            version = batch.version
            seen |= {entry.account.name for entry in batch.entries if isinstance(entry, Credential)}
        self.assertEqual(80, len(seen))
        self.assertEqual(82 - 1, len(all_entries(writers[0], 50)))

    async def test_history_is_bounded(self) -> None:
        """Old changes are forgotten, and whoever is further behind is told to begin anew."""
        node = await self.make(None, history=1000)
        node.add_domain("example.test")
        version = await node.version()
        for number in range(1100):
            node.apply([Put(Credential(Account("a@example.test", quota=number + 1), HASH))], "tester")
        self.assertLess(len(node.history(limit=5000)), 1100)
        self.assertIsNone(await node.changes(version))
        self.assertEqual([], node.history(key=Key(Kind.DOMAIN, "example.test")))


class FaultTests(DirectoryCase):
    """A database that is away."""

    async def test_away_and_back(self) -> None:
        """Nothing is said of accounts while it is away, and all is well when it is back."""
        server = postgres.Server()
        self.addCleanup(server.remove)
        await deferToThread(server.start)
        self.address = server.database()
        node = await self.make()
        await deferToThread(node.add_domain, "example.test")
        await deferToThread(node.add_account, NAME, HASH)
        await self.until(lambda: node.lookup(ALICE))
        await deferToThread(server.stop)
        for question in (
            lambda: node.credential(NAME),
            lambda: node.lookup(BOB),
            lambda: node.is_local("other.test"),
            lambda: node.version(),
            lambda: deferToThread(node.add_account, "bob@example.test", HASH),
            lambda: deferToThread(node.entry, Key(Kind.ACCOUNT, NAME)),
        ):
            with self.assertRaises(MailframeError) as caught:
                await question()
            self.assertEqual(CANNOT_LOOK_UP, caught.exception.status)
        await deferToThread(server.start)

        async def well() -> bool:
            try:
                return await node.credential(NAME) is not None
            except MailframeError:
                return False

        await self.until(well)
        await deferToThread(node.add_account, "bob@example.test", HASH)
        self.assertEqual(Account("bob@example.test"), await node.lookup(BOB))

    async def test_not_there(self) -> None:
        """A node whose database is not there does not start, with a temporary fault."""
        directory = PostgreSQLDirectory(options("host=/nonexistent dbname=x"), reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        with self.assertRaises(MailframeError):
            await directory.start()

    async def test_newer(self) -> None:
        """A database that a newer version has written is not touched."""
        await self.make(None)
        with psycopg.connect(self.address) as connection:
            connection.execute("UPDATE mailframe_migration SET number = number + 1000")
        with self.assertRaises(UnusableDatabase):
            await self.make()

    async def test_odd_names(self) -> None:
        """Texts that PostgreSQL cannot have are names of nobody."""
        node = await self.make(None)
        for name in ("a\0b@example.test", "\udce4@example.test", ""):
            self.assertIsNone(await node.credential(name))
            self.assertIsNone(await node.account(name))
            self.assertIsNone(node.entry(Key(Kind.ACCOUNT, name)))
            self.assertFalse(await node.granted(name, ALICE))
        self.assertIsNone(await node.domain("\udce4.test"))

    async def test_odd_targets(self) -> None:
        """Whatever an address may be made of is kept."""
        node = await self.make(None)
        node.add_domain("example.test")
        odd = Alias(ALICE, (Address("\\'\"{}%s", "example.net"), Address("Ω", "zürich.example")))
        node.apply([Put(odd)], "t\0ester")
        self.assertEqual(odd, node.entry(Key(Kind.ALIAS, NAME)))
        self.assertEqual("t ester", node.history()[-1].actor)
