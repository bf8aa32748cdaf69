"""Has claims in hand, attempts them as their windows allow, and sees that each is concluded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.delivery.values import Attempt, Scope
from mailframe.message.content import Content
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, Status
from mailframe.routing.interfaces import Route

from .attempting import TOOK_TOO_LONG, Attempting, place_of
from .concluding import Concluding
from .interfaces import ISpool
from .lease import Lease
from .metrics import DELAY, IN_HAND, OUTCOMES
from .outcomes import Outcome, Outcomes
from .places import Places
from .settings import QueueOptions
from .values import Claim, Place, QueuedRecipient, State
from .windows import Window, Windows
from .work import Work

OTHER_SLOTS: Final = 50
"""Slots of a queue that the settings do not name."""

log = Logger()


class Runner:
    """The work of one worker.

    Args:
        spool: has the content of what is not in memory.
        lease: the worker's.
        attempting: routes and delivers.
        outcomes: decides what follows.
        concluding: writes it down.
        windows: how much at a time.
        places: learns from attempts.
        settings: ``[queue]``.
        clock: the time.
        hungry: called when there is room again for what waits in the spool.
    """

    def __init__(
        self,
        spool: ISpool,
        lease: Lease,
        attempting: Attempting,
        outcomes: Outcomes,
        concluding: Concluding,
        windows: Windows,
        places: Places,
        settings: QueueOptions,
        clock: IReactorTime,
        hungry: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._lease = lease
        self._attempting = attempting
        self._outcomes = outcomes
        self._concluding = concluding
        self._windows = windows
        self._places = places
        self._settings = settings
        self._clock = clock
        self._hungry = hungry
        self._in_hand: dict[str, int] = {}
        self._octets = 0
        self._running: set[Work] = set()
        self._stopping = False
        self.full: set[str] = set()
        """Queues of which the spool has more than there were slots for."""

    # Room.

    def slots(self, queue: str) -> int:
        """Messages that may be in hand at a time, of a queue."""
        return self._settings.slots.get(queue, OTHER_SLOTS)

    def free(self, queue: str) -> int:
        """How many more."""
        if self._octets > self._settings.memory:
            return 0
        return self.slots(queue) - self._in_hand.get(queue, 0)

    def reserve(self, place: Place, size: int, now: float) -> Window | None:
        """Have room for a message that comes in now, to attempt it at once; None where there is none.

        Whoever got a window calls `begin` or `unreserve`.
        """
        if self._stopping or self._octets + size > self._settings.memory:
            return None
        in_hand = self._in_hand.get(place.queue, 0)
        if in_hand >= self._settings.slots.get(place.queue, OTHER_SLOTS):
            return None
        window = self._windows.of(place, now)
        if not window.takes_fresh(now):
            return None
        self._in_hand[place.queue] = in_hand + 1
        self._octets += size
        return window

    def unreserve(self, window: Window, size: int) -> None:
        """It was not kept after all."""
        self._in_hand[window.place.queue] -= 1
        self._octets -= size

    def waits(self, place: Place, now: float) -> bool:
        """A message for a place waits in the spool; could it be claimed at once?"""
        if self.free(place.queue) <= 0:
            self.full.add(place.queue)
            return False
        window = self._windows.of(place, now)
        window.more = True
        return window.room(now) > 0 and not window.closed

    def claimed(self, runner: str, claim: Claim, asked: float, now: float) -> None:
        """Begin work that the spool has handed out, when it was asked some time ago."""
        window = self._windows.of(claim.place, now)
        if window.closed and window.since < asked:
            # The spool knows better what is closed: somebody opened it, or one may try.
            window.closed, window.unproven = 0.0, True
        work = Work(runner, window, claim.message, claim.recipients, claim.content)
        queue = claim.place.queue
        self._in_hand[queue] = self._in_hand.get(queue, 0) + 1
        self._octets += work.octets
        self.begin(work)

    # Work.

    def begin(self, work: Work) -> None:
        """Attempt it now, or when its window lets it; the room for it was taken before."""
        work.window.waiting.append(work)
        self._pump(work.window)

    def stop(self) -> None:
        """Begin nothing more; what waits for its turn is the spool's again when the lease ends."""
        self._stopping = True
        for window in self._windows:
            while window.waiting:
                window.waiting.popleft().let_go()

    def running(self) -> Sequence[Deferred[None]]:
        """What is under way."""
        return [work.task for work in self._running if work.task is not None]

    def works_for(self, runner: str) -> bool:
        """Is anything under way, or waiting for its turn, that was claimed under this name?"""
        waiting = (work for window in self._windows for work in window.waiting)
        return any(work.runner == runner for work in (*self._running, *waiting))

    def tick(self) -> None:
        """Now and then: try again what others' work kept waiting, and end what takes too long."""
        now = self._clock.seconds()
        for window in self._windows:
            if window.waiting:
                self._pump(window)
        for work in list(self._running):
            if work.began and now - work.began > self._settings.attempt_timeout and work.task is not None:
                log.error("{queue_id}: the attempt takes too long", queue_id=work.message.queue_id)
                work.task.cancel()
        self._windows.forget(now)
        IN_HAND.set(sum(self._in_hand.values()))

    def _pump(self, window: Window) -> None:
        """Begin what a window has room for; never within itself, however fast deliveries are."""
        if window.pumping:
            return
        window.pumping = True
        try:
            while window.waiting and not self._stopping:
                now = self._clock.seconds()
                if self._lease.runner is None:
                    # Nobody knows whose it is; as soon as that is known again, we go on.
                    break
                if not self._lease.holds(window.waiting[0].runner):
                    self._run(window.waiting.popleft(), self._drop)
                elif window.blocked > now or window.closed > now:
                    self._run(window.waiting.popleft(), self._give_back)
                elif self._windows.enter(window):
                    self._run(window.waiting.popleft(), self._attempt)
                else:
                    break
        finally:
            window.pumping = False

    def _run(self, work: Work, how: Callable[[Work], Awaitable[None]]) -> None:
        self._running.add(work)
        task: Deferred[None] = Deferred.fromCoroutine(self._whole(work, how))
        if not task.called:
            work.task = task

    async def _whole(self, work: Work, how: Callable[[Work], Awaitable[None]]) -> None:
        try:
            await how(work)
        except CancelledError:
            log.warn("{queue_id}: was cut off; it is tried again", queue_id=work.message.queue_id)
            self._lease.doubt()
        except Exception:
            # Whatever it was, it stays leased until that lease is given back, and is nobody's loss.
            log.failure("{queue_id}: cannot be concluded", queue_id=work.message.queue_id)
            self._lease.doubt()
        finally:
            self._finish(work)

    def _finish(self, work: Work) -> None:
        work.let_go()
        self._running.discard(work)
        window, queue = work.window, work.window.place.queue
        self._in_hand[queue] -= 1
        self._octets -= work.octets
        if window.wants or (queue in self.full and self._in_hand[queue] * 2 <= self.slots(queue)):
            if window.more and not window.waiting:
                window.ran_dry()
            window.more = False
            self._hungry()

    async def _drop(self, work: Work) -> None:
        """The lease it was claimed under is lost: others have it by now."""
        log.warn("{queue_id}: was claimed under a lease that is lost", queue_id=work.message.queue_id)

    async def _give_back(self, work: Work) -> None:
        """Nothing is tried there now: it waits in the spool, where time limits are looked after."""
        now = self._clock.seconds()
        due = max(now, work.window.blocked)
        outcomes = [self._outcomes.untouched(work.message, one, due, now) for one in work.recipients]
        await self._concluding.conclude(work.runner, work.message, outcomes, work.content)

    async def _attempt(self, work: Work) -> None:
        window = work.window
        work.began = self._clock.seconds()
        try:
            outcomes = await self._outcomes_of(work)
        except CancelledError:
            if self._stopping:
                raise
            outcomes = self._same(work, Attempt(TOOK_TOO_LONG))
        except Exception:
            log.failure("{queue_id}: cannot be attempted", queue_id=work.message.queue_id)
            outcomes = self._same(work, Attempt(UNKNOWN_FAULT))
        finally:
            work.began = 0.0
            self._windows.leave(window)
            if window.waiting:
                self._pump(window)
        await self._concluding.conclude(work.runner, work.message, outcomes, work.content)

    def _same(self, work: Work, attempt: Attempt) -> list[Outcome]:
        now = self._clock.seconds()
        return [self._outcomes.attempted(work.message, one, attempt, None, now) for one in work.recipients]

    async def _outcomes_of(self, work: Work) -> Sequence[Outcome]:
        if work.routes is not None:
            return await self._deliver(work, work.recipients, work.routes)
        outcomes: list[Outcome] = []
        going: list[QueuedRecipient] = []
        routes: list[Route] = []
        for recipient in work.recipients:
            route = await self._attempting.route_again(work.message, recipient)
            now = self._clock.seconds()
            place = place_of(route, recipient.recipient, recipient.place)
            if isinstance(route, Status):
                attempt = Attempt(route)
                self._tell(work, [recipient], [attempt], now)
                outcomes.append(self._outcomes.attempted(work.message, recipient, attempt, None, now))
            elif place != recipient.place:
                outcomes.append(self._outcomes.moved(work.message, recipient, place, now))
            else:
                going.append(recipient)
                routes.append(route)
        if going:
            outcomes += await self._deliver(work, going, routes)
        elif work.window.closed or work.window.unproven:
            await self._places.open(work.window)
        if any(
            one.recipient.state is State.DUE and one.recipient.due <= self._clock.seconds()
            for one in outcomes
        ):
            self._hungry()
        return outcomes

    async def _deliver(
        self, work: Work, recipients: Sequence[QueuedRecipient], routes: Sequence[Route]
    ) -> Sequence[Outcome]:
        message, window = work.message, work.window
        content = work.content
        if content is None:
            content = await self._content(work)
        if content is None:
            attempts: Sequence[Attempt] = [Attempt(UNKNOWN_FAULT)] * len(recipients)
        else:
            attempts = await self._attempting.attempt(
                message,
                [one.recipient for one in recipients],
                routes,
                content,
                max(0.0, self._clock.seconds() - message.arrived),
            )
        now = self._clock.seconds()
        if window.closed or window.unproven or not attempts[0].status.success:
            await self._places.learn(window, attempts, not work.fresh)
        else:
            window.success(now)
        self._tell(work, recipients, attempts, now)
        return [
            self._outcomes.attempted(message, recipient, attempt, route, now)
            for recipient, attempt, route in zip(recipients, attempts, routes, strict=True)
        ]

    async def _content(self, work: Work) -> Content | None:
        try:
            content: Content = await self._spool.content(work.message.queue_id)
        except MailframeError as error:
            log.error("{queue_id}: {reason}", queue_id=work.message.queue_id, reason=error.reason)
            return None
        work.adopt(content)
        return content

    def _tell(
        self, work: Work, recipients: Sequence[QueuedRecipient], attempts: Sequence[Attempt], now: float
    ) -> None:
        """One line an attempt; more only where recipients came off differently."""
        message = work.message
        delay = now - message.arrived
        last: Attempt | None = None
        for recipient, attempt in zip(recipients, attempts, strict=True):
            OUTCOMES[_word(attempt)].inc()
            if attempt.status.success:
                DELAY.observe(delay)
            if attempt is last or (last is not None and attempt == last):
                continue
            last = attempt
            log.info(
                "{queue_id}: to {forward_path}{others}: {reply}",
                queue_id=message.queue_id,
                session_id=message.origin.session_id,
                reverse_path=f"<{message.envelope.reverse_path or ''}>",
                forward_path=f"<{recipient.recipient.forward_path}>",
                others=f" and others, {len(recipients)} in all" if len(recipients) > 1 else "",
                reply=attempt.reply or str(attempt.status),
                host=attempt.host,
                peer=attempt.address,
                delay=round(delay, 3),
                size=message.size,
                destination=work.window.place.destination,
                tls=attempt.tls,
            )


def _word(attempt: Attempt) -> str:
    status = attempt.status
    if status.success:
        return "delivered"
    if status.permanent:
        return "failed"
    if attempt.scope is Scope.LIMIT:
        return "limited"
    return "unreachable" if attempt.scope is Scope.DESTINATION else "deferred"
