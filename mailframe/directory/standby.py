"""A directory that others stand on, and that need not be there when the node starts."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mailframe.message.status import MailframeError

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0

log = Logger()


class Standby:
    """Starts a directory, again and again until it succeeds; the node starts without it.

    Args:
        directory: with `start` and `stop`.
        clock: the reactor.
    """

    def __init__(self, directory: Any, clock: IReactorTime) -> None:
        self._directory = directory
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._again: IDelayedCall | None = None
        self._stopped = True

    async def start(self) -> None:
        """Start it, or begin to try.

        Raises:
            Exception: what is wrong with it is not that it is away for now.
        """
        self._stopped = False
        await self._try()

    async def stop(self) -> None:
        """Stop it; safe to call twice."""
        self._stopped = True
        if self._again is not None:
            self._again.cancel()
            self._again = None
        await self._directory.stop()

    async def _try(self) -> None:
        try:
            await self._directory.start()
        except MailframeError as error:
            if error.status.permanent:
                raise
            log.warn("a directory is away; it is tried again: {reason}", reason=error.reason)
            if not self._stopped:
                self._again = self._clock.callLater(self._pause, self._once_more)
                self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _once_more(self) -> None:
        self._again = None
        tried = Deferred.fromCoroutine(self._try())
        tried.addErrback(lambda failure: log.failure("a directory cannot be started", failure))
