"""The fake source of TLS policies."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.testing.tls import FixedTLSPolicies
from mailframe.tls.interfaces import ITLSPolicySource
from mailframe.tls.policies import NO_TLS, OPPORTUNISTIC


class FixedTLSPoliciesTests(SynchronousTestCase):
    """What it gives."""

    def test_policies(self) -> None:
        """One policy for a listed host, the default for others; it remembers who was asked for."""
        policies = FixedTLSPolicies(hosts={"plain.test": NO_TLS})
        verifyObject(ITLSPolicySource, policies)
        for host, policy in (("plain.test", NO_TLS), ("mx.test", OPPORTUNISTIC)):
            answer = self.successResultOf(Deferred.fromCoroutine(policies.policy("example.test", host)))
            self.assertEqual(policy, answer)
        self.assertEqual([("example.test", "plain.test"), ("example.test", "mx.test")], policies.asked)
