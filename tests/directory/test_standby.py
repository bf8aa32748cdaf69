"""A directory that need not be there when the node starts."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.standby import Standby
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError


class Slow:
    """Fails to start some times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tried = self.stopped = 0

    async def start(self) -> None:
        """Perhaps."""
        self.tried += 1
        if self.tried <= self.failures:
            raise MailframeError(CANNOT_LOOK_UP, "away")

    async def stop(self) -> None:
        """Count."""
        self.stopped += 1


class StandbyTests(SynchronousTestCase):
    """Again and again."""

    def test_tries(self) -> None:
        """What is away at the start is tried again, with longer and longer pauses."""
        clock, slow = Clock(), Slow(3)
        standby = Standby(slow, clock)
        self.successResultOf(Deferred.fromCoroutine(standby.start()))
        clock.pump([0.5, 0.6, 1.5, 0.6, 3.9])
        self.assertEqual(3, slow.tried)
        clock.advance(0.2)
        self.assertEqual((4, []), (slow.tried, clock.getDelayedCalls()))

    def test_stop(self) -> None:
        """It is not tried after the end."""
        clock, slow = Clock(), Slow(3)
        standby = Standby(slow, clock)
        self.successResultOf(Deferred.fromCoroutine(standby.start()))
        self.successResultOf(Deferred.fromCoroutine(standby.stop()))
        self.assertEqual(([], 1), (clock.getDelayedCalls(), slow.stopped))
