"""The way out that leads nowhere: mail is accepted and forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.mail import MailObject
from mailframe.message.status import Status
from mailframe.routing.interfaces import Route

from .interfaces import IAttempts, IDelivery
from .metrics import ATTEMPTS
from .values import Attempt

DISCARDED: Final = Status((2, 0, 0), "Discarded")

log = Logger()


@implementer(IDelivery, IAttempts)
class DiscardDelivery:
    """Takes every message, and keeps none; each is a line in the log."""

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """As `IAttempts.attempt`; always a success."""
        ATTEMPTS.labels("discard", "delivered").inc(len(routes))
        log.info(
            "{queue_id} discarded",
            queue_id=mail.queue_id,
            session_id=mail.origin.session_id,
            reverse_path=f"<{mail.envelope.reverse_path or ''}>",
            forward_path=[f"<{recipient.forward_path}>" for recipient in mail.envelope.recipients],
            size=mail.content.size,
        )
        return [Attempt(DISCARDED, final=True)] * len(routes)

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`."""
        return [attempt.status for attempt in await self.attempt(mail, routes, age=0.0)]
