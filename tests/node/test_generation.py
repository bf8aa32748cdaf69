"""How soon a dead worker is replaced."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.node.generation import FIRST_DELAY, LONGEST_DELAY, restart_delay


class RestartDelayTests(SynchronousTestCase):
    """Soon at first, then ever later, never too late."""

    @given(st.integers(0, 10_000))
    def test_bounds(self, deaths: int) -> None:
        """The delay grows with each death up to a bound."""
        self.assertTrue(FIRST_DELAY <= restart_delay(deaths) <= LONGEST_DELAY)
        self.assertLessEqual(restart_delay(deaths), restart_delay(deaths + 1))

    def test_first(self) -> None:
        """The first death costs hardly any time."""
        self.assertEqual(restart_delay(1), FIRST_DELAY)
        self.assertEqual(restart_delay(2), 2 * FIRST_DELAY)
