"""The contract of `mailframe.queue.interfaces.ISpool`: mix it into a trial ``TestCase`` and say how a spool is made.

::

    class MySpoolTests(SpoolContract, TestCase):
        async def another(self):
            spool = MySpool(self.place, seconds=lambda: self.now)
            await spool.start()
            self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
            return spool
"""

from .claiming import SpoolClaimingContract
from .keeping import SpoolKeepingContract
from .records import SpoolLeaseContract, SpoolRecordsContract

__all__ = ["SpoolContract"]


class SpoolContract(SpoolKeepingContract, SpoolClaimingContract, SpoolLeaseContract, SpoolRecordsContract):
    """All that every spool does, with its records."""
