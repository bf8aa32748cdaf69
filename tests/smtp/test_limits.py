"""Limits on connections."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.smtp.limits import ConnectionLimits, network_of
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, fake_reception


class ConnectionLimitsTests(SynchronousTestCase):
    """One client, or all of them, cannot take every connection."""

    def test_total(self) -> None:
        """Above the total everybody is turned away, and is welcome when one has gone."""
        limits = ConnectionLimits(2, 0)
        self.assertIsNone(limits.admit("192.0.2.1"))
        self.assertIsNone(limits.admit("unix"))
        refusal = limits.admit("192.0.2.2")
        self.assertEqual(str(refusal), "4.3.2 Too many connections here; try again later")
        limits.release("unix")
        self.assertIsNone(limits.admit("192.0.2.2"))

    def test_network(self) -> None:
        """A network has its share: an IPv4 address, an IPv6 /64; local sockets do not count."""
        limits = ConnectionLimits(100, 1)
        for peer in ("192.0.2.1", "2001:db8::1", "unix", "unix"):
            self.assertIsNone(limits.admit(peer))
        for peer in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::ffff:1"):
            self.assertIsNotNone(limits.admit(peer))
        self.assertIsNone(limits.admit("2001:db8:0:1::1"))
        limits.release("2001:db8::1")
        self.assertIsNone(limits.admit("2001:db8::2"))

    def test_networks(self) -> None:
        """What an address counts as."""
        for peer, network in (
            ("192.0.2.1", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::1", "::/64"),
            ("unix", ""),
            ("a:b", ""),
        ):
            self.assertEqual(network_of(peer), network)

    def test_in_the_server(self) -> None:
        """The connection too many gets 421 and ends; when another ends there is room again."""
        clock = Clock()
        factory = SMTPServerFactory(fake_reception(), SMTPSettings(connections_limit_per_network=1), clock)
        first, second = Client(factory, clock), Client(factory, clock)
        self.assertTrue(first.greeting[0].startswith("220"))
        self.assertTrue(second.greeting[0].startswith("421 4.7.0"))
        self.assertTrue(second.closed)
        second.lose()
        self.assertTrue(Client(factory, clock, "192.0.2.2").greeting[0].startswith("220"))
        first.lose()
        self.assertTrue(Client(factory, clock).greeting[0].startswith("220"))
