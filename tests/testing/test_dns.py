"""Tests of the resolver for tests."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.values import Answer, RecordType
from mailframe.testing.dns import FakeResolver, FakeZones, ResolverContract


class FakeResolverContractTests(ResolverContract, TestCase):
    """The fake keeps the contract."""

    async def make_resolver(self, zones: FakeZones) -> FakeResolver:
        """A fake."""
        return FakeResolver(zones)


class FakeResolverTests(TestCase):
    """What only the fake can."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.resolver = FakeResolver(reactor=self.clock)
        self.resolver.zones.host("a.example.test", "192.0.2.1", ttl=60.0).alias(
            "b.example.test", "a.example.test"
        )

    def ask(self, name: str, kind: RecordType = RecordType.A) -> Deferred[Answer]:
        """Asks."""
        return Deferred.fromCoroutine(self.resolver.lookup(name, kind))

    def test_failures(self) -> None:
        """A test can make names fail in both ways, for one type or all, and heal them."""
        self.resolver.servfail("a.example.test", RecordType.A)
        self.assertTrue(self.failureResultOf(self.ask("a.example.test"), LookupFailed).value.servfail)
        self.successResultOf(self.ask("a.example.test", RecordType.AAAA))
        self.resolver.timeout("example.test")
        error = self.failureResultOf(self.ask("x.example.test", RecordType.MX), LookupFailed).value
        self.assertEqual((False, False), (error.servfail, error.status.permanent))
        self.resolver.heal()
        self.successResultOf(self.ask("a.example.test"))
        self.assertEqual(4, len(self.resolver.asked))

    def test_late(self) -> None:
        """A test can make answers late, by its own clock."""
        self.resolver.delay("a.example.test", 5.0)
        answer = self.ask("a.example.test")
        self.clock.advance(4.9)
        self.assertNoResult(answer)
        self.clock.advance(0.2)
        self.assertAlmostEqual(5.1 + 60.0, self.successResultOf(answer).expires)

    def test_partly_signed(self) -> None:
        """An alias from a signed zone into one that is not proves nothing."""
        self.resolver.zones.alias("www.signed.test", "a.example.test").sign("signed.test")
        self.assertFalse(self.successResultOf(self.ask("www.signed.test")).secure)
        self.assertTrue(self.successResultOf(self.ask("www.signed.test", RecordType.CNAME)).secure)
        self.resolver.zones.sign("example.test")
        self.assertTrue(self.successResultOf(self.ask("www.signed.test")).secure)

    def test_circle(self) -> None:
        """Aliases in a circle are a failure."""
        self.resolver.zones.alias("a.test", "b.test").alias("b.test", "a.test")
        self.failureResultOf(self.ask("a.test"), LookupFailed)
