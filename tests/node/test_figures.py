"""Figures of workers that come and go."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.monitor.aggregate import Family
from mailframe.node.figures import Tally, readable


def figures(mails: float, open_: float) -> list[Family]:
    """A counter and a gauge."""
    return [
        Family(name="mails", type="counter", help="", samples=[("mails_total", [("kind", "good")], mails)]),
        Family(name="open", type="gauge", help="", samples=[("open", [], open_)]),
    ]


class TallyTests(SynchronousTestCase):
    """No sum ever falls."""

    @given(
        st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["count", "die", "leave"]), st.integers(0, 9)))
    )
    def test_counters_never_fall(self, steps: list[tuple[int, str, int]]) -> None:
        """Whatever workers do, the counter never falls, and the gauge counts the living only."""
        tally = Tally()
        counts = dict.fromkeys(range(4), 0)
        seen = 0.0
        for worker, step, amount in steps:
            if step == "count":
                counts[worker] += amount
                tally.heard(worker, figures(counts[worker], 1))
            else:
                farewell = figures(counts[worker] + amount, 1) if step == "leave" else None
                tally.buried(worker, farewell)
                counts[worker] = 0
            total: dict[str, Any] = readable(tally.total())
            self.assertGreaterEqual(total.get("mails_total{good}", 0), seen)
            seen = total.get("mails_total{good}", 0)
            self.assertEqual(total.get("open", 0), len(tally._living))

    def test_last_words_count(self) -> None:
        """What a worker says when it ends in order is what counts."""
        tally = Tally()
        tally.heard(1, figures(5, 1))
        tally.buried(1, figures(7, 1))
        tally.buried(2, None)
        self.assertEqual(readable(tally.total(figures(1, 2))), {"mails_total{good}": 8, "open": 2})
