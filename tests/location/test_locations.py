"""Where an account's mail is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.values import Account
from mailframe.location.interfaces import ILocations
from mailframe.location.locations import Locations, rendezvous
from mailframe.location.options import StoreHostOptions
from mailframe.location.values import Entrance, Host, Store
from mailframe.message.status import MailframeError

STORES = [Store(name, (Host(name),)) for name in ("s1", "s2", "s3")]
NAMES = [f"user{number}@example.test" for number in range(3000)]


class LocationsTests(SynchronousTestCase):
    """Stores by name, and by hash."""

    def test_named(self) -> None:
        """Where the directory names a store, it is that one, whatever its weight."""
        locations = Locations([STORES[0], replace(STORES[1], weight=0)])
        self.assertTrue(verifyObject(ILocations, locations))
        self.assertEqual("s2", locations.locate(Account("a@example.test", store="s2")).name)

    def test_nowhere(self) -> None:
        """A store that nobody knows, or none that takes accounts, is our fault: temporary."""
        for locations, store in ((Locations(STORES), "s9"), (Locations([]), "")):
            error = self.assertRaises(
                MailframeError, locations.locate, Account("a@example.test", store=store)
            )
            self.assertTrue(error.status.temporary)
        self.assertRaises(ValueError, Locations, [STORES[0], STORES[0]])

    def test_shares(self) -> None:
        """Accounts without a store are shared by weight, whatever the order of the stores."""
        weighted = [STORES[0], replace(STORES[1], weight=2.0), replace(STORES[2], weight=0.0)]
        counted = Counter(Locations(weighted).locate(Account(name)).name for name in NAMES)
        self.assertEqual({"s1", "s2"}, set(counted))
        self.assertTrue(1.7 < counted["s2"] / counted["s1"] < 2.4, counted)
        other = Locations(weighted[::-1])
        self.assertEqual(counted, Counter(other.locate(Account(name)).name for name in NAMES))

    @given(st.text(max_size=50))
    def test_a_store_goes(self, name: str) -> None:
        """When a store goes, only its own accounts fall elsewhere."""
        before, after = rendezvous(name, STORES), rendezvous(name, STORES[:2])
        assert before is not None
        if before.name != "s3":
            self.assertEqual(before, after)


class OptionsTests(SynchronousTestCase):
    """``[[stores]]``."""

    def test_ports(self) -> None:
        """Ports are the usual ones for what protects the connection, unless they are said."""
        store = StoreHostOptions(
            name="s1", hosts=["mail.example.test", "[2001:db8::1]"], tls="starttls", pop3=1110
        ).store()
        self.assertEqual(["mail.example.test", "2001:db8::1"], [host.name for host in store.hosts])
        self.assertEqual(
            (143, 1110, 587), tuple(store.hosts[0].ports[one] for one in ("imap", "pop3", "submission"))
        )

    def test_master(self) -> None:
        """A master has a name and a password, which nobody sees."""
        self.assertRaises(
            ValueError, StoreHostOptions(name="s1", hosts=["x"], login="master", master="m").store
        )
        store = StoreHostOptions(
            name="s1", hosts=["x"], login="separator", master="m", master_password="geheim"
        ).store()  # fmt: skip
        self.assertEqual(Entrance.SEPARATOR, store.entrance)
        self.assertNotIn("geheim", repr(store))
