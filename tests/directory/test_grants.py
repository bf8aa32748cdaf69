"""Grants, as directories keep them."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.message.address import parse_mailbox
from mailframe.testing.directory import HASH
from mailframe.testing.grants import GrantsContract

INFO = parse_mailbox("info@example.net")


class MemoryGrantsTests(GrantsContract, TestCase):
    """The contract, in memory."""

    async def make_directory(self) -> MemoryDirectory:
        """An empty one."""
        return MemoryDirectory()


class SQLiteGrantsTests(GrantsContract, TestCase):
    """The contract, in a file."""

    async def make_directory(self) -> SQLiteDirectory:
        """An empty one in a new file."""
        directory = SQLiteDirectory(self.mktemp(), reactor)  # type: ignore[arg-type]
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        return directory


class RememberedGrantsTests(TestCase):
    """A running service and commands."""

    async def test_revoked_by_a_command(self) -> None:
        """A grant that a command took back is gone for the running service within a second."""
        clock, path = Clock(), self.mktemp()
        directory = SQLiteDirectory(path, None, seconds=clock.seconds)
        other = SQLiteDirectory(path, None)
        for one in (directory, other):
            self.addCleanup(lambda one=one: Deferred.fromCoroutine(one.stop()))
        await directory.start()
        directory.add_domain("example.test")
        directory.add_account("alice@example.test", HASH)
        other.grant("alice@example.test", "@example.net")
        self.assertTrue(await directory.granted("alice@example.test", INFO))
        other.revoke("alice@example.test", "@example.net")
        clock.advance(0.6)
        self.assertFalse(await directory.granted("alice@example.test", INFO))
