"""Whatever happens to the queue in PostgreSQL, and in whatever order: it is what the queue in memory is."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.testing.spool.model import at_once, run_model
from tests import postgres

TABLES = "spool_message, spool_recipient, spool_content, spool_place, spool_closed, spool_share, spool_runner"


class ModelTests(SynchronousTestCase):
    """The spool in PostgreSQL never differs from the one in memory, whatever is done in whatever order."""

    def test_days(self) -> None:
        """Random days of three runners, an administrator and destinations that come and go."""
        address = postgres.database(self)

        def make(seconds: Callable[[], float], cleanups: list) -> PostgreSQLSpool:
            spool = PostgreSQLSpool(address, None, seconds, connections=1, lease_seconds=seconds)
            at_once(spool.start())
            self.successResultOf(
                spool.database.run(lambda connection: connection.execute(f"TRUNCATE {TABLES}"))
            )
            return spool

        run_model(make, examples=20, steps=30)
