"""The queue in a PostgreSQL database does what every spool does."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.testing.spool import SpoolContract
from tests import postgres


class PostgreSQLSpoolTests(SpoolContract, TestCase):
    """It does what every spool does, for several nodes."""

    timeout = 30
    address = ""

    async def another(self) -> PostgreSQLSpool:
        self.address = self.address or postgres.database(self)
        spool = PostgreSQLSpool(
            self.address, reactor, lambda: self.now, connections=2, lease_seconds=lambda: self.now
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        return spool
