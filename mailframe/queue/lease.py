"""A runner's lease on what it works on: renewed as long as the worker lives, begun anew where it was lost."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.message.status import MailframeError

from .interfaces import ISpool
from .metrics import LEASES_LOST

log = Logger()


class Lease:
    """The lease of one runner.

    Args:
        spool: gives it.
        clock: for its time.
        seconds: how long it lasts without being renewed.
    """

    def __init__(self, spool: ISpool, clock: IReactorTime, seconds: float) -> None:
        self._spool = spool
        self._clock = clock
        self._seconds = seconds
        self._name: str | None = None
        self._good_until = 0.0

    @property
    def runner(self) -> str | None:
        """The runner's name; None where there is no lease, or it may be over before anything could be done."""
        return self._name if self._clock.seconds() < self._good_until else None

    async def renew(self) -> None:
        """Have it from now on; ask for another one where it was lost.

        Raises:
            MailframeError: temporary: the spool cannot be asked.
        """
        began = self._clock.seconds()
        name = self._name
        if name is not None and not await self._spool.renew(name, self._seconds):
            LEASES_LOST.inc()
            log.warn("the lease of {runner} was lost: others have its work", runner=name)
            self._name = name = None
        if name is None:
            self._name = await self._spool.enlist(self._seconds)
        # A little sooner than the spool sees it: clocks differ, and what is begun must be written down.
        self._good_until = began + self._seconds * 0.8

    async def discharge(self) -> None:
        """End it: what is not concluded is due for others, at once."""
        name, self._name = self._name, None
        self._good_until = 0.0
        if name is None:
            return
        try:
            await self._spool.discharge(name)
        except MailframeError as error:
            log.warn(
                "others have to wait until the lease of {runner} ends: {reason}",
                runner=name,
                reason=error.reason,
            )
