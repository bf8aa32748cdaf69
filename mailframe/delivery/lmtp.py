"""Delivery into mailboxes of another node, by LMTP (RFC 2033): for an exchanger that has no store of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.envelope import Recipient
from mailframe.message.mail import MailObject
from mailframe.message.status import UNKNOWN_FAULT, Status, worst
from mailframe.routing.interfaces import Route

from .hosts import Hosts
from .interfaces import IAttempts, IDelivery
from .results import attempts_of
from .values import Attempt

log = Logger()


@implementer(IDelivery, IAttempts)
class LMTPDelivery:
    """Hands messages to the node that has the mailboxes.

    Only mailboxes that a local router named are ever sent to, by the address each copy is for: whoever uses this
    cannot reach any other address. Aliases are resolved already, so one recipient may be several here; it has the
    worst of their answers, a temporary one first.

    Args:
        hosts: with the mailboxes.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`; about ``atomic`` see `mailframe.delivery.smarthost.SmarthostDelivery`."""
        return [attempt.status for attempt in await self._send(mail, routes, 0.0, atomic, tell=True)]

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """As `IAttempts.attempt`; success is final."""
        return await self._send(mail, routes, age, False)

    async def _send(
        self, mail: MailObject, routes: Sequence[Route], age: float, together: bool, tell: bool = False
    ) -> Sequence[Attempt]:
        places: dict[bytes, int] = {}
        recipients: list[Recipient] = []
        for recipient, route in zip(mail.envelope.recipients, routes, strict=True):
            for mailbox in route.mailboxes:
                key = bytes(mailbox.delivered_to)
                if key not in places:
                    places[key] = len(recipients)
                    recipients.append(replace(recipient, forward_path=mailbox.delivered_to))
        if not all(route.mailboxes for route in routes):
            log.error("{queue_id}: a recipient's route leads to no mailbox", queue_id=mail.queue_id)
            return [Attempt(UNKNOWN_FAULT)] * len(routes)
        try:
            outcome = await self._hosts.send(mail, recipients, age=age, together=together, tell=tell)
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: the client failed", queue_id=mail.queue_id)
            return [Attempt(UNKNOWN_FAULT)] * len(routes)
        attempts = attempts_of(outcome, final=True)
        return [
            _worst([attempts[places[bytes(mailbox.delivered_to)]] for mailbox in route.mailboxes])
            for route in routes
        ]

    async def stop(self) -> None:
        """End the connections."""
        await self._hosts.stop()


def _worst(attempts: Sequence[Attempt]) -> Attempt:
    """The attempt of several mailboxes that counts for their recipient."""
    status = worst([attempt.status for attempt in attempts])
    return next(attempt for attempt in attempts if attempt.status is status)
