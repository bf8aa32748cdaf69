"""Tells senders of success where mail goes into mailboxes at once, without a queue in between (RFC 3461)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.message.dsn import Action, RecipientReport
from mailframe.message.envelope import Envelope
from mailframe.message.esmtp import Notify
from mailframe.message.mail import MailObject
from mailframe.message.status import Status
from mailframe.routing.interfaces import Route

from .notices import Notices
from .values import QueuedMessage

log = Logger()


@implementer(IDelivery)
class NotifyingDelivery:
    """Delivers, and sends notices of success to senders who asked for them. It sends nothing else anywhere.

    Where the notice cannot be handed over after the message was delivered, that is logged, and the client hears of
    success all the same: a second copy of the message would be worse.

    Args:
        delivery: takes the mail.
        notices: writes notices.
        router: takes notices, from the null reverse-path.
        seconds: the time of day.
    """

    def __init__(
        self, delivery: IDelivery, notices: Notices, router: IDelivery, seconds: Callable[[], float]
    ) -> None:
        self._delivery = delivery
        self._notices = notices
        self._router = router
        self._seconds = seconds

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`."""
        statuses = await self._delivery.deliver(mail, routes, atomic)
        reports = [
            RecipientReport(recipient, Action.DELIVERED, status, attempted=self._seconds())
            for recipient, status in zip(mail.envelope.recipients, statuses, strict=True)
            if status.success and Notify.SUCCESS in (recipient.notify or Notify.NEVER)
        ]
        if reports and mail.envelope.reverse_path is not None:
            await self._tell(mail, reports)
        return statuses

    async def _tell(self, mail: MailObject, reports: Sequence[RecipientReport]) -> None:
        now = self._seconds()
        envelope = Envelope(mail.envelope.reverse_path, [], dict(mail.envelope.parameters))
        message = QueuedMessage(mail.queue_id, envelope, mail.origin, now, now, size=mail.content.size)
        try:
            for notice in self._notices.make(message, reports, mail.content):
                status, *_ = await self._router.deliver(notice, [Route(onward=True)], True)
                if not status.success:
                    log.warn(
                        "{queue_id}: the notice of success was not taken: {reply}",
                        queue_id=mail.queue_id,
                        reply=str(status),
                    )
        except Exception:
            log.failure("{queue_id}: no notice of success", queue_id=mail.queue_id)
