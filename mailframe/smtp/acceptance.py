"""The end of data: who takes responsibility for the message, and what the client is told (RFC 5321 section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.dialogue.shield import TakesTooLong, shielded
from mailframe.message.mail import MailObject
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, Status

from .binary import in_lines
from .lmtp import Dialect
from .metrics import Metrics
from .reception import Reception
from .settings import SMTPSettings
from .transaction import Transaction
from .wire.reply import basic_code

SLOW_DELIVERY = Status((4, 3, 0), "Delivery takes too long; try again later", reply_code=451)

log = Logger()


class Acceptance:
    """Hands finished transactions of one connection to the reception.

    Args:
        reception: takes the messages.
        dialect: SMTP or LMTP.
        clock: for delays and limits of time.
        settings: the listener's; among them how long the client waits at most.
        metrics: counts.
    """

    def __init__(
        self,
        reception: Reception,
        dialect: Dialect,
        clock: IReactorTime,
        settings: SMTPSettings,
        metrics: Metrics,
    ) -> None:
        self._reception = reception
        self._dialect = dialect
        self._clock = clock
        self._settings = settings
        self._metrics = metrics

    async def conclude(self, transaction: Transaction) -> Sequence[Status]:
        """Deliver a transaction whose data ended, or say why it was refused meanwhile.

        When the waiting is cancelled (a lost connection) the delivery goes on to its end: the store's threads
        may be reading the content.

        Returns:
            A status for each recipient, in order.
        """
        transaction.look_at_the_time(self._clock.seconds())
        if transaction.refusal is not None:
            statuses: Sequence[Status] = [transaction.refusal] * len(transaction.routes)
            self._conclude(transaction, statuses, self._clock.seconds())
            return statuses
        work = Deferred.fromCoroutine(self._deliver(transaction, transaction.finish()))
        try:
            return await shielded(work, self._clock, self._settings.delivery_timeout)
        except TakesTooLong:
            log.error("{queue_id}: delivery takes too long", queue_id=transaction.queue_id)
            return [SLOW_DELIVERY] * len(transaction.routes)

    async def _deliver(self, transaction: Transaction, mail: MailObject) -> Sequence[Status]:
        began, count = self._clock.seconds(), len(transaction.routes)
        try:
            if transaction.binary:
                mail = await in_lines(mail, self._settings, self._clock)
            statuses = await self._reception.deliver(mail, transaction.routes, self._dialect.atomic)
            if len(statuses) != count:
                raise ValueError(f"{len(statuses)} statuses for {count} recipients")
            statuses = [_named(status, mail.queue_id) if status.success else status for status in statuses]
        except MailframeError as error:
            log.warn("{queue_id}: {reason}", queue_id=mail.queue_id, reason=error.reason)
            statuses = [error.status] * count
        except Exception:
            log.failure("{queue_id}: cannot deliver", queue_id=mail.queue_id)
            statuses = [UNKNOWN_FAULT] * count
        finally:
            mail.content.body.discard()
        self._conclude(transaction, statuses, began)
        return statuses

    def _conclude(self, transaction: Transaction, statuses: Sequence[Status], began: float) -> None:
        now, metrics, verdict = self._clock.seconds(), self._metrics, self._dialect.verdict(statuses)
        metrics.delivery_seconds.observe(now - began)
        if verdict.success:
            metrics.messages_accepted.inc()
            metrics.message_octets.observe(transaction.size)
        elif verdict.temporary:
            metrics.messages_deferred.inc()
        else:
            metrics.messages_refused.inc()
        transaction.log_end(now, f"{basic_code(verdict)} {verdict}", statuses)


def _named(status: Status, queue_id: str) -> Status:
    return Status(status.enhanced, f"OK, id {queue_id}", reply_code=status.reply_code)
