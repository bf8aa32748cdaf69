"""What was learned about places: which are closed, since nobody answers there, and when they are tried again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.delivery.values import Attempt, Scope
from mailframe.message.status import MailframeError, Status

from .interfaces import ISpool
from .metrics import CLOSINGS
from .outcomes import LIMIT_PAUSE
from .settings import QueueOptions
from .values import Closed
from .windows import Window, Windows

DOUBLINGS: Final = 20

log = Logger()


class Places:
    """Learns from attempts, and tells the other workers by the spool.

    Args:
        spool: remembers what is closed.
        windows: of this worker.
        settings: ``[queue]``.
        clock: the time.
        chance: for jitter.
    """

    def __init__(
        self,
        spool: ISpool,
        windows: Windows,
        settings: QueueOptions,
        clock: IReactorTime,
        chance: random.Random | None = None,
    ) -> None:
        self._spool = spool
        self._windows = windows
        self._settings = settings
        self._clock = clock
        self._chance = chance or random.Random()
        self.closed = 0
        """How many are closed now, as of the last look."""

    async def learn(self, window: Window, attempts: Sequence[Attempt], claimed: bool) -> bool:
        """Learn from one attempt.

        Args:
            window: of the place.
            attempts: what it came to.
            claimed: had the spool handed it out, so that it may wait for our word about a closed place?

        Returns:
            Is nothing to be tried there for now?
        """
        now = self._clock.seconds()
        worst = Scope.LIMIT
        for attempt in attempts:
            if attempt.status.success or attempt.status.permanent:
                window.success(now)
                worst = Scope.RECIPIENT
                break
            if attempt.scope is not Scope.LIMIT and worst is not Scope.RECIPIENT:
                worst = attempt.scope
        if worst is Scope.DESTINATION:
            if window.failure(now) and window.closed <= now:
                await self._close(window, attempts[0].status, now)
            return window.shut(now)
        if worst is Scope.LIMIT:
            pauses = [LIMIT_PAUSE if one.retry_after is None else one.retry_after for one in attempts]
            window.blocked = now + max(0.0, min(pauses, default=LIMIT_PAUSE))
        if window.closed or (claimed and window.unproven):
            await self.open(window)
        return window.shut(now)

    async def open(self, window: Window) -> None:
        """Say that a place is open, as far as we know: whoever thinks otherwise will find out."""
        window.closed, window.closings, window.unproven = 0.0, 0, False
        try:
            await self._spool.open(window.place)
        except MailframeError as error:
            window.unproven = True
            log.warn(
                "{destination} cannot be opened: {reason}",
                destination=window.place.destination,
                reason=error.reason,
            )

    async def refresh(self) -> None:
        """Learn what other workers closed and opened.

        Raises:
            MailframeError: temporary: the spool cannot be asked.
        """
        closed = {one.place: one for one in await self._spool.closed()}
        now = self._clock.seconds()
        self.closed = len(closed)
        for place, one in closed.items():
            window = self._windows.of(place, now)
            window.closed, window.closings, window.unproven = one.until, one.failures, True
            window.size = 1.0
        for window in self._windows:
            if window.closed and window.place not in closed:
                # Its time is over, or somebody else got through. The next failure closes it again, for longer.
                window.closed = 0.0

    async def _close(self, window: Window, status: Status, now: float) -> None:
        CLOSINGS.inc()
        settings = self._settings
        pause = min(
            settings.closed_longest, settings.closed_first * 2 ** min(window.closings, DOUBLINGS)
        ) * self._chance.uniform(1 - settings.jitter / 100, 1 + settings.jitter / 100)
        window.closings += 1
        window.closed, window.since, window.size = now + pause, now, 1.0
        log.warn(
            "{destination} is closed for {delay} s: {reply}",
            destination=window.place.destination,
            delay=round(pause),
            reply=str(status),
        )
        try:
            await self._spool.close(Closed(window.place, window.closed, window.closings, status))
        except MailframeError as error:
            log.warn(
                "{destination} is closed for this worker only: {reason}",
                destination=window.place.destination,
                reason=error.reason,
            )
