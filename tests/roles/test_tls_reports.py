"""``[tlsrpt]``, put together from a configuration."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.roles import tls_reports
from mailframe.routing.interfaces import Route
from mailframe.tls.options import TLSOptions
from mailframe.tlsrpt.options import TLSReportOptions
from tests.delivery.protection.zone import Zone

ADDRESS = Address("tls", "example.test")


class Reactor(Clock):
    """A clock that calls from threads at once."""

    def callFromThread(self, function: Any, *arguments: Any) -> None:
        function(*arguments)


class TLSReportsTests(SynchronousTestCase):
    """Counting and sending begin and end with the node."""

    def context(self, options: TLSReportOptions | None) -> Any:
        kept: list[Any] = []
        return SimpleNamespace(
            configuration=SimpleNamespace(tlsrpt=options, tls=TLSOptions()),
            reactor=Reactor(),
            dns=Zone(),
            data=".",
            kept=kept,
            keep=lambda built: kept.append(built) or built,
        )

    def test_without(self) -> None:
        """Without the section nothing is counted."""
        self.assertIsNone(tls_reports.build_tls_reports(self.context(None)))

    def test_kept(self) -> None:
        """With it the file, the counting and the sending start and stop with the node; starting twice does nothing."""
        context = self.context(TLSReportOptions(sender=ADDRESS, organization="Example"))
        self.assertIsNotNone(tls_reports.build_tls_reports(context))
        self.assertEqual(3, len(context.kept))
        for running in context.kept[1:]:
            for _ in range(2):
                self.successResultOf(Deferred.fromCoroutine(running.start()))
        self.assertEqual(2, len(context.reactor.getDelayedCalls()))
        for running in context.kept[1:]:
            self.successResultOf(Deferred.fromCoroutine(running.stop()))
        self.assertEqual([], context.reactor.getDelayedCalls())

    def test_no_queue(self) -> None:
        """On a node without a queue reports by mail wait; nothing is built for them."""
        sender = tls_reports._sender(
            self.context(None), TLSReportOptions(sender=ADDRESS, organization="Example", https=False)
        )
        mail = MailObject(
            "ID", Envelope(ADDRESS, [Recipient(ADDRESS)]), Content.of(b""), Origin("S", "unknown")
        )
        statuses = self.successResultOf(
            Deferred.fromCoroutine(sender._delivery.deliver(mail, [Route(onward=True)], True))
        )
        self.assertEqual([True], [status.temporary for status in statuses])
