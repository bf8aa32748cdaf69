"""Counting in memory."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.tls.interfaces import ITLSReports
from mailframe.tlsrpt.collecting import Collector
from mailframe.tlsrpt.values import Kind

from .sessions import NONE, NOON, STS, session


class Store:
    """Takes counts, or raises what it is told to."""

    def __init__(self) -> None:
        self.taken: list[dict[Kind, int]] = []
        self.fault: Exception | None = None

    async def add(self, sessions: dict[Kind, int]) -> None:
        if self.fault is not None:
            raise self.fault
        self.taken.append(dict(sessions))


class CollectorTests(SynchronousTestCase):
    """Sessions are written together, and outlive a disk that is full for a while."""

    def setUp(self) -> None:
        self.clock, self.store = Clock(), Store()
        self.collector = self.make()

    def make(self, **more: int) -> Collector:
        return Collector(self.clock, self.store, seconds=lambda: NOON, **more)  # type: ignore[arg-type]

    def sums(self) -> list[int]:
        return [sum(counts.values()) for counts in self.store.taken]

    def test_interface(self) -> None:
        """It is told of sessions as anybody is."""
        verifyObject(ITLSReports, self.collector)

    def test_written(self) -> None:
        """Counts are written every ten seconds, and at the end; nothing where there is nothing."""
        self.collector.start()
        for _ in range(3):
            self.collector.note(session(STS))
        self.assertEqual([], self.store.taken)
        self.clock.advance(10)
        self.assertEqual([3], self.sums())
        self.clock.advance(10)
        self.collector.note(session(NONE))
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(self.collector.stop()))
        self.assertEqual([3, 1], self.sums())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_disk(self) -> None:
        """What the disk does not take now it is given later."""
        self.collector.start()
        self.store.fault = MailframeError(UNAVAILABLE, "the disk is full")
        self.collector.note(session(STS))
        self.clock.advance(10)
        self.store.fault = None
        self.collector.note(session(STS))
        self.clock.advance(10)
        self.assertEqual([2], self.sums())

    def test_fault(self) -> None:
        """A fault of ours loses counts and nothing else."""
        self.collector.start()
        self.store.fault = ZeroDivisionError()
        self.collector.note(session(STS))
        self.clock.advance(10)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.collector.note(None)  # type: ignore[arg-type]
        self.assertEqual(1, len(self.flushLoggedErrors(AttributeError)))

    def test_bounded(self) -> None:
        """No more different sessions are kept than may be; known ones go on being counted."""
        collector = self.make(limit=2)
        for number in (1, 2, 3, 1):
            collector.note(session(STS, domain=f"{number}.test"))
        self.successResultOf(collector.write())
        self.assertEqual([3], self.sums())
