"""Asks the spool for work: when there is room, when something may be due, and at times anyway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.message.status import MailframeError

from .interfaces import ISpool
from .lease import Lease
from .runner import Runner
from .settings import QueueOptions
from .values import ClaimRequest, Place
from .windows import Windows

AT_A_TIME: Final = 100
"""Claims that are asked for in one go: enough to make the question cheap, few enough not to hold up the rest."""
SHORTEST_PAUSE: Final = 0.05
QUEUES: Final = 100
"""Names of queues that are looked after."""

log = Logger()


class Claims:
    """The claims of one worker.

    Args:
        spool: hands them out.
        lease: the worker's.
        runner: works on them.
        windows: how much at a time.
        settings: ``[queue]``.
        clock: the time.
    """

    def __init__(
        self,
        spool: ISpool,
        lease: Lease,
        runner: Runner,
        windows: Windows,
        settings: QueueOptions,
        clock: IReactorTime,
    ) -> None:
        self._spool = spool
        self._lease = lease
        self._runner = runner
        self._windows = windows
        self._poll = settings.poll
        self._each = 2 * settings.first_deliveries
        self._queues = dict.fromkeys(settings.slots)
        self._clock = clock
        self._pausing: Deferred[None] | None = None
        self._woken = False
        self._stopping = False

    def wake(self) -> None:
        """There may be something to claim."""
        self._woken = True
        if self._pausing is not None:
            pausing, self._pausing = self._pausing, None
            pausing.callback(None)

    def stop(self) -> None:
        """Claim no more."""
        self._stopping = True
        self.wake()

    def know(self, queues: Iterable[str]) -> None:
        """Look after these queues, too."""
        for queue in queues:
            if len(self._queues) < QUEUES:
                self._queues.setdefault(queue)

    async def run(self) -> None:
        """Ask again and again, until `stop`."""
        while not self._stopping:
            self._woken = False
            pause = await self._round()
            if not self._woken and not self._stopping:
                await self._pause(pause)

    async def _round(self) -> float:
        """Claim what there is room for; seconds until it makes sense again."""
        try:
            if self._lease.runner is None:
                return self._poll
            for queue in list(self._queues):
                while await self._claim(queue):
                    pass
            due = await self._spool.next_due()
        except MailframeError as error:
            log.warn("cannot claim: {reason}", reason=error.reason)
            self._lease.doubt()
            return self._poll
        except Exception:
            # Whatever it was, it must not be the end of all mail.
            log.failure("cannot claim")
            self._lease.doubt()
            return self._poll
        now = self._clock.seconds()
        if due is None or due <= now:
            # What is due now and was not claimed has no room, and whoever makes room wakes us.
            return self._poll
        return min(self._poll, max(SHORTEST_PAUSE, due - now))

    async def _claim(self, queue: str) -> bool:
        """Claim once; True where there may be more, and room for it."""
        runner, free = self._lease.runner, self._runner.free(queue)
        if runner is None or self._stopping:
            return False
        if free <= 0:
            self._runner.full.add(queue)
            return False
        now, wanted = self._clock.seconds(), min(free, AT_A_TIME)
        rooms = self._windows.rooms(queue, self._each, now)
        claims = await self._spool.claim(runner, ClaimRequest(queue, wanted, self._each, rooms))
        counts = Counter(claim.place for claim in claims)
        asked, now = now, self._clock.seconds()
        for claim in claims:
            self._runner.claimed(runner, claim, asked, now)
        for place, count in counts.items():
            self._windows.of(place, now).more = count >= rooms.get(place.destination, self._each)
        for destination, room in rooms.items():
            if not room:
                self._windows.of(Place(destination, queue), now).more = True
        if len(claims) < wanted:
            self._runner.full.discard(queue)
            return False
        self._runner.full.add(queue)
        return self._runner.free(queue) > 0

    async def _pause(self, seconds: float) -> None:
        pausing: Deferred[None] = Deferred()
        self._pausing = pausing
        alarm = self._clock.callLater(seconds, self.wake)
        try:
            await pausing
        finally:
            if alarm.active():
                alarm.cancel()
