"""Tests of `mailframe.dns.upstream`, by a clock."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.dns.answers import Reading
from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.options import DNSOptions
from mailframe.dns.servers import FixedServers, Server
from mailframe.dns.transports import NoAnswer
from mailframe.dns.upstream import Upstream
from mailframe.dns.values import RecordType
from mailframe.dns.wire import NOERROR, REFUSED, SERVFAIL, Question, Record, Reply

from .fakes import FakeTransports

QUESTION = Question("a.test", RecordType.A)
LOCAL, FAR, FARTHER = Server("127.0.0.1"), Server("192.0.2.1"), Server("192.0.2.2")
GOOD = Reply(0, QUESTION, NOERROR, authentic=True, answers=(Record("a.test", RecordType.A, 60, "192.0.2.9"),))


class UpstreamTests(TestCase):
    """Who is asked, and when it is enough."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.transports = FakeTransports(self.clock)
        self.transports.patient = True
        self.replies: dict[Server, Reply] = {}
        self.transports.script = self.reply

    def reply(self, server: Server, question: Question) -> Reply:
        """What a server says; silence unless a test says otherwise."""
        if server not in self.replies:
            raise NoAnswer("quiet")
        return self.replies[server]

    def upstream(self, *servers: Server, **options: Any) -> Upstream:
        """All of these servers."""
        return Upstream(self.clock, FixedServers(servers), self.transports, DNSOptions(**options))

    def ask(self, upstream: Upstream) -> Deferred[Reading]:
        """Asks."""
        return Deferred.fromCoroutine(upstream.ask(QUESTION))

    def fails(self, upstream: Upstream, seconds: float = 0.0) -> LookupFailed:
        """Asks in vain."""
        asking = self.ask(upstream)
        self.clock.pump([0.25] * int(seconds * 4 + 1))
        error = self.failureResultOf(asking, LookupFailed).value
        assert isinstance(error, LookupFailed)
        return error

    @property
    def asked(self) -> list[Server]:
        """Who was, in order."""
        return [server for _, server, _, _, _ in self.transports.queries]

    def test_waits_longer(self) -> None:
        """Each round waits twice as long, and the last is without EDNS."""
        error = self.fails(self.upstream(LOCAL, timeout=1.0, rounds=3, give_up=20.0), 8.0)
        self.assertEqual(
            [(1.0, True), (2.0, True), (4.0, False)],
            [(timeout, edns) for _, _, _, timeout, edns in self.transports.queries],
        )
        self.assertEqual(
            (False, "nobody can say a.test A (127.0.0.1:53: quiet)"), (error.servfail, error.reason)
        )

    def test_gives_up(self) -> None:
        """The whole takes no longer than it may, whatever the rounds are."""
        self.fails(self.upstream(LOCAL, FAR, FARTHER, timeout=2.0, rounds=10, give_up=5.0), 5.25)
        self.assertEqual([2.0, 2.0, 1.0], [timeout for _, _, _, timeout, _ in self.transports.queries])

    def test_down(self) -> None:
        """A server that did not answer is asked last for a while, then first again."""
        upstream = self.upstream(FAR, FARTHER, timeout=1.0, down_time=30.0)
        self.replies[FARTHER] = GOOD
        asking = self.ask(upstream)
        self.clock.advance(1.0)
        self.successResultOf(asking)
        self.successResultOf(self.ask(upstream))
        self.assertEqual([FAR, FARTHER, FARTHER], self.asked)
        self.clock.advance(31.0)
        self.ask(upstream)
        self.assertEqual(FAR, self.asked[-1])

    def test_down_and_believed(self) -> None:
        """A zone that answers slowly does not take us from a server that is believed to one that is not."""
        near = Server("127.0.0.2")
        upstream = self.upstream(LOCAL, near, FAR, timeout=1.0, down_time=30.0)
        self.replies[FAR] = GOOD
        asking = self.ask(upstream)
        self.clock.pump([1.0, 1.0])
        self.assertFalse(self.successResultOf(asking).answer.secure)
        self.replies[LOCAL] = self.replies[near] = GOOD
        self.assertTrue(self.successResultOf(self.ask(upstream)).answer.secure)
        self.assertEqual([LOCAL, near, FAR], list(upstream.order()))

    def test_useless(self) -> None:
        """Servers that refuse are asked once; asking again would say the same."""
        self.replies = {LOCAL: Reply(0, QUESTION, REFUSED), FAR: Reply(0, QUESTION, REFUSED)}
        self.assertFalse(self.fails(self.upstream(LOCAL, FAR)).servfail)
        self.assertEqual([LOCAL, FAR], self.asked)

    def test_servfail(self) -> None:
        """Where one server fails, another that is as good is asked; where all fail, that is said."""
        self.replies = {FAR: Reply(0, QUESTION, SERVFAIL), FARTHER: GOOD}
        self.assertFalse(self.successResultOf(self.ask(self.upstream(FAR, FARTHER))).answer.secure)
        self.assertTrue(self.fails(self.upstream(FAR)).servfail)

    def test_forgery_found(self) -> None:
        """Where a server that is believed fails, no server that is not believed is asked: it may find forgeries."""
        self.replies = {LOCAL: Reply(0, QUESTION, SERVFAIL), FAR: GOOD}
        self.assertTrue(self.fails(self.upstream(LOCAL, FAR)).servfail)
        self.assertEqual([LOCAL], self.asked)
        upstream = self.upstream(LOCAL, FAR, trusted=["192.0.2.0/24"])
        self.assertTrue(self.successResultOf(self.ask(upstream)).answer.secure)

    def test_no_slot(self) -> None:
        """A question that finds no room among the queries on their way fails in its time; the next has room again."""
        upstream = self.upstream(LOCAL, FAR, queries_limit=1, give_up=1.0)
        self.replies[LOCAL] = GOOD
        self.transports.late = 3.0
        first, second = self.ask(upstream), self.ask(upstream)
        self.clock.pump([0.5, 0.6])
        error = self.failureResultOf(second, LookupFailed).value
        self.assertIn("too many queries", error.reason)
        self.assertEqual([LOCAL, FAR], list(upstream.order()))
        self.clock.advance(2.0)
        self.successResultOf(first)
        self.transports.late = 0.0
        self.clock.advance(60.0)
        self.successResultOf(self.ask(upstream))

    def test_circular_answer(self) -> None:
        """A server whose answer makes no sense is passed over."""
        circle = Record("a.test", RecordType.CNAME, 60, "a.test")
        self.replies = {FAR: Reply(0, QUESTION, NOERROR, answers=(circle,)), FARTHER: GOOD}
        self.successResultOf(self.ask(self.upstream(FAR, FARTHER)))

    @given(
        st.lists(st.sampled_from(("good", "refused", "servfail", "quiet")), min_size=1, max_size=4),
        st.integers(1, 4),
        st.floats(0.5, 30.0),
    )
    @settings(deadline=None)
    def test_any_servers(self, personalities: list[str], rounds: int, give_up: float) -> None:
        """With any servers there is an end in time; a good one among them is found where time is left."""
        self.setUp()
        servers = [Server(f"192.0.2.{number}") for number in range(1, len(personalities) + 1)]
        known = {
            "good": GOOD,
            "refused": Reply(0, QUESTION, REFUSED),
            "servfail": Reply(0, QUESTION, SERVFAIL),
        }
        self.replies = {
            server: known[personality]
            for server, personality in zip(servers, personalities, strict=True)
            if personality != "quiet"
        }
        asking = self.ask(self.upstream(*servers, timeout=1.0, rounds=rounds, give_up=give_up))
        outcome: list[object] = []
        asking.addBoth(outcome.append)
        self.clock.pump([0.25] * (int(give_up * 4) + 2))
        self.assertEqual(1, len(outcome))
        if "good" in personalities and personalities.index("good") < give_up:
            self.assertIsInstance(outcome[0], Reading)
        self.assertEqual([], self.clock.getDelayedCalls())
