"""The queue of a worker: takes mail, keeps it, and sees that it arrives or is given back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.message.envelope import Envelope
from mailframe.message.mail import MailObject
from mailframe.message.status import OK, UNAVAILABLE, UNKNOWN_FAULT, MailframeError, Status
from mailframe.routing.expansion import Expansion
from mailframe.routing.interfaces import IMailRouter, Route

from .admission import Admission
from .attempting import Attempting, place_of
from .chores import Chores
from .claims import Claims
from .concluding import Concluding
from .entries import Entries
from .interfaces import IHolding, ISpool
from .lease import Lease
from .metrics import AT_ONCE, HELD, LATER, show
from .notices import Notices
from .outcomes import Outcomes
from .places import Places
from .review import Review
from .rules import Rules
from .runner import Runner
from .schedule import Schedule
from .settings import QueueOptions
from .values import NewMessage, Place, State, Usage
from .windows import Window, Windows
from .work import Work, stays

LOOK: Final = 5.0
"""Seconds between looks at how full the queue is, and at what is closed."""
TICK: Final = 1.0
LAST_WORDS: Final = 10.0
"""Seconds that attempts under way have at the end. What is cut off then may come twice, and is not lost."""

log = Logger()


@implementer(IHolding)
class Queue:
    """Mail on its way out, as one worker sees it.

    Args:
        spool: keeps the mail; the queue starts and stops it.
        router: finds the way of each recipient, at each attempt anew.
        deliveries: ways out by the names that routes have; who built them starts and stops them.
        clock: the reactor; its ``seconds`` are the time of day.
        settings: ``[queue]``.
        hostname: our name.
        notices: tells senders what became of their mail.
        tallies: count for limits over all workers; None: this worker alone.
        free_disk: octets that are free on the disk of the spool; None: that does not matter.
        counting: does this worker publish how full the queue is? One of a node is enough.
        expansion: knows aliases that lead out of the house, where a sender who is to be told may be one.

    Attributes:
        admission: is there room? A policy for MAIL, too.
    """

    def __init__(
        self,
        spool: ISpool,
        router: IMailRouter,
        deliveries: Mapping[str, IDelivery],
        clock: IReactorTime,
        settings: QueueOptions,
        hostname: str,
        notices: Notices,
        *,
        tallies: ITallies | None = None,
        free_disk: Callable[[], Awaitable[int]] | None = None,
        counting: bool = True,
        expansion: Expansion | None = None,
    ) -> None:
        if tallies is None:
            tallies = MemoryTallies(clock)
        rules = Rules(settings)
        self.spool = spool
        self.settings = settings
        self._clock = clock
        self._counting = counting
        self._schedule = Schedule(settings, rules)
        self._lease = Lease(spool, clock, settings.lease)
        attempting = Attempting(router, deliveries, settings)
        outcomes = Outcomes(settings, self._schedule)
        self._entries = Entries(self._schedule, attempting, expansion)
        self._concluding = Concluding(spool, notices, self._entries, self._schedule, clock, self.wake)
        windows = Windows(settings, rules, tallies)
        self._places = Places(spool, windows, settings, clock)
        self._runner = Runner(
            spool,
            self._lease,
            attempting,
            outcomes,
            self._concluding,
            windows,
            self._places,
            settings,
            clock,
            self.wake,
        )
        self._claims = Claims(spool, self._lease, self._runner, windows, settings, clock)
        self._review = Review(spool, self._lease, outcomes, self._concluding, clock)
        self.admission = Admission(spool, settings.room, clock, self._entries.account, free_disk)
        self._chores = Chores(clock)
        self._claiming: Deferred[None] | None = None
        self._open = False
        self._stopping = False
        self._draining = False

    async def start(self) -> None:
        """Become a runner and begin; safe to call twice.

        A spool that cannot be reached is tried again until it can be; meanwhile mail is refused for now.

        Raises:
            UnusableDatabase: the spool is not ours, or newer than we are.
        """
        if self._claiming is not None or self._stopping:
            return
        try:
            await self._enlist()
        except MailframeError as error:
            log.error("the queue waits for its spool: {reason}", reason=error.reason)
        settings, begin = self.settings, self._chores.begin
        begin("keep the lease", settings.lease / 3, self._enlist)
        begin("take over what others left", settings.lease / 2, self._take_over)
        begin("look how full the queue is", LOOK, self._look)
        begin("learn what is closed", max(LOOK, settings.poll), self._if_open(self._places.refresh))
        begin("review what has waited long", settings.poll, self._if_open(self._review.round))
        begin("look after work", TICK, self._tick)
        self._claiming = Deferred.fromCoroutine(self._claims.run())

    def drain(self) -> None:
        """Finish what is in hand and claim no more: others go on, by their configuration; safe to call twice.

        What is accepted from now on waits in the spool for them.
        """
        if self._draining:
            return
        self._draining = True
        for part in (self._claims, self._review):
            part.stop()
        if self._counting:
            # Figures of several workers are added up.
            self._counting = False
            show(Usage(), 0, self._clock.seconds())

    async def stop(self) -> None:
        """Begin nothing more, wait a while for what is under way, and let go of the spool; safe to call twice."""
        if self._stopping:
            return
        self._stopping = True
        for part in (self._claims, self._review, self._runner):
            part.stop()
        running = self._runner.running()
        alarm = self._clock.callLater(LAST_WORDS, self._cut_off, running)
        if self._claiming is not None:
            await self._claiming
        await self._chores.end()
        for task in running:
            await task
        if alarm.active():
            alarm.cancel()
        await self._lease.discharge()
        await self.spool.stop()

    def wake(self) -> None:
        """Something is due in the spool, or there is room for it."""
        self._claims.wake()

    async def health(self) -> str | None:
        """A check (`mailframe.monitor.health.Check`): None, or what is wrong."""
        if not self._open or self._lease.runner is None:
            return "the spool of the queue cannot be reached"
        return self.admission.full()

    async def accept(
        self, mail: MailObject, routes: Sequence[Route] = (), atomic: bool = True
    ) -> Sequence[Status]:
        """Take a message: `QueueDelivery.deliver`."""
        try:
            return await self._accept(mail, routes, atomic)
        except MailframeError as error:
            log.warn("{queue_id}: {reason}", queue_id=mail.queue_id, reason=error.reason)
            status = error.status if error.status.temporary else UNKNOWN_FAULT
        except Exception:
            log.failure("{queue_id}: cannot be taken into the queue", queue_id=mail.queue_id)
            status = UNKNOWN_FAULT
        return [status] * len(mail.envelope.recipients)

    async def hold(self, mail: MailObject, reason: str) -> None:
        """Keep a message durably until somebody releases it (see `IHolding.hold`)."""
        now = self._clock.seconds()
        account = await self._admit(mail)
        ways = await self._entries.routes(mail)
        message = self._entries.message(mail, account, now, reason)
        recipients = [
            self._entries.recipient(one, message, number, place_of(way, one), now, State.HELD)
            for number, (one, way) in enumerate(zip(mail.envelope.recipients, ways, strict=True))
        ]
        await self.spool.add(NewMessage(message, mail, recipients))
        self.admission.added(account, message.size)
        HELD.inc()

    async def _accept(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        count = len(mail.envelope.recipients)
        account = await self._admit(mail)
        ways = await self._entries.routes(mail, routes)
        refused = {
            number: way for number, way in enumerate(ways) if isinstance(way, Status) and way.permanent
        }
        if refused and (len(refused) == count or not atomic):
            if len(refused) < count:
                await self._take(*_without(mail, ways, refused), account)
            return [refused.get(number, OK) for number in range(count)]
        await self._take(mail, ways, account)
        return [OK] * count

    async def _admit(self, mail: MailObject) -> str:
        """Whose share the message takes.

        Raises:
            MailframeError: temporary: there is no room, or nobody to keep it.
        """
        if not self._open:
            raise MailframeError(UNAVAILABLE, "the spool cannot be reached")
        account = self._entries.account(mail.origin)
        refusal = await self.admission.refusal(account, bool(mail.origin.login), mail.content.size)
        if refusal is not None:
            raise MailframeError(refusal, f"no room for {mail.content.size} octets")
        return account

    async def _take(self, mail: MailObject, ways: Sequence[Route | Status], account: str) -> None:
        """Keep a message, and attempt at once what there is room for."""
        now, envelope = self._clock.seconds(), mail.envelope
        message = self._entries.message(mail, account, now)
        due = self._schedule.release(envelope, now)
        places = [place_of(way, one) for way, one in zip(ways, envelope.recipients, strict=True)]
        content = mail.content if stays(mail.content) else None
        size = message.size if content is not None else 0
        runner = self._lease.runner
        windows = {}
        if runner is not None and due <= now and not self._draining:
            windows = self._reserve(places, ways, size, now)
        recipients = [
            self._entries.recipient(
                one, message, number, place, due, State.LEASED if place in windows else State.DUE
            )
            for number, (one, place) in enumerate(zip(envelope.recipients, places, strict=True))
        ]
        try:
            await self.spool.add(NewMessage(message, mail, recipients), runner if windows else None)
        except BaseException:
            for window in windows.values():
                self._runner.unreserve(window, size)
            self._lease.doubt()
            raise
        self.admission.added(account, message.size)
        (AT_ONCE if windows else LATER).inc()
        if len(windows) < len(set(places)):
            self._waits(places, windows, now)
        assert runner is not None or not windows
        for place, window in windows.items():
            some = [one for one in recipients if one.place == place]
            routes = [way for way, at in zip(ways, places, strict=True) if at == place]
            self._runner.begin(
                Work(runner or "", window, message, some, content, cast("list[Route]", routes))
            )

    def _reserve(
        self, places: Sequence[Place], ways: Sequence[Route | Status], size: int, now: float
    ) -> dict[Place, Window]:
        windows: dict[Place, Window] = {}
        for place, way in zip(places, ways, strict=True):
            if place not in windows and not isinstance(way, Status):
                window = self._runner.reserve(place, size, now)
                if window is not None:
                    windows[place] = window
        return windows

    def _waits(self, places: Sequence[Place], windows: Mapping[Place, Window], now: float) -> None:
        """Some of it waits in the spool: it is claimed as soon as there is room."""
        self._claims.know({place.queue for place in places})
        # All of them hear of it, not only the first that has room.
        claimable = [
            place for place in set(places) if place not in windows and self._runner.waits(place, now)
        ]
        if claimable:
            self.wake()

    # What is done now and then.

    async def _enlist(self) -> None:
        if not self._open:
            await self.spool.start()
            self._open = True
        await self._lease.renew(self._works_for)

    def _works_for(self, runner: str) -> bool:
        return self._runner.works_for(runner) or self._review.works_for(runner)

    async def _take_over(self) -> None:
        if self._lease.steady and (count := await self.spool.take_over()):
            log.warn("took over {count} recipients of runners that are gone", count=count)
            self.wake()

    async def _look(self) -> None:
        if not self._open:
            return
        usage = await self.spool.usage()
        await self.admission.refresh(usage)
        self._claims.know({queue for queue, _ in usage.recipients})
        if self._counting:
            show(usage, self._places.closed, self._clock.seconds())

    async def _tick(self) -> None:
        self._runner.tick()

    def _if_open(self, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def when_open() -> None:
            if self._open:
                await work()

        return when_open

    def _cut_off(self, running: Sequence[Deferred[None]]) -> None:
        self._concluding.stop()
        for task in running:
            task.cancel()


def _without(
    mail: MailObject, ways: Sequence[Route | Status], refused: Mapping[int, Status]
) -> tuple[MailObject, Sequence[Route | Status]]:
    """A message for those recipients only that are not refused."""
    envelope = mail.envelope
    left = [number for number in range(len(ways)) if number not in refused]
    some = Envelope(
        envelope.reverse_path, [envelope.recipients[number] for number in left], envelope.parameters
    )
    return replace(mail, envelope=some), [ways[number] for number in left]


@implementer(IDelivery)
class QueueDelivery:
    """The way into the queue: success means that the message is kept durably.

    Args:
        queue: which.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """Take a message.

        Args:
            mail: the message.
            routes: one for each recipient; one that names a ``way`` is taken, for the others the queue asks its own
                router.
            atomic: all recipients or none. A recipient who cannot exist is refused where that leaves no other or
                each has a reply of its own; otherwise the sender is told by a notification.
        """
        return await self._queue.accept(mail, routes, atomic)
