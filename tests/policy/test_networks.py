"""Listeners that are not for strangers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.origin import Origin
from mailframe.policy.interfaces import IConnectPolicy
from mailframe.policy.networks import ListedNetworks


class ListedNetworksTests(SynchronousTestCase):
    """Who may deliver by LMTP."""

    def refused(self, peer: str, *networks: str) -> bool:
        """Is this client sent away?"""
        verdict = Deferred.fromCoroutine(ListedNetworks(networks).connect(Origin("x", peer)))
        return self.successResultOf(verdict) is not None

    def test_interface(self) -> None:
        """It is a policy."""
        verifyObject(IConnectPolicy, ListedNetworks([]))

    def test_examples(self) -> None:
        """Networks of both kinds; IPv4 in the clothes of IPv6; local sockets, whose files have modes."""
        self.assertFalse(self.refused("192.0.2.77", "192.0.2.0/24"))
        self.assertTrue(self.refused("192.0.3.77", "192.0.2.0/24"))
        self.assertFalse(self.refused("::ffff:192.0.2.77", "192.0.2.0/24"))
        self.assertFalse(self.refused("2001:db8::1", "2001:db8::/32"))
        self.assertFalse(self.refused("fe80::1%eth0", "fe80::/10"))
        self.assertTrue(self.refused("192.0.2.77"))
        self.assertFalse(self.refused("unix"))

    @given(st.text(max_size=20))
    def test_nonsense(self, peer: str) -> None:
        """What is no address is nobody we know."""
        self.assertEqual(self.refused(peer), peer != "unix")
