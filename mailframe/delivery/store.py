"""Delivery into this node's store: the last station, where Return-Path and Delivered-To are added."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.address import Address
from mailframe.message.mail import MailObject
from mailframe.message.status import UNKNOWN_FAULT, Status, worst
from mailframe.routing.interfaces import LocalMailbox, Route
from mailframe.store.interfaces import IMailStore
from mailframe.store.values import Delivery, NewMessage

from .interfaces import IAttempts, IDelivery
from .values import Attempt

log = Logger()


@implementer(IDelivery, IAttempts)
class StoreDelivery:
    """Puts messages into mailboxes, each mailbox once however many recipients lead to it.

    Args:
        store: where the mailboxes are; its success means durable.
        seconds: the time of day, for internal dates.
    """

    def __init__(self, store: IMailStore, seconds: Callable[[], float] = time.time) -> None:
        self._store = store
        self._seconds = seconds

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`; the store does all of it as one unit of work."""
        places: dict[tuple[str, str], int] = {}
        deliveries: list[Delivery] = []
        return_path, date = _return_path(mail.envelope.reverse_path), int(self._seconds())
        for recipient, route in zip(mail.envelope.recipients, routes, strict=True):
            front = return_path + _original_to(recipient.forward_path, route)
            for mailbox in route.mailboxes:
                key = (mailbox.account, mailbox.mailbox)
                if key not in places:
                    places[key] = len(deliveries)
                    deliveries.append(_delivery(mail, mailbox, front, date))
        try:
            statuses = await self._store.deliver(deliveries, atomic)
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: the store failed", queue_id=mail.queue_id)
            return [UNKNOWN_FAULT] * len(routes)
        return [
            worst([statuses[places[mailbox.account, mailbox.mailbox]] for mailbox in route.mailboxes])
            for route in routes
        ]

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """As `IAttempts.attempt`; success is final."""
        statuses = await self.deliver(mail, routes, False)
        return [Attempt(status, final=status.success) for status in statuses]


def _delivery(mail: MailObject, mailbox: LocalMailbox, front: bytes, date: int) -> Delivery:
    prefix = front + b"Delivered-To: " + bytes(mailbox.delivered_to) + b"\r\n"
    message = NewMessage(mail.content.with_prefix(prefix), internal_date=date, queue_id=mail.queue_id)
    return Delivery(mailbox.account, message, mailbox.mailbox)


def _original_to(forward_path: Address, route: Route) -> bytes:
    """Whoever has a catch-all wants to know what it caught; the field is the one other servers add."""
    return b"" if route.caught is None else b"X-Original-To: " + bytes(forward_path) + b"\r\n"


def _return_path(reverse_path: Address | None) -> bytes:
    """RFC 5321 section 4.4: the last host puts the reverse-path in front."""
    return b"Return-Path: <" + (bytes(reverse_path) if reverse_path is not None else b"") + b">\r\n"
