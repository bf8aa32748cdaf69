"""TLSA records of hosts."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.protection.dane import DANE, UNREADABLE
from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.values import RecordType
from mailframe.testing.dns import FakeResolver
from mailframe.tls.policies import Level, TLSARecord

from .zone import Zone

MX = "mx.example.test"
RECORD = TLSARecord(3, 1, 1, b"x" * 32)
OTHER = TLSARecord(2, 1, 1, b"y" * 32)
TLSA = RecordType.TLSA


class DANETests(SynchronousTestCase):
    """Which records a host has, and when nobody may say."""

    def setUp(self) -> None:
        self.zone = Zone()
        self.zone.put(MX, RecordType.A, "192.0.2.1")
        self.zone.put(f"_25._tcp.{MX}", TLSA, RECORD.to_wire())
        self.dane = DANE(self.zone)

    def policy(self, host: str = MX):
        return self.successResultOf(Deferred.fromCoroutine(self.dane.policy("example.test", host)))

    def test_found(self) -> None:
        """Records that DNSSEC proves are what the certificate is held against, by the names of host and domain."""
        found = self.policy(MX.upper() + ".")
        self.assertIs(Level.DANE, found.level)
        self.assertEqual((RECORD,), found.tlsa)
        self.assertEqual("dane", found.source)
        self.assertEqual(MX, found.server_name)
        self.assertIn("example.test", found.names)
        self.assertEqual((f"_25._tcp.{MX}. IN TLSA {RECORD}",), found.text)

    def test_port(self) -> None:
        """The records of another port are other records."""
        self.zone.put(f"_2525._tcp.{MX}", TLSA, OTHER.to_wire())
        found = self.successResultOf(Deferred.fromCoroutine(self.dane.policy("example.test", MX, 2525)))
        self.assertEqual((OTHER,), found.tlsa)
        self.assertEqual((f"_2525._tcp.{MX}. IN TLSA {OTHER}",), found.text)

    def test_insecure_records(self) -> None:
        """Records that nothing proves are as none."""
        self.zone.put(f"_25._tcp.{MX}", TLSA, RECORD.to_wire(), secure=False)
        self.assertIsNone(self.policy())

    def test_insecure_address(self) -> None:
        """Where the host's address is not proved, nobody is asked for records."""
        self.zone.put(MX, RecordType.A, "192.0.2.1", secure=False)
        self.assertIsNone(self.policy())
        self.assertNotIn(TLSA, [kind for _, kind in self.zone.asked])

    def test_none(self) -> None:
        """A host without records has no policy."""
        self.zone.forget(f"_25._tcp.{MX}", TLSA)
        self.assertIsNone(self.policy())

    def test_failure(self) -> None:
        """When the question for records fails in whatever way, the host must not be used."""
        for servfail in (True, False):
            self.zone.fail(f"_25._tcp.{MX}", TLSA, servfail)
            failure = self.failureResultOf(
                Deferred.fromCoroutine(self.dane.policy("example.test", MX)), LookupFailed
            )
            self.assertTrue(failure.value.status.temporary)

    def test_ipv6_only(self) -> None:
        """A host that has IPv6 only, even one whose name server fails for IPv4, has its records found."""
        self.zone.put(MX, RecordType.AAAA, "2001:db8::1")
        self.zone.put(MX, RecordType.A)
        self.assertIsNotNone(self.policy())
        self.zone.fail(MX, RecordType.A)
        self.assertIsNotNone(self.policy())

    def test_alias(self) -> None:
        """Records of the name that an alias leads to come first, then those of the alias; SNI is where they were."""
        self.zone.put(MX, RecordType.A, "192.0.2.1", canonical="host.hoster.test")
        self.zone.put("_25._tcp.host.hoster.test", TLSA, OTHER.to_wire())
        found = self.policy()
        self.assertEqual(((OTHER,), "host.hoster.test"), (found.tlsa, found.server_name))
        self.zone.forget("_25._tcp.host.hoster.test", TLSA)
        found = self.policy()
        self.assertEqual(((RECORD,), MX), (found.tlsa, found.server_name))

    def test_alias_to_insecure(self) -> None:
        """An alias that is proved keeps its records, where what it leads to is not proved; another has none."""
        self.zone.put(MX, RecordType.A, "192.0.2.1", canonical="host.hoster.test", secure=False)
        self.zone.put(MX, RecordType.CNAME, "host.hoster.test")
        self.assertEqual((RECORD,), self.policy().tlsa)
        self.zone.put(MX, RecordType.CNAME, "host.hoster.test", secure=False)
        self.assertIsNone(self.policy())

    def test_unreadable(self) -> None:
        """A record that cannot be read still promises TLS."""
        self.zone.put(f"_25._tcp.{MX}", TLSA, b"\x03")
        found = self.policy()
        self.assertEqual((UNREADABLE,), found.tlsa)
        self.assertIs(Level.ENCRYPT, found.effective().level)

    def test_literal(self) -> None:
        """An address has no records, and nobody is asked."""
        self.assertIsNone(self.policy("192.0.2.1"))
        self.assertEqual([], self.zone.asked)


class ResolverTests(SynchronousTestCase):
    """The same with the resolver that tests of all rooms share."""

    def test_signed_zones(self) -> None:
        """Only what lies in signed zones counts, also where an alias leads from one zone to another."""
        resolver = FakeResolver()
        zones = resolver.zones.alias(MX, "host.hoster.test").host("host.hoster.test", "192.0.2.1")
        zones.tlsa(f"_25._tcp.{MX}", RECORD.to_wire()).tlsa("_25._tcp.host.hoster.test", OTHER.to_wire())
        for signed, expected in (
            ((), None),
            (("example.test",), (RECORD,)),
            (("hoster.test",), None),
            (("example.test", "hoster.test"), (OTHER,)),
        ):
            zones.sign(*signed)
            base = self.successResultOf(Deferred.fromCoroutine(DANE(resolver).records(MX)))
            self.assertEqual(expected, None if base is None else base.records, signed)
            zones.unsign(*signed)
