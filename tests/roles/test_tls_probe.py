"""``mailframe probe tls``, put together from a configuration."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.protection.options import ProtectionOptions, TLSPolicyOptions
from mailframe.dns.values import MXRecord, RecordType
from mailframe.roles import tls_probe
from mailframe.tls.options import TLSOptions
from mailframe.tls.policies import Level
from tests.delivery.protection.zone import Zone


class ProbeTests(SynchronousTestCase):
    """What people are told of a domain."""

    def test_explained(self) -> None:
        """The configuration's rules count, and where reports go is told."""
        zone = Zone()
        zone.put("example.test", RecordType.MX, MXRecord(10, "mx.example.test"))
        zone.put("_smtp._tls.example.test", RecordType.TXT, b"v=TLSRPTv1; rua=mailto:r@example.test")
        self.patch(tls_probe, "Context", lambda *arguments: SimpleNamespace(dns=zone, resources=[]))
        configuration: Any = SimpleNamespace(
            protection=ProtectionOptions(),
            tls=TLSOptions(),
            tls_policy=[TLSPolicyOptions(domains=["example.test"], level="encrypt")],
        )
        found, places = self.successResultOf(
            Deferred.fromCoroutine(tls_probe.explain_domain(configuration, Clock(), "example.test"))
        )
        assert found.hosts[0].policy is not None
        self.assertIs(Level.ENCRYPT, found.hosts[0].policy.level)
        self.assertEqual(["r@example.test"], places)
