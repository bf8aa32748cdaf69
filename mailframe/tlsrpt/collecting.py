"""Counts sessions in memory, and writes the counts to the file every few seconds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.status import MailframeError
from mailframe.tls.interfaces import ITLSReports
from mailframe.tls.policies import TLSSession

from . import metrics
from .counts import Counts
from .values import Kind, kind_of

log = Logger()

KINDS_LIMIT = 20_000
"""Counts in memory; when the disk does not take them for long, new ones are lost, which is counted."""


@implementer(ITLSReports)
class Collector:
    """Is told of sessions.

    Args:
        clock: for writing now and then.
        counts: the file.
        flush: seconds from writing to writing; so much is lost when the process is killed.
        seconds: the time since the epoch.
        limit: different sessions in memory.
    """

    def __init__(
        self,
        clock: IReactorTime,
        counts: Counts,
        *,
        flush: float = 10.0,
        seconds: Callable[[], float] = time.time,
        limit: int = KINDS_LIMIT,
    ) -> None:
        self._counts = counts
        self._seconds = seconds
        self._limit = limit
        self._flush = flush
        self._counted: Counter[Kind] = Counter()
        self._loop = LoopingCall(self.write)
        self._loop.clock = clock

    def note(self, session: TLSSession) -> None:
        """Count one session."""
        try:
            kind = kind_of(session, self._seconds())
        except Exception:
            # Mail goes on whatever is wrong with its statistics.
            log.failure("a session cannot be counted")
            return
        if kind is None:
            return
        if kind not in self._counted and len(self._counted) >= self._limit:
            metrics.LOST.inc()
            return
        (metrics.BAD if kind.result else metrics.GOOD).inc()
        self._counted[kind] += 1

    def start(self) -> None:
        """Begin to write now and then."""
        self._loop.start(self._flush, now=False).addErrback(
            lambda failure: log.failure("writing counts of TLS ended", failure)
        )

    async def stop(self) -> None:
        """Write what was counted, and end; again does nothing."""
        if self._loop.running:
            self._loop.stop()
        await self._write()

    def write(self) -> Deferred[None]:
        """Write what was counted, now; when the disk does not take it, it is kept for the next time."""
        return Deferred.fromCoroutine(self._write())

    async def _write(self) -> None:
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        try:
            await self._counts.add(counted)
        except MailframeError as error:
            log.warn("counts of TLS cannot be written: {reason}", reason=error.reason)
            counted.update(self._counted)
            self._counted = counted
        except Exception:
            log.failure("counts of TLS are lost")
            metrics.LOST.inc(sum(counted.values()))
