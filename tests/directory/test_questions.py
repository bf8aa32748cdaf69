"""Questions that many ask at the same time."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.questions import Questions


class QuestionsTests(SynchronousTestCase):
    """One question for all who want to know the same."""

    def setUp(self) -> None:
        self.questions: Questions[int] = Questions()
        self.asked: list[Deferred[int]] = []

    def ask(self, key: str = "a") -> Deferred[int]:
        async def question() -> int:
            answer: Deferred[int] = Deferred()
            self.asked.append(answer)
            return await answer

        return self.questions.ask(key, question)

    def test_shared(self) -> None:
        """All get the one answer; who asks later asks anew, and another question is another."""
        waiting = [self.ask(), self.ask(), self.ask()]
        other = self.ask("b")
        self.asked[0].callback(5)
        self.assertEqual([self.successResultOf(each) for each in waiting], [5, 5, 5])
        self.assertNoResult(other)
        again = self.ask()
        self.assertEqual(len(self.asked), 3)
        self.asked[2].callback(6)
        self.assertEqual(self.successResultOf(again), 6)

    def test_failure(self) -> None:
        """All are told when there is no answer."""
        waiting = [self.ask(), self.ask()]
        self.asked[0].errback(ValueError())
        for each in waiting:
            self.failureResultOf(each, ValueError)
        self.assertEqual(len(self.asked), 1)

    def test_hung_up(self) -> None:
        """Whoever hangs up takes the answer from nobody, also when all do."""
        first, second = self.ask(), self.ask()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.asked[0].callback(5)
        self.assertEqual(self.successResultOf(second), 5)
        third = self.ask()
        third.cancel()
        self.failureResultOf(third, CancelledError)
        self.asked[1].errback(ValueError())
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_answered_at_once(self) -> None:
        """A question that needs no waiting is answered without any."""

        async def question() -> int:
            return 7

        self.assertEqual(self.successResultOf(self.questions.ask("a", question)), 7)
