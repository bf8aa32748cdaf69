"""The queue in an SQLite file."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailframe.queue.spool.sqlite.spool import SQLiteSpool
from mailframe.testing.spool import SpoolContract


class SQLiteSpoolTests(SpoolContract, TestCase):
    """It does what every spool does, for several processes."""

    timeout = 30
    path = ""

    async def another(self) -> SQLiteSpool:
        self.path = self.path or self.mktemp()
        spool = SQLiteSpool(self.path, reactor, seconds=lambda: self.now)
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        return spool


class CommandTests(SQLiteSpoolTests):
    """Without a reactor, as commands have it, everything is done at once."""

    async def another(self) -> SQLiteSpool:
        self.path = self.path or self.mktemp()
        spool = SQLiteSpool(self.path, None, seconds=lambda: self.now)
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        return spool
