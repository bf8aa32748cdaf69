"""Work that outlives its connection."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.shield import TakesTooLong, shielded


class ShieldedTests(SynchronousTestCase):
    """Waiting without the power to cancel."""

    def setUp(self) -> None:
        self.clock, self.work = Clock(), Deferred[int]()
        self.waiter = shielded(self.work, self.clock, 10)

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_result(self) -> None:
        """The result is passed on."""
        self.work.callback(1)
        self.assertEqual(self.successResultOf(self.waiter), 1)

    def test_failure(self) -> None:
        """A failure is passed on."""
        self.work.errback(ValueError())
        self.failureResultOf(self.waiter, ValueError)

    def test_cancelled(self) -> None:
        """Cancelling the waiting leaves the work alone."""
        self.waiter.cancel()
        self.failureResultOf(self.waiter, CancelledError)
        self.assertFalse(self.work.called)
        self.work.callback(1)

    def test_too_long(self) -> None:
        """Waiting ends after its time; the work may still end."""
        self.clock.advance(11)
        self.failureResultOf(self.waiter, TakesTooLong)
        self.work.callback(1)

    def test_done_already(self) -> None:
        """Work that is done needs no waiting."""
        done = Deferred[int]()
        done.callback(2)
        self.assertEqual(self.successResultOf(shielded(done, self.clock, 10)), 2)
        self.work.callback(1)
