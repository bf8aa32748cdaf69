"""Health checks."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.monitor.health import Health, Problem


class HealthTests(SynchronousTestCase):
    """Is what we depend on there?"""

    def setUp(self) -> None:
        self.clock = Clock()
        self.health = Health(self.clock)
        self.answer: Deferred[str | None] = succeed(None)
        self.asked = 0

        def check() -> Deferred[str | None]:
            self.asked += 1
            return self.answer

        self.health.add("disk", check)

    def problems(self) -> tuple[Problem, ...]:
        return self.successResultOf(Deferred.fromCoroutine(self.health.problems()))

    def test_well(self) -> None:
        """No problems, no words."""
        self.assertEqual((), self.problems())
        self.assertEqual((), self.successResultOf(Deferred.fromCoroutine(Health(self.clock).problems())))

    def test_wrong(self) -> None:
        """A check says what is wrong, or raises it."""

        async def full() -> str:
            return "only 3 MB left"

        async def away() -> None:
            raise MailframeError(UNAVAILABLE, "cannot open /srv/x")

        async def bug() -> None:
            raise ValueError("oops")

        self.health.add("a", full)
        self.health.add("c", away)
        self.health.add("b", bug, fatal=False)
        self.assertEqual(
            (
                Problem("a", "only 3 MB left"),
                Problem("b", "ValueError: oops", fatal=False),
                Problem("c", "cannot open /srv/x"),
            ),
            self.problems(),
        )

    def test_timeout(self) -> None:
        """A check that does not answer has failed, and the others still count."""
        self.answer = Deferred()
        asked = Deferred.fromCoroutine(self.health.problems())
        self.clock.advance(4.9)
        self.assertNoResult(asked)
        self.clock.advance(0.2)
        self.assertEqual((Problem("disk", "no answer within 5 seconds"),), self.successResultOf(asked))

    def test_shared_and_cached(self) -> None:
        """A hundred who ask within a second are one check."""
        self.answer = Deferred()
        asked = [Deferred.fromCoroutine(self.health.problems()) for _ in range(100)]
        asked[5].cancel()
        self.failureResultOf(asked.pop(5))
        self.answer.callback("x")
        for one in asked:
            self.assertEqual((Problem("disk", "x"),), self.successResultOf(one))
        self.problems()
        self.assertEqual(1, self.asked)
        self.clock.advance(1.1)
        self.answer = succeed(None)
        self.assertEqual((), self.problems())
        self.assertEqual(2, self.asked)

    def test_replaced_and_removed(self) -> None:
        """A check of the same name is replaced; a removed one is asked no more."""
        self.answer = succeed("x")
        self.assertEqual(1, len(self.problems()))
        self.health.remove("disk")
        self.health.remove("disk")
        self.assertEqual((), self.problems())

    def test_log(self) -> None:
        """The beginning and the end of a problem are logged, not every question."""
        with capturedLogs() as events:
            self.answer = succeed("x")
            for _ in range(3):
                self.problems()
                self.clock.advance(2)
            self.answer = succeed(None)
            for _ in range(3):
                self.problems()
                self.clock.advance(2)
        self.assertEqual(["error", "info"], [event["log_level"].name for event in events])
