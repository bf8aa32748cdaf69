"""A directory that answers from its copy."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import DataPath, DirectoryName
from mailframe.database.sqlite import open_connection
from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.entries import Batch, Entry, Key, Kind, Put, Remove, key_of
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.feeding import entries_txn
from mailframe.directory.interfaces import ICredentialSource, IDirectory, IKeepHash, IKeepKeys, ISenderGrants
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.replica.copy import prepare
from mailframe.directory.replica.replica import ReplicaDirectory
from mailframe.directory.replica.rows import batch_txn, page_txn
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.directory.values import Account, Alias, Credential, Domain, Grant
from mailframe.message.address import Address
from mailframe.message.status import MailframeError
from mailframe.testing.directory import ALICE, HASH, KEYS
from tests.directory.sources import Moody

BOB = Address("bob", "example.test")


class ReplicaCase(TestCase):
    """A copy of a directory in memory."""

    async def make(self, source: Any, path: str = "", **options: Any) -> Any:
        """A copy that was started."""
        settings = ReplicaOptions(
            source=DirectoryName("x"), path=DataPath(path or self.mktemp()), poll=0.05, **options
        )
        replica = ReplicaDirectory(source, settings, reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(replica.stop()))
        await replica.start()
        return replica

    async def until(self, question: Any) -> None:
        """Wait until something is so."""
        for _ in range(500):
            if await question():
                return
            await deferLater(reactor, 0.01, lambda: None)  # type: ignore[arg-type]
        self.fail("it never became so")

    async def filled(self, replica: Any) -> None:
        """Wait for the first copy."""

        async def complete() -> bool:
            return bool(replica._copy.is_complete)

        await self.until(complete)


class ReplicaTests(ReplicaCase):
    """What it answers, and when."""

    def source(self) -> MemoryDirectory:
        """One with a bit of everything."""
        source = MemoryDirectory(["example.test"], {"alice@example.test": HASH})
        source.set_alias(Address("info", "example.test"), [ALICE])
        source.grant("alice@example.test", "@example.net")
        return source

    async def test_answers(self) -> None:
        """It answers as its source does, and does not ask that any more."""
        source = Moody(self.source())
        replica = await self.make(source)
        await self.filled(replica)
        source.asked.clear()
        self.assertEqual(
            Account("alice@example.test"), await replica.lookup(Address("Alice", "Example.test"))
        )
        self.assertEqual((ALICE,), (await replica.lookup(Address("info", "example.test"))).targets)
        self.assertIsNone(await replica.lookup(BOB))
        self.assertEqual(HASH, (await replica.credential("alice@example.test")).password_hash)
        self.assertTrue(await replica.granted("alice@example.test", Address("x", "example.net")))
        self.assertTrue(await replica.is_local("example.TEST"))
        self.assertIsNone(await replica.account("\ud800@example.test"))
        self.assertEqual(set(), set(source.asked) - {"changes"})

    async def test_changes_are_active_soon(self) -> None:
        """What is added, changed or removed in the source is so in the copy, well within a second."""
        source = self.source()
        replica = await self.make(source)
        await self.filled(replica)
        source.add_account("bob@example.test", HASH)
        source.remove_account("alice@example.test")

        async def followed() -> bool:
            return bool(await replica.account("bob@example.test")) and not await replica.lookup(ALICE)

        await self.until(followed)
        self.assertFalse(await replica.granted("alice@example.test", Address("x", "example.net")))

    async def test_polled(self) -> None:
        """A source that gives no hints is asked."""
        path = self.mktemp()
        source = SQLiteDirectory(path, reactor)  # type: ignore[arg-type]
        self.addCleanup(lambda: Deferred.fromCoroutine(source.stop()))
        await source.start()
        source.add_domain("example.test")
        replica = await self.make(source)
        await self.filled(replica)
        SQLiteDirectory(path, None).add_account("bob@example.test", HASH)

        async def followed() -> bool:
            return bool(await replica.account("bob@example.test"))

        await self.until(followed)

    async def test_source_away_and_back(self) -> None:
        """While the source is away the copy serves; after it came back it is level again."""
        memory = self.source()
        source = Moody(memory)
        replica = await self.make(source)
        await self.filled(replica)
        source.away = True
        memory.add_account("bob@example.test", HASH)
        self.assertTrue(await replica.lookup(ALICE))
        self.assertIsNone(await replica.lookup(BOB))
        try:
            await replica.keep_keys("alice@example.test", HASH, [KEYS])
        except MailframeError as error:
            self.assertFalse(error.status.permanent)
        else:
            self.fail("nobody has kept them")
        source.away = False

        async def followed() -> bool:
            return bool(await replica.lookup(BOB))

        await self.until(followed)
        self.assertTrue(await replica.keep_keys("alice@example.test", HASH, [KEYS]))

        async def came_back() -> bool:
            return bool((await replica.credential("alice@example.test")).keys == (KEYS,))

        await self.until(came_back)

    async def test_restart_without_source(self) -> None:
        """A copy that was complete once serves after a restart, though the source is gone."""
        path = self.mktemp()
        replica = await self.make(self.source(), path)
        await self.filled(replica)
        await replica.stop()
        source = Moody(MemoryDirectory())
        source.away = True
        again = await self.make(source, path)
        self.assertTrue(await again.lookup(ALICE))
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)

    async def test_source_hangs(self) -> None:
        """A source that does not answer counts as away, is asked again, and its old copy serves."""
        memory = self.source()
        source = Moody(memory)
        replica = await self.make(source, timeout=0.1)
        await self.filled(replica)
        source.hangs = True
        memory.add_account("bob@example.test", HASH)

        async def noticed() -> bool:
            return "in time" in replica._filling.trouble

        await self.until(noticed)
        self.assertTrue(await replica.lookup(ALICE))
        source.go_on()

        async def followed() -> bool:
            return bool(await replica.lookup(BOB))

        await self.until(followed)

    async def test_before_the_first_copy(self) -> None:
        """Until all is there the source itself is asked: half a copy would say that people are unknown."""
        source = Moody(self.source())
        source.away = True
        replica = await self.make(source)
        with self.assertRaises(MailframeError):
            await replica.lookup(ALICE)
        self.assertIn("no complete copy", await replica.health())
        source.away = False
        self.assertTrue(await replica.lookup(ALICE))

    async def test_another_source(self) -> None:
        """Another directory in the old one's place: all is compared, what it has not is gone, and answers go on."""
        path = self.mktemp()
        replica = await self.make(self.source(), path)
        await self.filled(replica)
        await replica.stop()
        again = await self.make(MemoryDirectory(["example.test"], {"bob@example.test": HASH}), path)

        async def followed() -> bool:
            return bool(await again.lookup(BOB)) and not await again.lookup(ALICE)

        await self.until(followed)
        self.assertIsNone(await again.lookup(Address("info", "example.test")))

    async def test_removals_that_are_not_told(self) -> None:
        """Where the source does not tell what is gone, a comparison finds it."""
        memory = self.source()

        class Silent(Moody):
            tells_removals = False

            async def changes(self, since: str, limit: int = 1000) -> Batch:
                batch = await memory.changes(since, limit)
                assert batch is not None
                return Batch(batch.version, batch.entries, (), batch.more)

        replica = await self.make(Silent(memory), compare_every=1)
        await self.filled(replica)
        memory.remove_account("alice@example.test")

        async def gone() -> bool:
            return await replica.lookup(ALICE) is None

        await self.until(gone)

    async def test_two_fill(self) -> None:
        """While a node reloads two processes fill one copy: what is older never overwrites what is newer."""
        source, path = self.source(), self.mktemp()
        slow = Moody(source)
        old = await self.make(slow, path)
        await self.filled(old)
        new = await self.make(source, path)
        for quota in range(1, 20):
            slow.hangs = quota % 2 == 1
            source.set_quota("alice@example.test", quota)

            async def followed(quota: int = quota) -> bool:
                return bool((await new.lookup(ALICE)).quota == quota)

            await self.until(followed)
            slow.go_on()
            await deferLater(reactor, 0.02, lambda: None)  # type: ignore[arg-type]
            self.assertTrue(await followed())

    async def test_health(self) -> None:
        """A copy that is too old is a problem, and says why."""
        source = Moody(self.source())
        replica = await self.make(source, old_after=1)
        await self.filled(replica)
        self.assertIsNone(await replica.health())
        source.away = True

        async def old() -> bool:
            return "seconds old: away" in (await replica.health() or "")

        await self.until(old)

    async def test_feed(self) -> None:
        """Whoever follows the copy is told what changed in it."""
        source = self.source()
        replica = await self.make(source)
        await self.filled(replica)
        version = await replica.version()
        hints: list[None] = []
        end = replica.listen(lambda: hints.append(None))
        source.set_enabled("alice@example.test", False)

        async def hinted() -> bool:
            return bool(hints)

        await self.until(hinted)
        end()
        batch = await replica.changes(version)
        self.assertEqual([Account("alice@example.test", False)], [one.account for one in batch.entries])
        self.assertEqual(4, len(await replica.entries()))

    async def test_provides(self) -> None:
        """It provides what its source provides, and no more."""
        replica = await self.make(self.source())
        for interface in (IDirectory, ICredentialSource, IKeepKeys, ISenderGrants, IDirectoryFeed):
            self.assertTrue(verifyObject(interface, replica))
        self.assertFalse(IKeepHash.providedBy(replica))
        bare = await self.make(Moody(self.source(), ICredentialSource, IKeepKeys))
        self.assertFalse(ICredentialSource.providedBy(bare) or IKeepKeys.providedBy(bare))


NAMES = st.sampled_from([f"{name}@{domain}" for name in ("a", "b", "é") for domain in ("x.test", "y.test")])
ENTRIES = st.one_of(
    st.builds(Domain, st.sampled_from(["x.test", "y.test"]), catch_all=st.sampled_from([(), (ALICE,)])),
    st.builds(lambda name, quota: Credential(Account(name, quota=quota), HASH), NAMES, st.integers(0, 2)),
    st.builds(lambda name: Alias(Address(*name.split("@")), (ALICE,)), NAMES),
    st.builds(Grant, NAMES, st.sampled_from(["@z.test", "q@z.test"])),
)
KEY = ENTRIES.map(key_of)


class ModelTests(SynchronousTestCase):
    """Whatever happens in the source, the copy becomes equal to it."""

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(st.one_of(ENTRIES.map(Put), KEY.map(Remove)), max_size=30),
        st.lists(st.one_of(ENTRIES.map(Put), KEY.map(Remove)), max_size=30),
        st.integers(1, 7),
    )
    def test_equal(self, before: list[Any], after: list[Any], size: int) -> None:
        """A snapshot with changes in the middle of it, changes in batches of any size, then a comparison."""
        source = MemoryDirectory(["x.test"])
        self.do(source, before)
        path = self.mktemp()
        prepare(path)
        connection = open_connection(path)
        try:
            version = self.now(source.version())
            page, last = self.now(source.entries(None, size)), None
            middle = len(after) // 2
            with connection:
                page_txn(connection, None, page, 0, True)
            self.do(source, after[:middle])
            self.snapshot(connection, source, key_of(page[-1]) if page else last, size)
            self.do(source, after[middle:])
            more = True
            while more:
                batch = self.now(source.changes(version, size))
                with connection:
                    batch_txn(connection, batch, 0)
                version, more = batch.version, batch.more
            self.assertEqual(self.now(source.entries(None, 1000)), entries_txn(connection, None, 1000))
            other = MemoryDirectory(["y.test"], {"a@y.test": HASH})
            self.snapshot(connection, other, None, size)
            self.assertEqual(self.now(other.entries(None, 1000)), entries_txn(connection, None, 1000))
        finally:
            connection.close()

    def snapshot(self, connection: Any, source: MemoryDirectory, after: Key | None, size: int) -> None:
        """The rest of a snapshot."""
        page: list[Entry] | None = None
        while page is None or page:
            page = list(self.now(source.entries(after, size)))
            with connection:
                page_txn(connection, after, page, 0, False)
            after = key_of(page[-1]) if page else after

    def test_disorder(self) -> None:
        """A source that does not keep to the order is not believed: it would make us remove what it has."""
        path = self.mktemp()
        prepare(path)
        connection = open_connection(path)
        self.addCleanup(connection.close)
        wrong = [Domain("b.test"), Domain("a.test")]
        self.assertRaises(MailframeError, page_txn, connection, None, wrong, 0, False)
        self.assertRaises(MailframeError, page_txn, connection, Key(Kind.ACCOUNT, "a@b"), wrong[:1], 0, False)

    def do(self, source: MemoryDirectory, edits: list[Any]) -> None:
        """Those of some edits that can be done."""
        for edit in edits:
            try:
                source.apply([edit], "test")
            except MailframeError:
                pass

    def now(self, coroutine: Any) -> Any:
        """What comes of a question, now."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))
