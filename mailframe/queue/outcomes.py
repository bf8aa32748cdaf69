"""What follows from an attempt, or from time that has passed: how a recipient stands, and what its sender is told.

Pure: no I/O and no clock, so that every rule can be tested by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from mailframe.delivery.values import Attempt, Scope
from mailframe.message.dsn import Action, RecipientReport
from mailframe.message.esmtp import Notify
from mailframe.message.status import Status
from mailframe.routing.interfaces import Route

from .schedule import Schedule
from .settings import QueueOptions
from .values import SLOW, Place, QueuedMessage, QueuedRecipient, State

EXPIRED: Final = Status((5, 4, 7), "It could not be delivered in time")
"""RFC 3463: delivery time expired."""
DELAYED: Final = Status((4, 4, 7), "It could not be delivered yet")
LIMIT_PAUSE: Final = 10.0
"""Seconds until the next look, where a limit of our own does not say when it ends."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one recipient stands now.

    Attributes:
        recipient: as it is to be written down.
        report: what its sender may be told; None for nothing.
    """

    recipient: QueuedRecipient
    report: RecipientReport | None = None


class Outcomes:
    """The rules.

    Args:
        settings: ``[queue]``.
        schedule: when what is done.
    """

    def __init__(self, settings: QueueOptions, schedule: Schedule) -> None:
        self._schedule = schedule
        self._slow_after = settings.slow_after
        self._slow_way = settings.slow_way

    def attempted(
        self,
        message: QueuedMessage,
        recipient: QueuedRecipient,
        attempt: Attempt,
        route: Route | None,
        now: float,
    ) -> Outcome:
        """What follows from an attempt.

        Args:
            message: the message.
            recipient: as it was claimed.
            attempt: what it came to.
            route: the way it went; None where none was found.
            now: when it ended.
        """
        status = attempt.status
        if status.success:
            return _delivered(message, recipient, attempt, now)
        if status.permanent:
            return _failed(recipient, status, attempt, now)
        if attempt.scope is Scope.LIMIT:
            pause = LIMIT_PAUSE if attempt.retry_after is None else max(0.0, attempt.retry_after)
            return self._waits(message, recipient, status, now + pause, now)
        if now >= self._schedule.end(message, recipient.recipient):
            return _failed(recipient, _expired(status), attempt, now)
        attempts = recipient.attempts + 1
        place, at_once = self._place(recipient.place, route, attempts)
        due = now if at_once else self._schedule.retry(message, recipient, attempts, now)
        if attempt.retry_after is not None and not at_once:
            # Whoever knows when to come again is believed, but neither for days nor for milliseconds.
            due = min(max(now + attempt.retry_after, now + 1), max(due, now + 1))
        recipient = replace(recipient, place=place, attempts=attempts, host=attempt.host, attempted=now)
        return self._waits(message, recipient, status, due, now)

    def moved(self, message: QueuedMessage, recipient: QueuedRecipient, place: Place, now: float) -> Outcome:
        """Routing has another way for it by now: it waits there, and nothing was attempted."""
        return self._waits(message, replace(recipient, place=place), recipient.status, now, now)

    def untouched(
        self, message: QueuedMessage, recipient: QueuedRecipient, due: float, now: float
    ) -> Outcome:
        """Nothing was attempted; it goes back to where it waited."""
        return self._waits(message, recipient, recipient.status, due, now)

    def reviewed(self, message: QueuedMessage, recipient: QueuedRecipient, now: float) -> Outcome:
        """What follows from time that has passed, or from an administrator's word.

        Args:
            message: the message.
            recipient: as it was claimed for review.
            now: the time.
        """
        status = recipient.status
        if status is not None and status.permanent:
            return _gone(recipient, status)
        if now >= self._schedule.end(message, recipient.recipient):
            return _gone(recipient, _expired(status))
        report = None
        if now >= self._schedule.delay_notice(message, recipient):
            report = RecipientReport(
                recipient.recipient,
                Action.DELAYED,
                status or DELAYED,
                recipient.host,
                attempted=recipient.attempted,
                retry_until=self._schedule.end(message, recipient.recipient),
            )
            recipient = replace(recipient, delay_told=True)
        return Outcome(self._back(message, recipient, status, recipient.due), report)

    def put_off(self, recipient: QueuedRecipient, now: float) -> QueuedRecipient:
        """A fault of ours kept us from a decision: it is looked at again, neither at once nor never."""
        soon = self._schedule.soon(now)
        return replace(recipient, state=State.DUE, due=max(recipient.due, soon), review=soon)

    def _waits(
        self,
        message: QueuedMessage,
        recipient: QueuedRecipient,
        status: Status | None,
        due: float,
        now: float,
    ) -> Outcome:
        return Outcome(self._back(message, recipient, status, max(due, now)))

    def _back(
        self, message: QueuedMessage, recipient: QueuedRecipient, status: Status | None, due: float
    ) -> QueuedRecipient:
        review = self._schedule.review(message, recipient)
        return replace(recipient, state=State.DUE, status=status, due=due, review=review)

    def _place(self, place: Place, route: Route | None, attempts: int) -> tuple[Place, bool]:
        """Where it waits after so many attempts; and is it somebody else's now, who may try at once?"""
        if place.queue == SLOW or not self._slow_after or attempts < self._slow_after:
            return place, False
        if self._slow_way is None or route is None or route.mailboxes or route.way == self._slow_way:
            # What is for mailboxes of our own, or may be, is not for another host to take over.
            return Place(place.destination, SLOW), False
        return Place(f"{self._slow_way}:", SLOW), True


def _delivered(message: QueuedMessage, recipient: QueuedRecipient, attempt: Attempt, now: float) -> Outcome:
    state = QueuedRecipient(
        recipient.number,
        recipient.recipient,
        recipient.place,
        State.DELIVERED,
        recipient.due,
        recipient.review,
        recipient.attempts + 1,
        recipient.delay_told,
        attempt.status,
        attempt.host,
        now,
    )
    if attempt.notifies or not _success_is_told(message, recipient):
        return Outcome(state)
    action = Action.DELIVERED if attempt.final else Action.RELAYED
    return Outcome(state, _report(recipient, action, attempt.status, attempt, now))


def _success_is_told(message: QueuedMessage, recipient: QueuedRecipient) -> bool:
    """Asked before anything is built, since hardly anybody wants it."""
    if message.envelope.reverse_path is None:
        return False
    if "BY" in message.envelope.parameters:
        return True
    if "NOTIFY" not in recipient.recipient.parameters:
        return False
    return Notify.SUCCESS in (recipient.recipient.notify or Notify.NEVER)


def _failed(recipient: QueuedRecipient, status: Status, attempt: Attempt, now: float) -> Outcome:
    state = replace(
        recipient,
        state=State.FAILED,
        attempts=recipient.attempts + 1,
        status=status,
        host=attempt.host,
        attempted=now,
    )
    return Outcome(state, _report(recipient, Action.FAILED, status, attempt, now))


def _gone(recipient: QueuedRecipient, status: Status) -> Outcome:
    state = replace(recipient, state=State.FAILED, status=status)
    report = RecipientReport(
        recipient.recipient, Action.FAILED, status, recipient.host, attempted=recipient.attempted
    )
    return Outcome(state, report)


def _report(
    recipient: QueuedRecipient, action: Action, status: Status, attempt: Attempt, now: float
) -> RecipientReport:
    return RecipientReport(recipient.recipient, action, status, attempt.host, attempt.reply, now)


def _expired(last: Status | None) -> Status:
    """The end, with the last words that were heard before it."""
    return (
        EXPIRED
        if last is None
        else EXPIRED.with_text(f"{EXPIRED.text}; the last try: {last.code} {last.text}")
    )
