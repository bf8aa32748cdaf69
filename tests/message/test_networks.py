"""Tests of `mailframe.message.networks`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.networks import Networks, is_loopback


class NetworksTests(SynchronousTestCase):
    """Who belongs to listed networks, and who is on this machine."""

    def test_listed(self) -> None:
        """An address is in a network in whatever form it is written; what is no address is in none."""
        networks = Networks(["192.0.2.0/24", "2001:db8::/32"])
        for peer in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"):
            self.assertIn(peer, networks)
        for peer in ("198.51.100.1", "2001:db9::1", "unix", "unknown", ""):
            self.assertNotIn(peer, networks)

    def test_loopback(self) -> None:
        """Who is on this machine is known by the address."""
        for peer in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "unix"):
            self.assertTrue(is_loopback(peer), peer)
        for peer in ("192.0.2.1", "2001:db8::1", "", "127.example.test"):
            self.assertFalse(is_loopback(peer), peer)
