"""The queue in memory."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from mailframe.queue.spool.memory import MemorySpool
from mailframe.testing.spool import SpoolContract


class MemorySpoolTests(SpoolContract, TestCase):
    """It does what every spool does; others of the same process see its mail."""

    shared: MemorySpool | None = None

    async def another(self) -> MemorySpool:
        if self.shared is None:
            self.shared = MemorySpool(lambda: self.now)
        return self.shared
