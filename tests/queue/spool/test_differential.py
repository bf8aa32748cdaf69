"""Random days of two spools: what is in a database must be, at every step, what is in memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable

from hypothesis.stateful import rule
from twisted.trial.unittest import SynchronousTestCase

from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.queue.spool.sqlite.spool import SQLiteSpool
from mailframe.testing.spool.model import SpoolMachine, at_once, run_model
from tests import postgres

from .test_postgresql_model import TABLES


def make(seconds: Callable[[], float], cleanups: list) -> SQLiteSpool:
    """A spool in a directory of its own; contents of the larger half are in files."""
    path = tempfile.mkdtemp(prefix="mailframe-spool-")
    cleanups.append(lambda: shutil.rmtree(path))
    spool = SQLiteSpool(path, None, row_limit=50, seconds=seconds)
    at_once(spool.start())
    return spool


class SQLiteMachine(SpoolMachine):
    """The file is opened again and again, too."""

    @rule()
    def again(self) -> None:
        """The file is closed and opened; runners go on."""
        before = self.other
        at_once(before._database.stop())
        self.other = SQLiteSpool(before.path, None, row_limit=50, seconds=lambda: self.now)
        self.other._locks, self.other._numbers = before._locks, before._numbers
        at_once(self.other.start())


class DifferentialTests(SynchronousTestCase):
    """The spool in SQLite never differs from the one in memory, whatever is done in whatever order."""

    def test_days(self) -> None:
        """Random days of three runners, an administrator and destinations that come and go."""
        run_model(make, machine=SQLiteMachine)

    def test_differs(self) -> None:
        """A spool that forgets is found out."""

        def forgetful(seconds: Callable[[], float], cleanups: list) -> SQLiteSpool:
            spool = make(seconds, cleanups)
            add, added = spool.add, []

            async def add_one(message, runner=None) -> None:
                if not added:
                    await add(message, runner)
                added.append(message)

            spool.add = add_one
            return spool

        self.assertRaises(AssertionError, run_model, forgetful, 100, 20)


class PostgreSQLDifferentialTests(SynchronousTestCase):
    """Nor does the spool in PostgreSQL."""

    timeout = 60

    def test_days(self) -> None:
        """The same days."""
        address = postgres.database(self)

        def make(seconds: Callable[[], float], cleanups: list) -> PostgreSQLSpool:
            spool = PostgreSQLSpool(address, None, seconds, lease_seconds=seconds)
            at_once(spool.start())
            emptied = spool.database.run(lambda connection: connection.execute(f"TRUNCATE {TABLES}"))
            self.successResultOf(emptied)
            return spool

        run_model(make, 20, 30)
