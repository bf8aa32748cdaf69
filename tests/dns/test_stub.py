"""Tests of `mailframe.dns.stub`, against a name server on loopback."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.options import DNSOptions
from mailframe.dns.servers import FixedServers, Server
from mailframe.dns.stub import StubResolver
from mailframe.dns.values import Answer, Found, MXRecord, RecordType
from mailframe.dns.wire import NOERROR, Question, Record, Reply
from mailframe.testing.dns import FakeZones, ResolverContract
from mailframe.testing.dns_server import Behaviour, FakeNameServer

from .fakes import FakeTransports, silence


class StubResolverContractTests(ResolverContract, TestCase):
    """It keeps the contract of resolvers, over real sockets."""

    async def make_resolver(self, zones: FakeZones) -> StubResolver:
        """A resolver that asks a server with these zones."""
        server = FakeNameServer(reactor, zones)
        server.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        resolver = StubResolver(reactor, DNSOptions(servers=[str(server.server)], timeout=2.0))
        self.addCleanup(resolver.stop)
        return resolver


class NetworkTests(TestCase):
    """Over real sockets, with servers that misbehave."""

    def setUp(self) -> None:
        self.server = self.serve()
        self.server.zones.host("a.example.test", "192.0.2.1").sign("example.test")

    def serve(self) -> FakeNameServer:
        """One more server."""
        server = FakeNameServer(reactor)
        server.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        return server

    def resolver(self, *more: FakeNameServer, **options: Any) -> StubResolver:
        """A resolver that asks the first server, and then others."""
        servers = [str(server.server) for server in (self.server, *more)]
        settings = {"timeout": 0.2, "rounds": 2, **options}
        resolver = StubResolver(reactor, DNSOptions(servers=servers, **settings))
        self.addCleanup(resolver.stop)
        return resolver

    async def address(self, resolver: StubResolver) -> Answer:
        """Asks for the host."""
        answer = await resolver.lookup("a.example.test", RecordType.A)
        self.assertEqual(("192.0.2.1",), answer.texts)
        return answer

    async def test_long_answer(self) -> None:
        """An answer that is too long for UDP comes by TCP, whole."""
        hosts = [f"192.0.2.{number}" for number in range(1, 201)]
        self.server.zones.host("many.test", *hosts)
        self.assertEqual(set(hosts), set((await self.resolver().lookup("many.test", RecordType.A)).texts))
        self.assertEqual(["udp", "tcp"], [asked.transport for asked in self.server.asked])

    async def test_forged(self) -> None:
        """A reply with a wrong id is passed over, and the right one is taken."""
        self.server.behave(Behaviour.WRONG_ID)
        await self.address(self.resolver())
        self.assertEqual(["udp"], [asked.transport for asked in self.server.asked])

    async def test_flooded(self) -> None:
        """Where somebody guesses ids, garbage comes, or another question is answered, TCP is asked."""
        for behaviour in (Behaviour.FLOOD, Behaviour.GARBAGE, Behaviour.WRONG_QUESTION, Behaviour.TRUNCATE):
            self.server.asked.clear()
            self.server.behave(behaviour)
            await self.address(self.resolver())
            self.assertEqual(["udp", "tcp"], [asked.transport for asked in self.server.asked], behaviour)

    async def test_cut_short(self) -> None:
        """A reply that is cut short without saying so is never taken for a whole one."""
        self.server.behave(Behaviour.SHORT)
        with self.assertRaises(LookupFailed):
            await self.address(self.resolver(rounds=1))

    async def test_closed(self) -> None:
        """A server that ends the connection without a reply is no reason to wait."""
        self.server.behave(Behaviour.TRUNCATE, Behaviour.CLOSE)
        other = self.serve()
        other.zones.host("a.example.test", "192.0.2.1")
        await self.address(self.resolver(other))
        with self.assertRaises(LookupFailed) as caught:
            await self.address(self.resolver(rounds=1))
        self.assertIn("without a reply", caught.exception.reason)

    async def test_nobody_there(self) -> None:
        """Where nothing listens the next server is asked at once, without waiting."""
        gone = self.serve()
        await gone.stop()
        resolver = StubResolver(
            reactor,
            DNSOptions(servers=[str(gone.server), str(self.server.server)], timeout=60.0, give_up=60.0),
        )
        await self.address(resolver)

    async def test_silent(self) -> None:
        """A server that says nothing is passed over after its time, and then asked last."""
        good = self.serve()
        good.zones.host("a.example.test", "192.0.2.1").host("b.example.test", "192.0.2.2")
        self.server.behave(Behaviour.SILENT)
        resolver = self.resolver(good)
        await self.address(resolver)
        await resolver.lookup("b.example.test", RecordType.A)
        self.assertEqual((1, 2), (len(self.server.asked), len(good.asked)))

    async def test_all_silent(self) -> None:
        """Where no server says anything, the failure is temporary and is not a SERVFAIL."""
        self.server.behave(Behaviour.SILENT)
        with self.assertRaises(LookupFailed) as caught:
            await self.resolver(timeout=0.1).lookup("a.example.test", RecordType.A)
        self.assertEqual((False, False), (caught.exception.servfail, caught.exception.status.permanent))
        self.assertEqual([True, False], [asked.edns for asked in self.server.asked])

    async def test_no_edns(self) -> None:
        """A server that does not know EDNS is asked without, and soon again without."""
        self.server.behave(Behaviour.NO_EDNS)
        resolver = self.resolver()
        await self.address(resolver)
        await resolver.lookup("example.test", RecordType.MX)
        self.assertEqual([True, False, False], [asked.edns for asked in self.server.asked])

    async def test_authentic_data(self) -> None:
        """The AD bit of loopback is believed; each query has its own port and id."""
        resolver = self.resolver()
        self.assertTrue((await self.address(resolver)).secure)
        for number in range(20):
            await resolver.lookup(f"n{number}.example.test", RecordType.A)
        self.assertGreater(len({asked.port for asked in self.server.asked}), 15)
        self.assertGreater(len({asked.number for asked in self.server.asked}), 15)

    async def test_health(self) -> None:
        """The health check asks a server each time."""
        resolver = self.resolver(rounds=1, timeout=0.1)
        self.assertIsNone(await resolver.check())
        self.server.behave(Behaviour.REFUSED)
        self.assertIn("code 5", str(await resolver.check()))

    async def test_half_an_alias(self) -> None:
        """Where a server leaves out what an alias leads to, that is asked for."""
        self.server.zones.alias("www.other.test", "a.example.test")
        self.server.behave(Behaviour.HALF, Behaviour.NO_SOA, name="www.other.test")
        answer = await self.resolver().lookup("www.other.test", RecordType.A)
        self.assertEqual(("www.other.test", "a.example.test"), (answer.name, answer.canonical))
        self.assertEqual((("192.0.2.1",), False), (answer.texts, answer.secure))


def reply_of(question: Question, *values: object, lifetime: int = 60) -> Reply:
    """A good reply."""
    records = tuple(Record(question.name, question.kind, lifetime, value) for value in values)
    return Reply(0, question, NOERROR, answers=records)


class RememberingTests(TestCase):
    """What is remembered and shared, by a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.transports = FakeTransports(self.clock)
        self.options: dict[str, Any] = {"servers": ["127.0.0.1"]}

    def resolver(self, **options: Any) -> StubResolver:
        """One that asks the fake."""
        return StubResolver(self.clock, DNSOptions(**{**self.options, **options}), transports=self.transports)

    def ask(self, resolver: StubResolver, name: str = "a.test") -> Deferred[Answer]:
        """Asks for MX records."""
        return Deferred.fromCoroutine(resolver.lookup(name, RecordType.MX))

    def says(self, *values: object, lifetime: int = 60, late: float = 0.0) -> None:
        """From now on the server says so."""
        self.transports.script = lambda server, question: reply_of(question, *values, lifetime=lifetime)
        self.transports.late = late

    def test_lifetime(self) -> None:
        """An answer is remembered as long as its zone wants, within bounds, and no longer."""
        for lifetime, kept in ((60, 60.0), (0, 1.0), (10**7, 3600.0)):
            resolver = self.resolver(longest=3600.0)
            self.says(MXRecord(1, "mx.test"), lifetime=lifetime)
            self.transports.queries.clear()
            self.assertAlmostEqual(
                self.clock.seconds() + kept, self.successResultOf(self.ask(resolver)).expires
            )
            self.clock.advance(kept - 0.1)
            self.ask(resolver)
            self.assertEqual(1, len(self.transports.queries))
            self.clock.advance(0.2)
            self.ask(resolver)
            self.assertEqual(2, len(self.transports.queries))

    def test_forget(self) -> None:
        """Whoever wants fresh answers can have all be forgotten."""
        resolver = self.resolver()
        self.says(MXRecord(1, "mx.test"))
        self.successResultOf(self.ask(resolver))
        resolver.forget()
        self.successResultOf(self.ask(resolver))
        self.assertEqual(2, len(self.transports.queries))

    def test_case(self) -> None:
        """Names differ by no case and no last dot."""
        resolver = self.resolver()
        self.says(MXRecord(1, "mx.test"))
        self.successResultOf(self.ask(resolver, "A.Test."))
        self.successResultOf(self.ask(resolver, "a.test"))
        self.assertEqual(1, len(self.transports.queries))

    def test_shared(self) -> None:
        """Many who ask the same at once make one query, and all get its answer."""
        resolver = self.resolver()
        self.says(MXRecord(1, "mx.test"), late=1.0)
        answers = [self.ask(resolver) for _ in range(50)]
        self.assertEqual(1, len(self.transports.queries))
        self.clock.advance(1.1)
        self.assertEqual(1, len({self.successResultOf(answer) for answer in answers}))

    def test_one_leaves(self) -> None:
        """Who waits no more takes nothing from the others."""
        resolver = self.resolver()
        self.says(MXRecord(1, "mx.test"), late=1.0)
        one, other = self.ask(resolver), self.ask(resolver)
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.clock.advance(1.1)
        self.successResultOf(other)

    def test_failure_remembered(self) -> None:
        """A question that failed fails for a moment without asking, for each with an error of his own."""
        resolver = self.resolver(failure_time=5.0, rounds=1)
        self.transports.script = silence
        self.transports.late = 1.0
        both = [self.ask(resolver), self.ask(resolver)]
        self.clock.advance(1.1)
        errors = [self.failureResultOf(each, LookupFailed).value for each in both]
        self.assertIsNot(*errors)
        asked = len(self.transports.queries)
        self.clock.advance(4.0)
        self.failureResultOf(self.ask(resolver), LookupFailed)
        self.assertEqual(asked, len(self.transports.queries))
        self.clock.advance(1.1)
        self.says(MXRecord(1, "mx.test"))
        self.successResultOf(self.ask(resolver))

    def test_nothing_remembered(self) -> None:
        """That there is nothing is remembered too, for a shorter time."""
        resolver = self.resolver(longest_nothing=300.0)
        self.transports.script = lambda server, question: Reply(
            0, question, 3, authority=(Record("test", RecordType.SOA, 9999, 9999),)
        )
        answer = self.successResultOf(self.ask(resolver))
        self.assertEqual((Found.NO_NAME, 300.0), (answer.found, answer.expires))

    def test_stale(self) -> None:
        """Where nobody answers, an answer of yesterday may do, where that is wanted, for its time."""
        resolver, strict = self.resolver(stale_time=1000.0), self.resolver()
        self.says(MXRecord(1, "mx.test"))
        for each in (resolver, strict):
            self.successResultOf(self.ask(each))
        self.transports.script = silence
        self.clock.advance(500.0)
        answer = self.successResultOf(self.ask(resolver))
        self.assertEqual((MXRecord(1, "mx.test"),), answer.exchanges)
        self.assertLess(answer.expires, self.clock.seconds() + 60.0)
        self.failureResultOf(self.ask(strict), LookupFailed)
        self.successResultOf(self.ask(resolver))
        self.clock.advance(600.0)
        self.failureResultOf(self.ask(resolver), LookupFailed)

    def test_never_stale_for_forgery(self) -> None:
        """Where a server fails on purpose, as DNSSEC has it do, yesterday's answer is not used."""
        resolver = self.resolver(stale_time=1000.0)
        self.says(MXRecord(1, "mx.test"))
        self.successResultOf(self.ask(resolver))
        self.clock.advance(100.0)
        self.transports.script = lambda server, question: Reply(0, question, 2)
        self.assertTrue(self.failureResultOf(self.ask(resolver), LookupFailed).value.servfail)

    def test_full(self) -> None:
        """More questions than may wait fail at once; those that wait are answered, so many queries at a time."""
        resolver = self.resolver(waiting_limit=5, queries_limit=2)
        self.says(MXRecord(1, "mx.test"), late=1.0)
        waiting = [self.ask(resolver, f"n{number}.test") for number in range(5)]
        self.failureResultOf(self.ask(resolver, "late.test"), LookupFailed)
        self.assertEqual(2, len(self.transports.queries))
        self.clock.pump([1.1, 1.1, 1.1])
        for each in waiting:
            self.successResultOf(each)
        again = [self.ask(resolver, f"m{number}.test") for number in range(5)]
        self.clock.pump([1.1, 1.1, 1.1])
        for each in again:
            self.successResultOf(each)

    def test_stopped(self) -> None:
        """The stop ends what is being asked, and nothing is asked afterwards."""
        resolver = self.resolver()
        self.says(MXRecord(1, "mx.test"), late=1.0)
        waiting = self.ask(resolver)
        resolver.stop()
        self.failureResultOf(waiting, LookupFailed)
        self.failureResultOf(self.ask(resolver, "b.test"), LookupFailed)
        self.assertEqual(1, len(self.transports.queries))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_own_fault(self) -> None:
        """A fault of our own is a temporary failure, and is logged."""
        resolver = self.resolver()

        def broken(server: object, question: Question) -> Reply:
            raise ZeroDivisionError

        self.transports.script = broken
        error = self.failureResultOf(self.ask(resolver), LookupFailed).value
        self.assertFalse(error.status.permanent)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_known_names(self) -> None:
        """Nobody is asked about localhost, invalid and onion."""
        resolver = self.resolver()
        for name, kind, found, texts in (
            ("localhost", RecordType.A, Found.RECORDS, ("127.0.0.1",)),
            ("x.LOCALHOST.", RecordType.AAAA, Found.RECORDS, ("::1",)),
            ("localhost", RecordType.MX, Found.NO_RECORDS, ()),
            ("a.invalid", RecordType.A, Found.NO_NAME, ()),
            ("a.onion", RecordType.MX, Found.NO_NAME, ()),
        ):
            answer = self.successResultOf(Deferred.fromCoroutine(resolver.lookup(name, kind)))
            self.assertEqual((found, texts, False), (answer.found, answer.texts, answer.secure), name)
        self.assertEqual([], self.transports.queries)

    def test_circle_of_halves(self) -> None:
        """Aliases in a circle, one at a time, end; that there is nothing has nobody said."""
        resolver = self.resolver()
        targets = {"a.test": "b.test", "b.test": "a.test"}
        self.transports.script = lambda server, question: Reply(
            0, question, 0, answers=(Record(question.name, RecordType.CNAME, 60, targets[question.name]),)
        )
        self.failureResultOf(self.ask(resolver), LookupFailed)
        self.assertLess(len(self.transports.queries), 10)

    def test_no_such_servers(self) -> None:
        """Without a server that can be reached, a failure says which was tried."""
        resolver = StubResolver(
            self.clock, servers=FixedServers([Server("192.0.2.1")]), transports=self.transports
        )
        self.transports.script = silence
        error = self.failureResultOf(self.ask(resolver), LookupFailed).value
        self.assertIn("192.0.2.1:53: quiet", error.reason)
