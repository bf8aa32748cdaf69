"""Delays after failed logins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.backoff import BackOff, Networks


def attempt(table: BackOff, key: str = "k", now: float = 0.0, right: bool = False) -> float:
    """One login from begin to end."""
    delay = table.begin(key, now)
    if not right:
        table.failed(key, now)
    table.end(key)
    return delay


class BackOffTests(SynchronousTestCase):
    """How long the next one waits."""

    def test_growth(self) -> None:
        """A few failures are free; then the delay doubles up to its bound."""
        table = BackOff(free=3, first=1.0, longest=5.0, forget=900.0, entries=10)
        self.assertEqual([0, 0, 0, 1, 2, 4, 5, 5], [attempt(table) for _ in range(8)])
        self.assertEqual(0.0, attempt(table, "other"))

    def test_forgetting(self) -> None:
        """After a quiet time a key is clean."""
        table = BackOff(1, 1.0, 5.0, 900.0, 10)
        attempt(table)
        self.assertEqual(1.0, attempt(table, now=899.0))
        self.assertEqual(0.0, attempt(table, now=1800.0))

    def test_at_once(self) -> None:
        """A hundred guesses at once wait like a hundred one after the other."""
        table = BackOff(2, 1.0, 1000.0, 900.0, 10)
        self.assertEqual([0, 0, 1, 2, 4], [table.begin("k", 0.0) for _ in range(5)])
        self.assertEqual(5, table.pending("k"))

    def test_many_people(self) -> None:
        """A hundred people behind one address log in at once without delay, until there are failures."""
        table = BackOff(2, 1.0, 1000.0, 900.0, 10, many_people=True)
        self.assertEqual({0.0}, {table.begin("k", 0.0) for _ in range(100)})
        table.failed("k", 0.0)
        table.failed("k", 0.0)
        self.assertGreater(table.begin("k", 0.0), 0.0)

    def test_forgiving(self) -> None:
        """A success takes back the failures before it, and a clean key costs no memory."""
        table = BackOff(1, 1.0, 5.0, 900.0, 10)
        attempt(table)
        attempt(table)
        table.forgive("k", table.failures("k", 0.0))
        self.assertEqual(0, len(table))
        self.assertEqual(0.0, attempt(table, right=True))
        self.assertEqual(0, len(table))

    @given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("befg"), st.floats(0, 2000))))
    def test_bounds(self, steps: list[tuple[str, str, float]]) -> None:
        """Whatever happens, in any order: no error, no negative count, never more keys than the bound."""
        table, now = BackOff(2, 1.0, 15.0, 900.0, 4), 0.0
        for key, action, wait in steps:
            now += wait
            if action == "b":
                self.assertTrue(0.0 <= table.begin(key, now) <= 15.0)
            elif action == "e":
                table.end(key)
            elif action == "f":
                table.failed(key, now)
            else:
                table.forgive(key, 1)
            self.assertLessEqual(len(table), 4)
            self.assertGreaterEqual(table.pending(key), 0)
            self.assertGreaterEqual(table.failures(key, now), 0)


class NetworksTests(SynchronousTestCase):
    """Which addresses count as one."""

    def test_networks(self) -> None:
        """An IPv6 customer has a whole network; an IPv4 address in IPv6 form is the same address."""
        networks = Networks(32, 64, ["127.0.0.0/8", "2001:db8:ffff::/48"])
        self.assertEqual("192.0.2.1/32", networks.of("192.0.2.1"))
        self.assertEqual("192.0.2.1/32", networks.of("::ffff:192.0.2.1"))
        self.assertEqual(networks.of("2001:db8::1"), networks.of("2001:db8::2"))
        self.assertNotEqual(networks.of("2001:db8::1"), networks.of("2001:db8:0:1::1"))
        self.assertEqual("fe80::/64", networks.of("fe80::1%eth0"))
        for peer in ("127.0.0.1", "2001:db8:ffff:1::1", "unix", "", "::ffff:127.0.0.1"):
            self.assertIsNone(networks.of(peer), peer)

    def test_wrong_networks(self) -> None:
        """A trusted network that is none is an error when it is configured."""
        self.assertRaises(ValueError, Networks, 32, 64, ["10.0.0.0/99"])
