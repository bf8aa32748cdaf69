"""Rules for sites, and their limits."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.reaching import MEMORY, Memory
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.delivery.shaping import Shape, Shaping, SiteFull, SiteLimits, site_name
from mailframe.delivery.shaping_options import ShapingOptions, SourceOptions
from mailframe.delivery.sources import Sources
from mailframe.limits.memory import MemoryTallies


class ShapingTests(SynchronousTestCase):
    """Which rules hold."""

    def test_first_that_says(self) -> None:
        """Of several rules that fit, the first that says something is followed, for each thing by itself."""
        shaping = Shaping(
            [
                ShapingOptions(domains=["big.test"], connections=3),
                ShapingOptions(hosts=["*.big.test"], connections=5, messages_per_hour=7),
                ShapingOptions(messages_per_hour=9, ipv6=False),
            ],
            RemoteOptions(idle_time=11.0),
        )
        shape = shaping.shape("big.test", ["mx.big.test"])
        self.assertEqual(
            (shape.connections, shape.messages_per_hour, shape.ipv6, shape.idle_time), (3, 7, False, 11)
        )
        shape = shaping.shape("other.test", ["mx.other.test", "MX.big.test"])
        self.assertEqual((shape.connections, shape.messages_per_hour), (5, 7))
        self.assertEqual(shaping.shape("other.test", ["mx.other.test"]).messages_per_hour, 9)
        self.assertIs(shaping.shape("a.test", ["x"]), shaping.shape("b.test", ["y"]))

    def test_both(self) -> None:
        """A rule with domains and hosts needs both."""
        shaping = Shaping(
            [ShapingOptions(domains=["a.test"], hosts=["mx.test"], connections=1)], RemoteOptions()
        )
        self.assertEqual(shaping.shape("a.test", ["mx.test"]).connections, 1)
        self.assertEqual(shaping.shape("a.test", ["mx.tests"]).connections, 0)
        self.assertEqual(shaping.shape("b.test", ["mx.test"]).connections, 0)

    def test_patterns(self) -> None:
        """Stars stand for anything; all other characters for themselves, in any spelling of a domain."""
        shaping = Shaping(
            [ShapingOptions(domains=["*.a+b.test", "Bücher.test"], connections=1)], RemoteOptions()
        )
        for domain, fits in (
            ("x.a+b.test", 1),
            ("x.aab.test", 0),
            ("a+b.test", 0),
            ("xn--bcher-kva.test", 1),
        ):
            self.assertEqual(shaping.shape(domain, []).connections, fits, domain)

    def test_bad(self) -> None:
        """Patterns and addresses that can never fit are errors."""
        for text in ("", " a", "a@b"):
            self.assertRaises(ValueError, ShapingOptions, domains=[text])
        self.assertRaises(ValueError, SourceOptions, address="localhost")
        self.assertRaises(ValueError, SourceOptions, address="192.0.2.1", hostname="a b")

    @given(st.lists(st.text("abc.", min_size=1, max_size=80), min_size=1, max_size=20), st.randoms())
    def test_names(self, hosts: list[str], chance: object) -> None:
        """A site has one name, whatever the order of its hosts, and a short one."""
        shuffled = list(hosts)
        chance.shuffle(shuffled)  # type: ignore[attr-defined]
        self.assertEqual(site_name(hosts), site_name(shuffled + hosts[:1]))
        self.assertLessEqual(len(site_name(hosts)), 60)
        self.assertNotEqual(site_name(hosts), site_name([*hosts, "another"]))


class SiteLimitsTests(SynchronousTestCase):
    """What a site is allowed."""

    @given(
        st.integers(1, 20),
        st.integers(1, 20),
        st.lists(st.tuples(st.integers(1, 5), st.floats(0, 30)), max_size=60),
    )
    def test_rates(self, messages: int, recipients: int, steps: list[tuple[int, float]]) -> None:
        """In no minute do more messages go than allowed; who is put off is told a time within the minute."""
        clock = Clock()
        shape = Shape(messages_per_minute=messages, recipients_per_minute=recipients)
        limits = SiteLimits(MemoryTallies(clock), "site", shape, Counter(), lambda: None)
        sent: list[tuple[float, int]] = []
        for count, pause in steps:
            try:
                limits.spend(count)
                sent.append((clock.seconds(), count))
            except SiteFull as full:
                self.assertTrue(1 <= full.retry_after <= 60)
                self.assertTrue(full.status.temporary)
            clock.advance(pause)
        for moment, _ in sent:
            # The window slides in fifths of a minute: what lies in the middle four fifths is counted exactly.
            window = [count for when, count in sent if moment <= when < moment + 48]
            self.assertLessEqual(len(window), messages)
            self.assertLessEqual(sum(min(count, recipients) for count in window), recipients)

    def test_nothing_counted(self) -> None:
        """Who is put off by one limit has used up nothing of another."""
        tallies = MemoryTallies(Clock())
        limits = SiteLimits(
            tallies, "s", Shape(messages_per_minute=9, recipients_per_hour=1), Counter(), lambda: None
        )
        limits.spend(1)
        self.assertRaises(SiteFull, limits.spend, 1)
        self.assertEqual(tallies.spent("delivery.messages.minute", "s", 60), 1)


class SourcesTests(SynchronousTestCase):
    """Addresses of ours."""

    def test_turns(self) -> None:
        """Each family has its own turns; without any the system chooses."""
        sources = Sources([SourceOptions(address=text) for text in ("192.0.2.1", "2001:DB8::1", "192.0.2.2")])
        found = [
            sources.take(text) for text in ("198.51.100.1", "2001:db8::9", "198.51.100.1", "198.51.100.1")
        ]
        self.assertEqual(found, ["192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.1"])
        self.assertIsNone(Sources([]).take("198.51.100.1"))


class MemoryTests(SynchronousTestCase):
    """What did not answer."""

    def test_bounded(self) -> None:
        """It forgets the oldest first, what answered at once, and everything in time."""
        clock = Clock()
        memory = Memory(clock.seconds, 60)
        for number in range(MEMORY + 5):
            memory.note_down(str(number))
        self.assertEqual(len(memory), MEMORY)
        self.assertFalse(memory.is_down("4"))
        self.assertTrue(memory.is_down("5"))
        memory.note_up("5")
        self.assertFalse(memory.is_down("5"))
        clock.advance(60)
        self.assertFalse(memory.is_down("6"))
        never = Memory(clock.seconds, 0)
        never.note_down("1")
        self.assertEqual(len(never), 0)
