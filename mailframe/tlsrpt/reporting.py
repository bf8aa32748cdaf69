"""Once a day a report to each domain that wants one; each is sent by whichever worker takes it first."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.dns.values import RecordType
from mailframe.message.address import Address
from mailframe.message.status import MailframeError

from . import metrics
from .counts import Counts, Due
from .records import parse_record
from .report import build
from .sending import Sender

log = Logger()

INTERVAL = 60.0
AT_ONCE = 2
"""Reports taken in one go. Sending them, to five places each by HTTPS, ends before another worker may take them."""


class Reporter:
    """Sends reports of days that are over.

    Args:
        clock: for looking now and then.
        counts: what was counted.
        resolver: for the records of domains.
        sender: sends.
        seconds: the time since the epoch.
    """

    def __init__(
        self,
        clock: IReactorTime,
        counts: Counts,
        resolver: IResolver,
        sender: Sender,
        *,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self._counts = counts
        self._resolver = resolver
        self._sender = sender
        self._seconds = seconds
        self._running: Deferred[int] | None = None
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin; the first look is a minute later."""
        self._loop.start(INTERVAL, now=False).addErrback(
            lambda failure: log.failure("sending reports about TLS ended", failure)
        )

    async def stop(self) -> None:
        """End; a report that is being sent is left to whoever takes it next."""
        if self._loop.running:
            self._loop.stop()
        if self._running is not None:
            self._running.cancel()

    async def send_due(self) -> int:
        """Send the reports whose turn it is.

        Returns:
            How many were sent.
        """
        sent = 0
        while taken := await self._counts.take(self._seconds(), AT_ONCE):
            for due in taken:
                sent += await self._send(due)
        return sent

    def _look(self) -> Deferred[int]:
        self._running = Deferred.fromCoroutine(self.send_due())
        self._running.addErrback(_told)
        return self._running

    async def _send(self, due: Due) -> bool:
        try:
            places = await self._places(due.domain)
        except LookupFailed:
            return await self._later(due)
        if not places:
            metrics.UNWANTED.inc()
            await self._counts.done(due)
            return False
        report = build(self._sender.submitter, due.day, due.domain, await self._counts.of(due))
        if not await self._sender.send(report, places):
            return await self._later(due)
        metrics.SENT.inc()
        log.info("report about TLS of {day} sent to {domain}", day=due.day, domain=due.domain)
        await self._counts.done(due)
        return True

    async def _later(self, due: Due) -> bool:
        again = await self._counts.failed(due, self._seconds())
        (metrics.LATER if again else metrics.GIVEN_UP).inc()
        return False

    async def _places(self, domain: str) -> tuple[Address | str, ...]:
        try:
            answer = await self._resolver.lookup(f"_smtp._tls.{domain}", RecordType.TXT)
        except LookupFailed:
            raise
        except ValueError:
            # Such a name is too long: it has no record.
            return ()
        return parse_record(answer.octets)


def _told(failure: object) -> int:
    error = getattr(failure, "value", None)
    if isinstance(error, CancelledError):
        # The node ends; whoever takes the report next sends it.
        return 0
    if isinstance(error, MailframeError):
        log.warn("reports about TLS have to wait: {reason}", reason=error.reason)
    else:
        log.failure("reports about TLS have to wait", failure)  # type: ignore[arg-type]
    return 0
