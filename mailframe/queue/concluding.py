"""Writes down what became of recipients, and puts what their senders are told into the queue with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.message.content import Content
from mailframe.message.dsn import Action, RecipientReport, wanted
from mailframe.message.status import UNKNOWN_FAULT, MailframeError

from .entries import Entries
from .interfaces import ISpool
from .metrics import NOTICES
from .notices import Notices
from .outcomes import Outcome
from .schedule import Schedule
from .values import Conclusion, NewMessage, QueuedMessage, State

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds between tries to write something down, when the spool did not take it."""

log = Logger()


class Concluding:
    """Concludes claims.

    Args:
        spool: where it is written down.
        notices: writes notifications.
        entries: makes messages of them.
        schedule: when what is done.
        clock: the time.
        told: called when notifications were put into the queue.
    """

    def __init__(
        self,
        spool: ISpool,
        notices: Notices,
        entries: Entries,
        schedule: Schedule,
        clock: IReactorTime,
        told: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._notices = notices
        self._entries = entries
        self._schedule = schedule
        self._clock = clock
        self._told = told
        self._pauses: set[Deferred[None]] = set()
        self._stopping = False

    def stop(self) -> None:
        """Do not wait for a spool that takes nothing: what is not written down is attempted again."""
        self._stopping = True
        for pause in list(self._pauses):
            pause.callback(None)

    async def conclude(
        self, runner: str, message: QueuedMessage, outcomes: Sequence[Outcome], content: Content | None
    ) -> None:
        """Write down what became of a claim.

        Until the spool has taken it, the claim stays ours: whoever has got the message must not get it again.

        Args:
            runner: whose claim it was.
            message: the message.
            outcomes: of all recipients of the claim.
            content: of the message, where it is at hand; it stays the caller's.
        """
        for outcome in outcomes:
            if outcome.report is not None:
                await self._with_notices(runner, message, outcomes, content)
                return
        await self._write(runner, Conclusion(message.queue_id, [outcome.recipient for outcome in outcomes]))

    async def _with_notices(
        self, runner: str, message: QueuedMessage, outcomes: Sequence[Outcome], content: Content | None
    ) -> None:
        reports = [one.report for one in outcomes if one.report is not None]
        reports = [report for report in reports if wanted(message.envelope, report)]
        fetched = None
        try:
            if reports and content is None:
                content = fetched = await self._fetch(message)
            try:
                notices = await self._make(message, reports, content)
            except Exception:
                log.failure("{queue_id}: the sender cannot be told", queue_id=message.queue_id)
                notices, outcomes = [], [self._undecided(message, one) for one in outcomes]
            recipients = [outcome.recipient for outcome in outcomes]
            await self._write(runner, Conclusion(message.queue_id, recipients, notices))
        finally:
            if fetched is not None:
                fetched.body.discard()
        if notices:
            NOTICES.inc(len(notices))
            self._told()

    async def _fetch(self, message: QueuedMessage) -> Content | None:
        try:
            return await self._spool.content(message.queue_id)
        except MailframeError as error:
            # A notice without the message is worth more than none.
            log.warn("{queue_id}: {reason}", queue_id=message.queue_id, reason=error.reason)
            return None

    async def _make(
        self, message: QueuedMessage, reports: Sequence[RecipientReport], content: Content | None
    ) -> Sequence[NewMessage]:
        if not reports:
            return []
        now = self._clock.seconds()
        mails = self._notices.make(message, reports, content)
        for mail in mails:
            log.info(
                "{queue_id}: tell the sender, by {notice_id}",
                queue_id=message.queue_id,
                notice_id=mail.queue_id,
                reverse_path=f"<{message.envelope.reverse_path or ''}>",
            )
        return [await self._entries.notice(mail, now) for mail in mails]

    def _undecided(self, message: QueuedMessage, outcome: Outcome) -> Outcome:
        """Nobody is given up, and no delay counts as told, where a fault of ours keeps the sender from hearing."""
        report, recipient = outcome.report, outcome.recipient
        if report is None or report.action not in (Action.FAILED, Action.DELAYED):
            return Outcome(recipient)
        soon = self._schedule.soon(self._clock.seconds())
        status = UNKNOWN_FAULT if report.action is Action.FAILED else recipient.status
        return Outcome(
            replace(
                recipient,
                state=State.DUE,
                due=max(recipient.due, soon),
                review=soon,
                status=status,
                delay_told=recipient.delay_told and report.action is not Action.DELAYED,
            )
        )

    async def _write(self, runner: str, conclusion: Conclusion) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                if not await self._spool.conclude(runner, conclusion):
                    log.warn(
                        "{queue_id}: concluded without a lease; others may have attempted it, too",
                        queue_id=conclusion.queue_id,
                    )
                return
            except MailframeError as error:
                log.error(
                    "{queue_id}: cannot be written down: {reason}",
                    queue_id=conclusion.queue_id,
                    reason=error.reason,
                )
            if self._stopping:
                return
            await self._pause(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

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
