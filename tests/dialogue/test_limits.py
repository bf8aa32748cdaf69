"""Tests of `mailframe.dialogue.limits`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.limits import ConnectionLimits, is_loopback, network_of
from mailframe.message.status import MailframeError


class LimitTests(SynchronousTestCase):
    """Connections and logins are counted."""

    def test_total(self):
        """One connection too many is turned away, until one ends."""
        limits = ConnectionLimits(2)
        limits.admit("192.0.2.1")
        limits.admit("unix")
        self.assertRaises(MailframeError, limits.admit, "192.0.2.2")
        limits.release("unix")
        limits.admit("192.0.2.2")

    def test_network(self):
        """One network cannot take all; who is turned away takes no place."""
        limits = ConnectionLimits(3, per_network=1)
        limits.admit("2001:db8::1")
        for _ in range(5):
            self.assertRaises(MailframeError, limits.admit, "2001:db8::2")
        limits.admit("2001:db8:0:1::1")
        limits.admit("unix")
        limits.release("2001:db8::1")
        limits.admit("2001:db8::2")

    def test_account(self):
        """One account has so many logins at a time."""
        limits = ConnectionLimits(1, per_account=1)
        limits.log_in("alice")
        limits.log_in("bob")
        self.assertRaises(MailframeError, limits.log_in, "alice")
        limits.log_out("alice")
        limits.log_in("alice")

    def test_networks(self):
        """Addresses are told apart by what one customer has."""
        self.assertEqual(network_of("192.0.2.1"), "192.0.2.1")
        self.assertEqual(network_of("::ffff:192.0.2.1"), "192.0.2.1")
        self.assertEqual(network_of("fe80::1:2%eth0"), "fe80::/64")
        self.assertEqual(network_of("unix"), "")

    def test_loopback(self):
        """Who is on this machine is known by the address."""
        for peer in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "unix"):
            self.assertTrue(is_loopback(peer), peer)
        for peer in ("192.0.2.1", "2001:db8::1", "", "127.example.test"):
            self.assertFalse(is_loopback(peer), peer)
