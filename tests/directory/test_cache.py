"""A directory whose answers are remembered."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import alsoProvides
from zope.interface.verify import verifyObject

from mailframe.config.types import DirectoryName
from mailframe.directory.cache import CacheDirectory
from mailframe.directory.composed_options import CacheOptions
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.interfaces import (
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IKeepHash,
    IKeepKeys,
    ISenderGrants,
)
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.remembered import Remembered
from mailframe.directory.values import Account
from mailframe.message.address import Address
from mailframe.message.status import MailframeError
from mailframe.testing.directory import ALICE, HASH, KEYS, DirectoryContract, KeepKeysContract

from .sources import Moody

OPTIONS = CacheOptions(source=DirectoryName("memory"))
BOB = Address("bob", "example.test")


class Administered(CacheDirectory):
    """With the source's administration, as the contract wants it; a change is followed by a flush."""

    def __init__(self, source: MemoryDirectory) -> None:
        super().__init__(source, OPTIONS, Clock())
        source.listen(self.flush)
        alsoProvides(self, IDirectoryAdmin)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


class CacheContractTests(KeepKeysContract, DirectoryContract, TestCase):
    """What every directory must do."""

    async def make_directory(self) -> Any:
        """An empty one."""
        return Administered(MemoryDirectory())


class CacheTests(SynchronousTestCase):
    """What is remembered, and for how long."""

    def setUp(self) -> None:
        """A source with one account."""
        self.clock = Clock()
        self.memory = MemoryDirectory(["example.test"], {"alice@example.test": HASH})
        self.source = Moody(self.memory)
        self.cache: Any = CacheDirectory(self.source, OPTIONS, self.clock)

    def get(self, coroutine: Any) -> Any:
        """What comes of a question, now."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def cannot_say(self, coroutine: Any) -> None:
        """A question must be answered with a temporary error."""
        failure = self.failureResultOf(Deferred.fromCoroutine(coroutine), MailframeError)
        self.assertFalse(failure.value.status.permanent)

    def test_positive_and_negative(self) -> None:
        """An account is remembered for a minute, an unknown name for ten seconds."""
        for _ in range(3):
            self.assertTrue(self.get(self.cache.lookup(ALICE)))
            self.assertIsNone(self.get(self.cache.lookup(BOB)))
        self.assertEqual(["lookup"] * 2, self.source.asked)
        self.memory.add_account("bob@example.test", HASH)
        self.memory.remove_account("alice@example.test")
        self.clock.advance(11)
        self.assertEqual(Account("bob@example.test"), self.get(self.cache.lookup(BOB)))
        self.assertTrue(self.get(self.cache.lookup(ALICE)))
        self.clock.advance(50)
        self.assertIsNone(self.get(self.cache.lookup(ALICE)))

    def test_source_away(self) -> None:
        """While the source is away old answers are given, up to a day; what was never asked cannot be said."""
        self.get(self.cache.lookup(ALICE))
        self.get(self.cache.lookup(BOB))
        self.source.away = True
        self.clock.advance(3600)
        self.assertTrue(self.get(self.cache.lookup(ALICE)))
        self.assertIsNone(self.get(self.cache.lookup(BOB)))
        self.cannot_say(self.cache.lookup(Address("carol", "example.test")))
        asked = len(self.source.asked)
        self.assertTrue(self.get(self.cache.lookup(ALICE)))
        self.assertEqual(asked, len(self.source.asked))
        self.clock.advance(86400)
        self.cannot_say(self.cache.lookup(ALICE))
        self.source.away = False
        self.assertTrue(self.get(self.cache.lookup(ALICE)))

    def test_source_hangs(self) -> None:
        """Who has an old answer gets it after a second, others an error after ten; later all is well again."""
        self.get(self.cache.lookup(ALICE))
        self.clock.advance(61)
        self.source.hangs = True
        old = Deferred.fromCoroutine(self.cache.lookup(ALICE))
        new = Deferred.fromCoroutine(self.cache.lookup(BOB))
        self.assertNoResult(old)
        self.clock.advance(1)
        self.assertEqual(Account("alice@example.test"), self.successResultOf(old))
        self.assertNoResult(new)
        self.clock.advance(9)
        self.assertFalse(self.failureResultOf(new, MailframeError).value.status.permanent)
        self.source.go_on()
        self.assertIsNone(self.get(self.cache.lookup(BOB)))
        self.clock.advance(2)
        self.memory.remove_account("alice@example.test")
        self.assertIsNone(self.get(self.cache.lookup(ALICE)))

    def test_single_flight(self) -> None:
        """Many who want to know the same ask once."""
        self.source.hangs = True
        asked = [Deferred.fromCoroutine(self.cache.lookup(ALICE)) for _ in range(100)]
        self.assertEqual(["lookup"], self.source.asked)
        asked[0].addErrback(lambda failure: None)
        asked[0].cancel()
        self.source.go_on()
        for one in asked[1:]:
            self.assertEqual(Account("alice@example.test"), self.successResultOf(one))

    def test_credentials_are_remembered_shortly(self) -> None:
        """A new password is good after some seconds, and the old one not long after the source went away."""
        self.get(self.cache.credential("alice@example.test"))
        self.memory.set_password("alice@example.test", "{PLAIN}other")
        self.assertEqual(HASH, self.get(self.cache.credential("Alice@example.test")).password_hash)
        self.clock.advance(5)
        self.assertEqual("{PLAIN}other", self.get(self.cache.credential("alice@example.test")).password_hash)
        self.source.away = True
        self.clock.advance(300)
        self.assertTrue(self.get(self.cache.credential("alice@example.test")))
        self.clock.advance(6)
        self.cannot_say(self.cache.credential("alice@example.test"))

    def test_keys_are_kept_in_the_source(self) -> None:
        """Keys are seen at once after they were kept; they cannot be kept while the source is away."""
        self.get(self.cache.credential("alice@example.test"))
        self.assertTrue(self.get(self.cache.keep_keys("alice@example.test", HASH, [KEYS])))
        self.assertEqual((KEYS,), self.get(self.cache.credential("alice@example.test")).keys)
        self.source.away = True
        self.cannot_say(self.cache.keep_keys("alice@example.test", HASH, []))

    def test_flush(self) -> None:
        """An address, a domain with all in it, or everything is forgotten; also what is just being asked."""
        self.get(self.cache.lookup(ALICE))
        self.get(self.cache.lookup(BOB))
        self.get(self.cache.credential("alice@example.test"))
        self.get(self.cache.is_local("example.org"))
        self.assertEqual(0, self.cache.flush("nobody@example.test"))
        self.assertEqual(2, self.cache.flush("Alice@example.test"))
        self.assertEqual(1, self.cache.flush("example.test"))
        self.assertEqual(1, self.cache.flush())
        self.source.hangs = True
        asked = Deferred.fromCoroutine(self.cache.lookup(ALICE))
        self.cache.flush()
        self.source.go_on()
        self.successResultOf(asked)
        self.memory.remove_account("alice@example.test")
        self.assertIsNone(self.get(self.cache.lookup(ALICE)))

    def test_provides(self) -> None:
        """It provides what its source provides, and no more."""
        for interface in (IDirectory, ICredentialSource, IKeepKeys, ISenderGrants, IDirectoryFeed):
            self.assertTrue(verifyObject(interface, self.cache))
        self.assertFalse(IKeepHash.providedBy(self.cache))
        bare = CacheDirectory(Moody(self.memory, ICredentialSource, IDirectoryFeed), OPTIONS, self.clock)
        for interface in (ICredentialSource, IDirectoryFeed):
            self.assertFalse(interface.providedBy(bare))


class RememberedTests(SynchronousTestCase):
    """The bounds."""

    def test_bounds(self) -> None:
        """Unknown names push out no known ones; what was used last stays."""
        table = Remembered(4, 10, 10, 10)
        for number in range(4):
            table.put(("n", str(number)), "found", 0)
        for number in range(1000):
            table.put(("x", str(number)), None, 0)
        self.assertEqual(5, len(table))
        table.get(("n", "0"), 1)
        table.put(("n", "5"), "found", 1)
        self.assertTrue(table.get(("n", "0"), 1))
        self.assertIsNone(table.get(("n", "1"), 1))
        self.assertIsNone(table.get(("n", "0"), 21))
