"""Lets requests wait for changes: one look at the directory now and then, for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from .metrics import WAITING
from .problems import unavailable

EVERY = 0.5
"""Seconds between two looks."""
LONGEST_WAIT = 60
"""Seconds a request may wait."""

log = Logger()


class Watch:
    """Wakes requests.

    Args:
        newest: asks the directory for its version.
        clock: when it is looked at.
        limit: how many may wait.
    """

    def __init__(self, newest: Callable[[], Awaitable[int]], clock: IReactorTime, limit: int) -> None:
        self._newest = newest
        self._clock = clock
        self._limit = limit
        self._waiting: dict[Deferred[None], int] = {}
        self._next: IDelayedCall | None = None
        self._looking = False
        self._stopped = False

    async def other_than(self, version: int, seconds: float) -> None:
        """Wait until the directory has another version, or until it is enough.

        Args:
            version: that is known already.
            seconds: how long at most.

        Raises:
            Problem: too many wait already.
        """
        if self._stopped:
            return
        if len(self._waiting) >= self._limit:
            raise unavailable("too many requests wait for changes already")
        waiter: Deferred[None] = Deferred()
        self._waiting[waiter] = version
        WAITING.inc()
        end = self._clock.callLater(seconds, waiter.callback, None)
        self._look_after(EVERY)
        try:
            await waiter
        finally:
            WAITING.dec()
            del self._waiting[waiter]
            if end.active():
                end.cancel()

    def look(self) -> None:
        """Look now: somebody changed something here."""
        if self._waiting:
            self._look_after(0.0)

    def stop(self) -> None:
        """Nobody waits any more, now and later."""
        self._stopped = True
        self._cancel()
        self._wake(list(self._waiting))

    def _look_after(self, seconds: float) -> None:
        if self._next is not None and self._next.getTime() <= self._clock.seconds() + seconds:
            return
        self._cancel()
        self._next = self._clock.callLater(seconds, self._begin)

    def _cancel(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _begin(self) -> None:
        self._next = None
        if self._looking:
            # The answer that is on its way may be from before; the next look will know.
            self._look_after(EVERY)
            return
        self._looking = True
        Deferred.fromCoroutine(self._look()).addErrback(_unknown).addBoth(self._looked)

    async def _look(self) -> None:
        newest = await self._newest()
        self._wake([waiter for waiter, version in self._waiting.items() if version != newest])

    def _looked(self, _: object) -> None:
        self._looking = False
        if self._waiting and not self._stopped:
            self._look_after(EVERY)

    def _wake(self, waiters: list[Deferred[None]]) -> None:
        for waiter in waiters:
            if not waiter.called:
                waiter.callback(None)


def _unknown(failure: Failure) -> None:
    """The directory cannot be asked: whoever waits goes on waiting, and is told when it asks again."""
    log.debug("the directory's version is not known: {reason}", reason=failure.getErrorMessage())
