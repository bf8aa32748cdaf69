"""From a day's counts to a report that was sent."""

from __future__ import annotations

import gzip
import json

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.dns.values import RecordType
from mailframe.message.address import Address
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import OK, UNAVAILABLE, Status
from mailframe.tls.client import ClientContexts
from mailframe.tlsrpt.counts import LEASE_SECONDS, Counts
from mailframe.tlsrpt.posting import HTTPSPost
from mailframe.tlsrpt.report import Report, build
from mailframe.tlsrpt.reporting import Reporter
from mailframe.tlsrpt.sending import Sender
from tests.delivery.protection.https_server import SERVER_HOST, Answering, serve
from tests.delivery.protection.zone import Zone
from tests.tls.authorities import stranger, trusted

from .sessions import DATE, STS, database
from .test_counts import FIRST, LATE, kind
from .test_report import SUBMITTER

NAME = "_smtp._tls.example.test"
ADDRESS = Address("tls", "sender.test")


@implementer(IDelivery)
class Outbox:
    """Keeps messages."""

    def __init__(self) -> None:
        self.status: Status | Exception = OK
        self.sent: list[MailObject] = []
        self.wait: Deferred[None] | None = None

    async def deliver(self, mail: MailObject, routes: object, atomic: bool) -> list[Status]:
        if self.wait is not None:
            await self.wait
        if isinstance(self.status, Exception):
            raise self.status
        self.sent.append(mail)
        return [self.status]


class ReporterTests(SynchronousTestCase):
    """Who wants a report gets one, once."""

    def setUp(self) -> None:
        self.clock, self.zone, self.outbox = Clock(), Zone(), Outbox()
        self.clock.advance(LATE)
        self.zone.put(NAME, RecordType.TXT, b"v=TLSRPTv1; rua=mailto:r@example.test,https://example.test/")
        file = database(self.mktemp())
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(file.stop())))
        self.counts = Counts(file)
        self.posted: list[str] = []
        self.takes = False
        sender = Sender(
            self.outbox,
            SUBMITTER,
            ADDRESS,
            Origin("tlsrpt", "unknown"),
            post=self.post,
            seconds=self.clock.seconds,
        )
        self.reporter = Reporter(self.clock, self.counts, self.zone, sender, seconds=self.clock.seconds)
        self.of(self.counts.add({kind(STS): 5}))

    def of(self, coroutine):
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    async def post(self, url: str, report: Report) -> bool:
        self.posted.append(url)
        return self.takes

    def test_sent(self) -> None:
        """The report goes to each place that the domain names, and once only."""
        self.assertEqual(1, self.of(self.reporter.send_due()))
        self.assertEqual(0, self.of(self.reporter.send_due()))
        (mail,) = self.outbox.sent
        self.assertEqual(ADDRESS, mail.envelope.reverse_path)
        self.assertEqual(
            [Address("r", "example.test")], [one.forward_path for one in mail.envelope.recipients]
        )
        self.assertEqual(["https://example.test/"], self.posted)
        self.assertEqual({}, self.of(self.counts.of(FIRST)))

    def test_loop(self) -> None:
        """It looks by itself every minute, until it is stopped."""
        self.reporter.start()
        self.clock.advance(60)
        self.assertEqual(1, len(self.outbox.sent))
        self.of(self.reporter.stop())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_unwanted(self) -> None:
        """Who has no record gets nothing, and what was counted is forgotten."""
        self.zone.forget(NAME, RecordType.TXT)
        self.assertEqual(0, self.of(self.reporter.send_due()))
        self.assertEqual(([], {}), (self.outbox.sent, self.of(self.counts.of(FIRST))))

    def test_dns_away(self) -> None:
        """When the record cannot be asked for, the report waits."""
        self.zone.fail(NAME, RecordType.TXT)
        self.assertEqual(0, self.of(self.reporter.send_due()))
        self.zone.put(NAME, RecordType.TXT, b"v=TLSRPTv1; rua=mailto:r@example.test")
        self.clock.advance(1000)
        self.assertEqual(1, self.of(self.reporter.send_due()))

    def test_later(self) -> None:
        """When no place takes the report, or a fault of ours is in the way, it is tried again."""
        for status in (UNAVAILABLE, ZeroDivisionError()):
            self.outbox.status = status
            self.assertEqual(0, self.of(self.reporter.send_due()))
            self.clock.advance(2000)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.outbox.status = OK
        self.assertEqual(1, self.of(self.reporter.send_due()))

    def test_many(self) -> None:
        """All reports whose turn it is are sent in one go."""
        for number in range(7):
            name = f"{number}.test"
            self.zone.put(f"_smtp._tls.{name}", RecordType.TXT, b"v=TLSRPTv1; rua=mailto:r@example.test")
            self.of(self.counts.add({kind(STS, domain=name): 1}))
        self.assertEqual(8, self.of(self.reporter.send_due()))

    def test_stopped(self) -> None:
        """A report that is being sent when the node ends is sent by whoever takes it next."""
        self.outbox.wait = Deferred()
        self.reporter.start()
        self.clock.advance(60)
        self.of(self.reporter.stop())
        self.outbox.wait = None
        self.assertEqual(0, self.of(self.reporter.send_due()))
        self.clock.advance(LEASE_SECONDS)
        self.assertEqual(1, self.of(self.reporter.send_due()))

    def test_one_place(self) -> None:
        """It is enough that one place takes it."""
        self.outbox.status, self.takes = UNAVAILABLE, True
        self.assertEqual(1, self.of(self.reporter.send_due()))


class HTTPSPostTests(TestCase):
    """Reports to a real server."""

    def setUp(self) -> None:
        self.zone = Zone()
        self.zone.put(SERVER_HOST, RecordType.A, "127.0.0.1")
        self.report = build(SUBMITTER, DATE, "example.test", {kind(STS): 1})
        self.contexts = ClientContexts(trusted(self.mktemp()))
        self.post = HTTPSPost(reactor, self.zone, self.contexts, timeout=5, public=False)

    async def sent(self, resource: Answering, **certificate: object) -> bool:
        port = serve(self, resource, **certificate)
        try:
            return await self.post(f"https://{SERVER_HOST}:{port}/v1", self.report)
        finally:
            await deferLater(reactor, 0.02, lambda: None)  # type: ignore[arg-type]

    async def test_taken(self) -> None:
        """The compressed report is what is posted, under its own type."""
        resource = Answering(b"", 201)
        self.assertTrue(await self.sent(resource))
        ((method, uri, body, content_type),) = resource.requests
        self.assertEqual((b"POST", b"/v1", b"application/tlsrpt+gzip"), (method, uri, content_type))
        self.assertEqual(json.loads(self.report.json), json.loads(gzip.decompress(body)))

    async def test_inside(self) -> None:
        """A stranger's record does not have us knock at machines behind our firewall, by name or address."""
        self.zone.put("inside6.test", RecordType.AAAA, "fd00::1", "::1", "::ffff:10.0.0.1", "fe80::1")
        self.zone.put("inside4.test", RecordType.A, "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0")
        clock = MemoryReactorClock()
        self.post = HTTPSPost(clock, self.zone, self.contexts, timeout=5)
        for host in (SERVER_HOST, "127.0.0.1", "[::1]", "10.0.0.1", "inside4.test", "inside6.test"):
            self.assertFalse(await self.post(f"https://{host}:8443/v1", self.report), host)
        self.assertEqual([], clock.tcpClients)

    async def test_refused(self) -> None:
        """An answer that is no success, and a server nobody knows, did not take it."""
        self.assertFalse(await self.sent(Answering(b"", 500)))
        self.assertFalse(await self.sent(Answering(b""), ca=stranger()))
        self.assertFalse(await self.post("http://example.test/", self.report))
