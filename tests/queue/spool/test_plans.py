"""What is asked all the time costs the same with a million messages waiting: it goes by an index."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.database.migrations import migrate
from mailframe.database.sqlite import close, open_connection
from mailframe.queue.spool.sqlite.claiming import TO_REVIEW


class PlanTests(SynchronousTestCase):
    """How SQLite goes about a query."""

    def setUp(self) -> None:
        self.connection = open_connection(self.mktemp(), synchronous="OFF", cache_octets=1 << 16)
        self.addCleanup(close, self.connection)
        migrate(self.connection, "mailframe.queue.spool.sqlite")

    def test_review(self) -> None:
        """An idle node does not go through the queue to see that nothing has to be looked at."""
        plan = [row[3] for row in self.connection.execute("EXPLAIN QUERY PLAN " + TO_REVIEW, (0.0, 50))]
        self.assertIn("SEARCH recipient USING INDEX recipient_review (review<?)", plan)
        self.assertFalse([step for step in plan if step.startswith("SCAN recipient")])
