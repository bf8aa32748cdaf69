"""How fast clients may send commands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.pace import BURST_SECONDS, Pace


class PaceTests(SynchronousTestCase):
    """One client's pace."""

    def setUp(self) -> None:
        """Nothing has come yet."""
        self.clock = Clock()
        self.pace = Pace(self.clock)

    def answered(self, commands: int, a_second: int) -> float:
        """Seconds until so many commands that come at once are answered, one after the other."""

        async def all_of_them() -> None:
            for _ in range(commands):
                await self.pace.step(a_second)

        began = self.clock.seconds()
        done = Deferred.fromCoroutine(all_of_them())
        while not done.called:
            self.clock.advance(0.01)
        return self.clock.seconds() - began

    def test_burst(self) -> None:
        """Some may come at once; then it is so many a second."""
        self.assertEqual(self.answered(10 * BURST_SECONDS, 10), 0)
        self.assertTrue(4.9 < self.answered(50, 10) < 5.1)

    def test_rest(self) -> None:
        """Who rests may send as many at once again, and no more."""
        self.answered(10 * BURST_SECONDS, 10)
        self.clock.advance(3600)
        self.assertEqual(self.answered(10 * BURST_SECONDS, 10), 0)
        self.assertGreater(self.answered(10, 10), 0.9)

    def test_any(self) -> None:
        """Without a bound nobody waits."""
        self.assertEqual(self.answered(10_000, 0), 0)

    @given(st.lists(st.floats(0, 5), max_size=40), st.integers(1, 20))
    def test_slow(self, pauses: list[float], a_second: int) -> None:
        """Who never sends faster than that never waits, and who waits is answered in time."""
        self.setUp()
        for pause in pauses:
            self.clock.advance(pause + 1 / a_second)
            self.assertEqual(self.answered(1, a_second), 0)
