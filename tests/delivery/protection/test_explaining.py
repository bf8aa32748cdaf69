"""Policies of a domain's hosts, for people who ask."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.protection.combined import TLSPolicies
from mailframe.delivery.protection.explaining import Explanation, explain
from mailframe.dns.values import MXRecord, RecordType
from mailframe.tls.policies import Level

from .test_dane import MX, RECORD
from .zone import Zone


class ExplainTests(SynchronousTestCase):
    """Each host, the best first."""

    def setUp(self) -> None:
        self.zone = Zone()

    def explained(self) -> Explanation:
        policies = TLSPolicies(self.zone)
        return self.successResultOf(Deferred.fromCoroutine(explain(self.zone, policies, "Example.test")))

    def test_hosts(self) -> None:
        """Hosts come by preference, with their policies, and with the reason where one must not be used."""
        self.zone.put("example.test", RecordType.MX, MXRecord(20, "mx2.example.test"), MXRecord(10, MX))
        for host in (MX, "mx2.example.test"):
            self.zone.put(host, RecordType.A, "192.0.2.1")
        self.zone.put(f"_25._tcp.{MX}", RecordType.TLSA, RECORD.to_wire())
        self.zone.fail("_25._tcp.mx2.example.test", RecordType.TLSA)
        found = self.explained()
        self.assertTrue(found.secure)
        self.assertEqual([MX, "mx2.example.test"], [one.host for one in found.hosts])
        assert found.hosts[0].policy is not None
        self.assertIs(Level.DANE, found.hosts[0].policy.level)
        self.assertIsNone(found.hosts[1].policy)
        self.assertEqual("it failed", found.hosts[1].reasons[-1])

    def test_itself(self) -> None:
        """A domain without MX records is its own host."""
        self.zone.put("example.test", RecordType.A, "192.0.2.1")
        self.assertEqual(["example.test"], [one.host for one in self.explained().hosts])

    def test_no_mail(self) -> None:
        """A domain that takes no mail, and one that is not there, have no hosts."""
        self.assertEqual((), self.explained().hosts)
        self.zone.put("example.test", RecordType.MX, MXRecord(0, ""))
        self.assertEqual((), self.explained().hosts)
