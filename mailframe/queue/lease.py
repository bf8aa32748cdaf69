"""A runner's lease on what it works on: renewed as long as the worker lives, begun anew where it was lost.

What a living worker has without knowing it would wait for its death: a claim whose answer was lost with the
connection to the database, a conclusion that failed by a fault of ours. So after any doubt the worker goes on under a
new name; the old one is kept only until the work that is known of is done, and what is left of it
then is due for all.
"""

from __future__ import annotations

from collections.abc import Callable

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
        self._late = 0.0
        self._doubtful = False
        self._old: dict[str, float] = {}

    @property
    def steady(self) -> bool:
        """Is there a lease, and was there always?

        Where the spool was away for longer than leases last, those of all others are over, too, though they live and
        have things to write down. So nobody takes over anything before everybody had the time to.
        """
        return self.runner is not None and self._clock.seconds() >= self._late + self._seconds

    @property
    def runner(self) -> str | None:
        """The runner's name; None where there is no lease, or it may be over before anything could be done."""
        return self._name if self._clock.seconds() < self._good_until else None

    def holds(self, name: str) -> bool:
        """May something still be begun that was claimed under this name?"""
        until = self._good_until if name == self._name else self._old.get(name, 0.0)
        return self._clock.seconds() < until

    def doubt(self) -> None:
        """Something may be ours that nobody here knows of: give it back soon."""
        self._doubtful = True

    async def renew(self, works: Callable[[str], bool] = lambda name: False) -> None:
        """Have it from now on; ask for another one where it was lost, or where there is doubt.

        Args:
            works: is anything under way for a runner of this name?

        Raises:
            MailframeError: temporary: the spool cannot be asked.
        """
        began = self._clock.seconds()
        if self._doubtful and self._name is not None:
            name = await self._spool.enlist(self._seconds)
            if self._name is not None:
                self._old[self._name] = self._good_until
            self._name, self._doubtful = name, False
        else:
            await self._renew_name()
        if 0.0 < self._good_until <= began:
            self._late = self._clock.seconds()
        # A little sooner than the spool sees it: clocks differ, and what is begun must be written down.
        self._good_until = began + self._seconds * 0.8
        for name in list(self._old):
            await self._see_off(name, works)

    async def _renew_name(self) -> None:
        name = self._name
        if name is not None and not await self._spool.renew(name, self._seconds):
            LEASES_LOST.inc()
            log.warn("the lease of {runner} was lost: others have its work", runner=name)
            self._name = name = None
        if name is None:
            self._name = await self._spool.enlist(self._seconds)

    async def _see_off(self, name: str, works: Callable[[str], bool]) -> None:
        """Keep an old name for the work that is still done under it; then give back what is left."""
        began = self._clock.seconds()
        if not works(name):
            # First of all nothing more is begun under it.
            self._old[name] = 0.0
            await self._spool.discharge(name)
            del self._old[name]
        elif await self._spool.renew(name, self._seconds):
            self._old[name] = began + self._seconds * 0.8
        else:
            LEASES_LOST.inc()
            del self._old[name]

    async def discharge(self) -> None:
        """End it: what is not concluded is due for others, at once."""
        names = [*self._old, *([] if self._name is None else [self._name])]
        self._old, self._name, self._good_until = {}, None, 0.0
        for name in names:
            await self._discharge(name)

    async def _discharge(self, name: str) -> None:
        try:
            await self._spool.discharge(name)
        except MailframeError as error:
            log.warn(
                "others have to wait until the lease of {runner} ends: {reason}",
                runner=name,
                reason=error.reason,
            )
