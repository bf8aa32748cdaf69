"""Where policies are kept."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.database.file import Database
from mailframe.delivery.protection.mta_sts.cache import (
    CLAIM_SECONDS,
    ROOM,
    MemoryPolicyCache,
    SQLitePolicyCache,
)
from mailframe.delivery.protection.mta_sts.interfaces import IPolicyCache, Kept
from mailframe.delivery.protection.mta_sts.policy import parse_policy

from .test_policy import TEXT


def kept(domain: str, expires: float = 1_000_000.0, name: str = "1") -> Kept:
    return Kept(domain, name, parse_policy(TEXT), expires)


class Contract:
    """What both caches do."""

    def cache(self, limit: int = 100) -> IPolicyCache:
        raise NotImplementedError

    def of(self, coroutine):
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IPolicyCache, self.cache())

    def test_kept(self) -> None:
        """What was put in comes out; a newer policy takes its place."""
        cache = self.cache()
        self.assertIsNone(self.of(cache.get("a.test")))
        self.of(cache.put(kept("a.test"), 0))
        self.assertEqual(kept("a.test"), self.of(cache.get("a.test")))
        self.of(cache.put(kept("a.test", 2_000_000.0, "2"), 0))
        self.assertEqual("2", self.of(cache.get("a.test")).id)

    def test_due(self) -> None:
        """After a day a policy is to be read anew, and one worker is told so; what has ended is forgotten."""
        cache = self.cache()
        self.of(cache.put(kept("a.test"), 0))
        self.of(cache.put(kept("b.test", 86_000.0), 0))
        self.assertEqual([], self.of(cache.due(40_000, 10)))
        self.assertEqual(["b.test"], [one.domain for one in self.of(cache.due(43_001, 10))])
        self.assertEqual(["a.test"], [one.domain for one in self.of(cache.due(86_401, 10))])
        self.assertIsNone(self.of(cache.get("b.test")))
        self.assertEqual([], self.of(cache.due(86_402, 10)))
        self.assertEqual(1, len(self.of(cache.due(86_402 + CLAIM_SECONDS, 10))))

    def test_short_life(self) -> None:
        """Policies that live for seconds are not read again and again while nobody sends mail."""
        cache = self.cache()
        self.of(cache.put(kept("a.test", 2.0), 0))
        self.assertEqual([], self.of(cache.due(1.5, 10)))
        self.assertEqual([], self.of(cache.due(3600.0, 10)))
        self.assertIsNone(self.of(cache.get("a.test")))

    def test_bounded(self) -> None:
        """It keeps no more than it may."""
        cache = self.cache(limit=3)
        for number in range(6):
            self.of(cache.put(kept(f"{number}.test", 1000.0 + number), 0))
        found = [number for number in range(6) if self.of(cache.get(f"{number}.test")) is not None]
        self.assertEqual([3, 4, 5], found)


class MemoryPolicyCacheTests(Contract, SynchronousTestCase):
    """Policies in memory."""

    def cache(self, limit: int = 100) -> IPolicyCache:
        return MemoryPolicyCache(limit)


class SQLitePolicyCacheTests(Contract, SynchronousTestCase):
    """Policies in a file."""

    def setUp(self) -> None:
        self.path = self.mktemp()

    def database(self) -> Database:
        database = Database(self.path, ROOM, None)
        self.addCleanup(lambda: self.of(database.stop()))
        return database

    def cache(self, limit: int = 100) -> IPolicyCache:
        return SQLitePolicyCache(self.database(), limit)

    def test_shared(self) -> None:
        """What one worker keeps another knows; what nobody can read any more is read anew."""
        self.of(self.cache().put(kept("a.test"), 0))
        other = self.database()
        self.assertIsNotNone(self.of(SQLitePolicyCache(other).get("a.test")))
        other.run(lambda connection: connection.execute("UPDATE policy SET text = 'x'"))
        self.assertIsNone(self.of(SQLitePolicyCache(other).get("a.test")))
