"""Sends released mail on its way, as if it had just been accepted: a chore for one worker of a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.delivery.interfaces import IDelivery
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, Status
from mailframe.routing.interfaces import IRouter, Route

from .claim import Claim, State
from .holding import Holding
from .metrics import ATTEMPTS, WAITING
from .record import Progress, outcome

EVERY: Final = 2.0
"""Seconds between looks at the directory."""
FIRST_PAUSE: Final = 60.0
"""Seconds until a message that could not be delivered is tried again; doubled each time."""
LONGEST_PAUSE: Final = 3600.0
GIVE_UP: Final = 5 * 86_400.0
"""Seconds after its release at which a message has failed: RFC 5321 section 4.5.4.1 asks for four days at least."""
AGAIN: Final = 30.0
"""Seconds until it is tried again to write down how a delivery went, when the disk did not take it."""
AT_ONCE: Final = 4
"""Messages that are delivered at the same time: one slow host must not keep all others waiting."""
LAST_WORDS: Final = 5.0
"""Seconds that deliveries under way have at the end. What is cut off then may come twice, and is not lost."""

log = Logger()


class Releases:
    """Delivers released messages, one attempt after another.

    Args:
        holding: where they are.
        router: finds the way of each recipient, at each attempt anew.
        delivery: takes the messages.
        clock: the reactor; its ``seconds`` are the time of day.
    """

    def __init__(self, holding: Holding, router: IRouter, delivery: IDelivery, clock: IReactorTime) -> None:
        self._holding = holding
        self._router = router
        self._delivery = delivery
        self._clock = clock
        self._running: list[Deferred[None]] = []
        self._pauses: set[Deferred[None]] = set()
        self._stopping = False
        self._aside: dict[str, float] = {}

    async def start(self) -> None:
        """Begin, unless it has begun."""
        if not self._running and not self._stopping:
            self._running = [Deferred.fromCoroutine(self._run(number)) for number in range(AT_ONCE)]

    async def stop(self) -> None:
        """Begin nothing more, and wait a while for what is under way; safe to call twice."""
        self._stopping = True
        for pause in list(self._pauses):
            pause.callback(None)
        running, self._running = self._running, []
        alarm = self._clock.callLater(LAST_WORDS, _cancel, running)
        for one in running:
            await one
        if alarm.active():
            alarm.cancel()

    async def _run(self, number: int) -> None:
        try:
            await self._pause(EVERY)
            while not self._stopping:
                if not await self._step(number):
                    await self._pause(EVERY)
        except CancelledError:
            log.warn("a delivery of released mail was cut off; it is tried again")

    async def _step(self, number: int) -> bool:
        """Deliver a message that is due; False when none is."""
        try:
            if number == 0:
                await self._count()
            now = self._clock.seconds()
            self._aside = {name: until for name, until in self._aside.items() if until > now}
            aside = frozenset(self._aside)
            claim = await self._holding.run(lambda: self._holding.held.claim_due(aside))
        except MailframeError as error:
            log.warn("cannot look after held mail: {reason}", reason=error.reason)
            return False
        except CancelledError:
            raise
        except Exception:
            # Whatever it was, it must not be the end of all released mail.
            log.failure("cannot look after held mail")
            return False
        if claim is None:
            return False
        try:
            await self._attempt(claim)
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: cannot be sent on its way", queue_id=claim.record.queue_id)
            # The others must not wait behind it for ever.
            self._aside[claim.record.queue_id] = self._clock.seconds() + FIRST_PAUSE
        finally:
            claim.close()
        return True

    async def _count(self) -> None:
        for state, (messages, _) in (await self._holding.run(self._holding.held.counts)).items():
            WAITING[state.value].set(messages)

    async def _attempt(self, claim: Claim) -> None:
        progress, record = claim.progress, claim.record
        recipients = {number: record.envelope.recipients[number] for number in progress.pending}
        statuses: Mapping[int, Status] = {}
        if recipients:
            mail = await self._holding.run(claim.mail)
            try:
                statuses = await self._deliver(mail, recipients)
            finally:
                mail.content.body.discard()
        now = self._clock.seconds()
        done = [number for number, status in statuses.items() if status.success]
        failed = {number: str(status) for number, status in statuses.items() if status.permanent}
        later = [str(status) for status in statuses.values() if status.temporary]
        progress = outcome(progress, now, done, failed)
        if later and now - progress.released > GIVE_UP:
            progress = outcome(progress, now, (), dict.fromkeys(progress.pending, later[0]))
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(progress.attempts - 1, 10))
        progress = replace(progress, due=now + pause, last=later[0] if later else "")
        self._tell(claim, statuses, progress)
        await self._write_down(claim, progress)

    async def _write_down(self, claim: Claim, progress: Progress) -> None:
        """Until the disk takes it, the message stays ours: whoever has got it must not get it again."""
        while True:
            try:
                await self._holding.run(lambda: _conclude(claim, progress))
                return
            except MailframeError as error:
                queue_id = claim.record.queue_id
                log.error(
                    "{queue_id}: cannot be written down: {reason}", queue_id=queue_id, reason=error.reason
                )
            if self._stopping:
                return
            await self._pause(AGAIN)

    async def _deliver(self, mail: MailObject, recipients: Mapping[int, Recipient]) -> Mapping[int, Status]:
        """A status for each recipient, by number."""
        statuses: dict[int, Status] = {}
        routes: dict[int, Route] = {}
        for number, recipient in recipients.items():
            way = await self._route(recipient)
            if isinstance(way, Status):
                statuses[number] = way
            else:
                routes[number] = way
        if routes:
            envelope = mail.envelope
            some = Envelope(
                envelope.reverse_path, [recipients[number] for number in routes], dict(envelope.parameters)
            )
            outcomes = await self._hand_over(replace(mail, envelope=some), list(routes.values()))
            statuses.update(zip(routes, outcomes, strict=True))
        return statuses

    async def _route(self, recipient: Recipient) -> Route | Status:
        try:
            return await self._router.route(recipient.forward_path)
        except MailframeError as error:
            return error.status
        except Exception:
            log.failure("cannot route {forward_path}", forward_path=f"<{recipient.forward_path}>")
            return UNKNOWN_FAULT

    async def _hand_over(self, mail: MailObject, routes: Sequence[Route]) -> Sequence[Status]:
        try:
            statuses = await self._delivery.deliver(mail, routes, atomic=False)
            if len(statuses) != len(routes):
                raise ValueError(f"{len(statuses)} statuses for {len(routes)} recipients")
            return statuses
        except MailframeError as error:
            return [error.status] * len(routes)
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: cannot deliver", queue_id=mail.queue_id)
            return [UNKNOWN_FAULT] * len(routes)

    def _tell(self, claim: Claim, statuses: Mapping[int, Status], progress: Progress) -> None:
        record, found = claim.record, list(statuses.values())
        if len(progress.failed) > len(claim.progress.failed):
            word = "failed"
        else:
            word = "deferred" if progress.pending else "delivered"
        ATTEMPTS[word].inc()
        # Nobody tells the sender: somebody has to look (``mailframe held list``).
        tell = log.warn if word == "failed" else log.info
        tell(
            "{queue_id}: released, {outcome}",
            queue_id=record.queue_id,
            outcome=word,
            session_id=record.origin.session_id,
            login=record.origin.login,
            forward_path=[f"<{record.envelope.recipients[number].forward_path}>" for number in statuses],
            statuses=[str(status) for status in found],
            size=record.size,
        )

    async def _pause(self, seconds: float) -> None:
        pause: Deferred[None] = Deferred()
        self._pauses.add(pause)
        alarm = self._clock.callLater(seconds, pause.callback, None)
        try:
            await pause
        finally:
            self._pauses.discard(pause)
            if alarm.active():
                alarm.cancel()


def _cancel(running: Sequence[Deferred[None]]) -> None:
    for one in running:
        one.cancel()


def _conclude(claim: Claim, progress: Progress) -> None:
    """Write down how it went, and put the message where it belongs now; blocks."""
    if not progress.pending and not progress.failed:
        claim.remove()
        return
    claim.note(progress)
    claim.move(State.RELEASED if progress.pending else State.FAILED)
