"""Counting of connections."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.limits import ConnectionLimits, is_loopback, network_of
from mailframe.message.status import MailframeError


class ConnectionLimitsTests(SynchronousTestCase):
    """Limits hold, and are given back."""

    def test_networks(self):
        """IPv4 addresses and IPv6 /64 networks are counted, local sockets are not."""
        cases = {
            "192.0.2.1": "192.0.2.1",
            "::ffff:192.0.2.1": "192.0.2.1",
            "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
            "fe80::1%eth0": "fe80::/64",
            "unix": "",
            "": "",
        }
        for peer, network in cases.items():
            self.assertEqual(network_of(peer), network)

    def test_release(self):
        """What was refused is not counted."""
        limits = ConnectionLimits(2, 1, 0)
        limits.admit("192.0.2.1")
        self.assertRaises(MailframeError, limits.admit, "192.0.2.1")
        limits.admit("unix")
        self.assertRaises(MailframeError, limits.admit, "192.0.2.2")
        limits.release("192.0.2.1")
        limits.admit("192.0.2.1")

    def test_no_limit(self):
        """Nought is no limit."""
        limits = ConnectionLimits(100, 0, 0)
        for _ in range(50):
            limits.admit("192.0.2.1")
            limits.enter("alice@example.test")
        limits.leave("alice@example.test")

    def test_loopback(self):
        """This machine is known by its addresses."""
        for peer in ("127.0.0.1", "127.8.8.8", "::1", "unix"):
            self.assertTrue(is_loopback(peer))
        for peer in ("192.0.2.1", "2001:db8::1", "", "localhost"):
            self.assertFalse(is_loopback(peer))
