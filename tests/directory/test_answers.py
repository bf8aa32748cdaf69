"""Remembered answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.answers import MISSING, Answers


class AnswersTests(SynchronousTestCase):
    """A bounded memory."""

    def test_expiry(self) -> None:
        """Answers are good for a while; None is an answer."""
        answers = Answers(10, 60.0)
        answers.put("a", "x", 0.0)
        answers.put("b", None, 0.0)
        self.assertEqual("x", answers.get("a", 59.0))
        self.assertIsNone(answers.get("b", 59.0))
        self.assertIs(MISSING, answers.get("a", 60.0))
        self.assertIs(MISSING, answers.get("c", 0.0))

    def test_changed_answer(self) -> None:
        """What was unknown may become known, and the other way round."""
        answers = Answers(10, 60.0)
        answers.put("a", None, 0.0)
        answers.put("a", "x", 0.0)
        self.assertEqual("x", answers.get("a", 1.0))
        answers.put("a", None, 0.0)
        self.assertIsNone(answers.get("a", 1.0))
        self.assertEqual(1, len(answers))

    @given(st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(0, 3))), st.integers(1, 8))
    def test_like_a_dictionary(self, steps: list[tuple[int, bool, int]], entries: int) -> None:
        """It never has more than its bound, and what it has is the last answer."""
        answers, model, now = Answers(entries, 5.0), {}, 0.0
        for key, answer, wait in steps:
            now += wait
            answers.put(key, answer, now)
            model[key] = answer
            self.assertIs(answers.get(key, now), answer)
            for other in model:
                self.assertIn(answers.get(other, now), (MISSING, model[other]))
            self.assertLessEqual(len(answers), entries + max(1, entries // 4))
