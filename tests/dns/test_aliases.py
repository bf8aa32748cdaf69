"""Aliases that a server leaves to us to follow, as hostile zones have them."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.options import DNSOptions
from mailframe.dns.servers import FixedServers, Server
from mailframe.dns.stub import StubResolver
from mailframe.dns.values import Answer, Found, RecordType
from mailframe.dns.wire import Question, Record, Reply

from .fakes import FakeTransports


class AliasTests(SynchronousTestCase):
    """A chain that ends nowhere is a failure for now; it never says that there is nothing."""

    def setUp(self) -> None:
        self.transports = FakeTransports(Clock())
        self.targets: dict[str, str] = {}
        self.transports.script = self.answer

    def answer(self, server: Server, question: Question) -> Reply:
        """One alias at a time; then an address."""
        target = self.targets.get(question.name)
        if target is None:
            return Reply(0, question, 0, answers=(Record(question.name, RecordType.A, 60, "192.0.2.1"),))
        return Reply(0, question, 0, answers=(Record(question.name, RecordType.CNAME, 60, target),))

    def ask(self) -> Deferred[Answer]:
        """What comes of the first name."""
        resolver = StubResolver(
            Clock(), DNSOptions(), FixedServers([Server("127.0.0.1")]), transports=self.transports
        )
        return Deferred.fromCoroutine(resolver.lookup("n0.test", RecordType.A))

    def chain(self, length: int) -> None:
        """So many aliases."""
        self.targets = {f"n{number}.test": f"n{number + 1}.test" for number in range(length)}

    def test_followed(self) -> None:
        """A few aliases are followed."""
        self.chain(4)
        answer = self.successResultOf(self.ask())
        self.assertEqual((answer.found, answer.canonical), (Found.RECORDS, "n4.test"))

    def test_too_many(self) -> None:
        """A chain without end is given up, and is temporary: a domain of which nobody can say takes mail later."""
        self.chain(1000)
        self.failureResultOf(self.ask(), LookupFailed)
        self.assertLess(len(self.transports.queries), 20)

    def test_circle(self) -> None:
        """So is a circle, of which each answer tells but one part."""
        self.targets = {"n0.test": "n1.test", "n1.test": "n0.test"}
        self.failureResultOf(self.ask(), LookupFailed)

    def test_no_name(self) -> None:
        """An alias to octets that can be no name is a failure of that zone, and none of ours."""
        for target in ("", "a..test", f"{'x' * 64}.test", "a\\032b.test", ".".join(["\\000" * 60] * 3)):
            self.targets = {"n0.test": target}
            self.failureResultOf(self.ask(), LookupFailed)
        self.assertEqual(self.flushLoggedErrors(), [])
