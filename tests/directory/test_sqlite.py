"""The directory in an SQLite file."""

from __future__ import annotations

import os

import apsw
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.database.sqlite import UnusableDatabase
from mailframe.directory.options import SQLiteOptions
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.directory.values import Account
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from mailframe.testing.directory import ALICE, HASH, DirectoryContract, KeepKeysContract


class SQLiteDirectoryTests(KeepKeysContract, DirectoryContract, TestCase):
    """The contract, with lookups in a thread."""

    async def make_directory(self) -> SQLiteDirectory:
        """An empty one in a new file."""
        directory = SQLiteDirectory(self.mktemp(), reactor)  # type: ignore[arg-type]
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        return directory


class WithoutReactorTests(KeepKeysContract, DirectoryContract, TestCase):
    """The contract, as a command uses it."""

    async def make_directory(self) -> SQLiteDirectory:
        """An empty one in a new file."""
        directory = SQLiteDirectory(self.mktemp(), None)
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        return directory


class RememberedTests(TestCase):
    """What is remembered, and for how long."""

    async def make(self, **options: int) -> SQLiteDirectory:
        self.clock = Clock()
        self.path = self.mktemp()
        directory = SQLiteDirectory(self.path, None, SQLiteOptions(**options), self.clock.seconds)  # type: ignore[arg-type]
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        directory.add_domain("example.test")
        directory.add_account("alice@example.test", HASH)
        self.other = SQLiteDirectory(self.path, None)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.other.stop()))
        return directory

    async def test_change_by_another_process_is_seen_within_a_second(self) -> None:
        """An account removed by a command is unknown to the exchanger half a second later."""
        directory = await self.make()
        self.assertEqual(Account("alice@example.test"), await directory.lookup(ALICE))
        self.assertTrue(await directory.is_local("example.test"))
        self.other.remove_account("alice@example.test")
        self.assertEqual(Account("alice@example.test"), await directory.lookup(ALICE))
        self.clock.advance(0.6)
        # Asking for something else brings the news as well.
        self.assertTrue(await directory.is_local("example.test"))
        self.assertIsNone(await directory.lookup(ALICE))

    async def test_unknown_is_remembered_too(self) -> None:
        """An unknown address is not looked up in the file again and again."""
        directory = await self.make()
        bob = Address("bob", "example.test")
        self.assertIsNone(await directory.lookup(bob))
        self.other.add_account("bob@example.test", HASH)
        self.assertIsNone(await directory.lookup(bob))
        self.clock.advance(0.6)
        self.assertEqual(Account("bob@example.test"), await directory.lookup(bob))

    async def test_hot_lookups_do_not_touch_the_file(self) -> None:
        """Within half a second the second question is answered from memory."""
        directory = await self.make()
        await directory.lookup(ALICE)
        asked: list[object] = []
        self.patch(directory._database, "read", asked.append)
        await directory.lookup(ALICE)
        await directory.lookup(Address("Alice", "Example.test"))
        self.assertEqual([], asked)

    async def test_memory_is_bounded(self) -> None:
        """A stranger who tries many addresses costs no memory and pushes no real one out."""
        directory = await self.make(cache_entries=8)
        await directory.lookup(ALICE)
        for number in range(100):
            await directory.lookup(Address(f"x{number}", "example.test"))
        self.assertLessEqual(len(directory._answers), 10)
        self.patch(directory._database, "read", None)
        self.assertEqual(Account("alice@example.test"), await directory.lookup(ALICE))

    async def test_credentials_are_never_remembered(self) -> None:
        """A new password counts at once."""
        directory = await self.make()
        await directory.credential("alice@example.test")
        self.other.set_password("alice@example.test", "{PLAIN}new")
        found = await directory.credential("alice@example.test")
        assert found is not None
        self.assertEqual("{PLAIN}new", found.password_hash)


class FaultTests(TestCase):
    """What cannot be looked up is temporary."""

    def directory(self, path: str) -> SQLiteDirectory:
        directory = SQLiteDirectory(path, None)
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        return directory

    async def cannot(self, directory: SQLiteDirectory) -> None:
        for question in (
            directory.lookup(ALICE),
            directory.is_local("example.test"),
            directory.credential("a@b"),
        ):
            try:
                await question
            except MailframeError as error:
                self.assertEqual(CANNOT_LOOK_UP, error.status)
            else:
                self.fail("answered without a directory")

    async def test_no_directory_for_the_file(self) -> None:
        """A missing disk is a temporary fault, not an empty directory."""
        await self.cannot(self.directory(os.path.join(self.mktemp(), "missing", "directory.sqlite")))

    async def test_no_database(self) -> None:
        """Neither is a file that is no database."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"this is no database at all, but long enough to be looked at" * 100)
        await self.cannot(self.directory(path))

    async def test_missing_table(self) -> None:
        """Nor one whose tables somebody dropped."""
        path = self.mktemp()
        directory = self.directory(path)
        await directory.start()
        connection = apsw.Connection(path)
        connection.execute("DROP TABLE account; DROP TABLE alias_target; DROP TABLE domain")
        connection.close()
        await self.cannot(directory)

    async def test_newer_file_is_refused_at_start(self) -> None:
        """A file of a newer version is not touched."""
        path = self.mktemp()
        await self.directory(path).start()
        connection = apsw.Connection(path)
        connection.pragma("user_version", 999)
        connection.close()
        try:
            await self.directory(path).start()
        except (MailframeError, UnusableDatabase) as error:
            self.assertIn("newer", str(error))
        else:
            self.fail("started")
