"""How many connections there may be."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.limits.connections import ConnectionLimits
from mailframe.limits.memory import MemoryTallies
from mailframe.limits.networks import ClientNetworks
from mailframe.limits.roster import Roster
from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import Table
from mailframe.message.status import MailframeError


class ConnectionLimitsTests(SynchronousTestCase):
    """Connections and logins are counted."""

    def setUp(self) -> None:
        """Nothing open."""
        self.tallies = MemoryTallies(Clock())

    def test_total(self) -> None:
        """One connection too many is turned away, until one ends."""
        limits = ConnectionLimits(self.tallies, "imap", 2)
        limits.admit("192.0.2.1")
        limits.admit("unix")
        self.assertRaises(MailframeError, limits.admit, "192.0.2.2")
        limits.release("unix")
        limits.admit("192.0.2.2")
        self.assertEqual(2, limits.open)

    def test_network(self) -> None:
        """One network cannot take all; who is turned away takes no place."""
        limits = ConnectionLimits(self.tallies, "imap", 3, per_network=1)
        limits.admit("2001:db8::1")
        for _ in range(5):
            self.assertRaises(MailframeError, limits.admit, "2001:db8::2")
        limits.admit("2001:db8:0:1::1")
        limits.admit("unix")
        limits.release("2001:db8::1")
        limits.admit("2001:db8::2")

    def test_exempt(self) -> None:
        """An exempt network counts in the total only."""
        networks = ClientNetworks(exempt=["192.0.2.0/24"])
        limits = ConnectionLimits(self.tallies, "imap", 3, 1, networks=networks)
        for _ in range(3):
            limits.admit("192.0.2.1")
        self.assertRaises(MailframeError, limits.admit, "192.0.2.1")
        limits.release("192.0.2.1")
        limits.admit("198.51.100.1")

    def test_account(self) -> None:
        """One account has so many logins at a time."""
        limits = ConnectionLimits(self.tallies, "imap", 1, per_account=1)
        limits.log_in("alice")
        limits.log_in("bob")
        self.assertRaises(MailframeError, limits.log_in, "alice")
        limits.log_out("alice")
        limits.log_in("alice")

    def test_workers(self) -> None:
        """Networks and accounts have one limit over all listeners of a kind and all workers."""
        roster = Roster(2, entries=64)
        self.addCleanup(roster.close)
        places = [roster.move_in(), roster.move_in()]
        one, two = (
            ConnectionLimits(SharedTallies(Table(roster.descriptor), place, Clock()), "imap", 9, 2, 2)
            for place in places
            if place is not None
        )
        for limits in (one, two):
            limits.admit("192.0.2.1")
            limits.log_in("alice")
        for limits in (one, two):
            self.assertRaises(MailframeError, limits.admit, "192.0.2.1")
            self.assertRaises(MailframeError, limits.log_in, "alice")
        other = ConnectionLimits(self.tallies, "pop3", 9, 1, 1)
        other.admit("192.0.2.1")
        one.release("192.0.2.1")
        two.admit("192.0.2.1")


class ClientNetworksTests(SynchronousTestCase):
    """Which addresses count as one."""

    def test_networks(self) -> None:
        """An IPv6 customer has a whole network; an IPv4 address in IPv6 form is the same address."""
        networks = ClientNetworks(32, 64, ["127.0.0.0/8", "2001:db8:ffff::/48"])
        self.assertEqual("192.0.2.1/32", networks.of("192.0.2.1"))
        self.assertEqual("192.0.2.1/32", networks.of("::ffff:192.0.2.1"))
        self.assertEqual(networks.of("2001:db8::1"), networks.of("2001:db8::2"))
        self.assertNotEqual(networks.of("2001:db8::1"), networks.of("2001:db8:0:1::1"))
        self.assertEqual("fe80::/64", networks.of("fe80::1%eth0"))
        for peer in ("127.0.0.1", "2001:db8:ffff:1::1", "unix", "unknown", "", "::ffff:127.0.0.1"):
            self.assertIsNone(networks.of(peer), peer)

    def test_prefixes(self) -> None:
        """Where a network is larger, more addresses count as one."""
        networks = ClientNetworks(24, 48)
        self.assertEqual("192.0.2.0/24", networks.of("192.0.2.77"))
        self.assertEqual("2001:db8:1::/48", networks.of("2001:db8:1:2::3"))

    def test_wrong_networks(self) -> None:
        """An exempt network that is none is an error when it is configured."""
        self.assertRaises(ValueError, ClientNetworks, 32, 64, ["10.0.0.0/99"])
