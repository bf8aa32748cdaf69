"""One attempt: the way of each recipient, the content, the delivery; an attempt for each recipient comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, cast

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from mailframe.delivery.interfaces import IAttempts, IDelivery
from mailframe.delivery.values import Attempt
from mailframe.message import verp
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, Status
from mailframe.routing.interfaces import IMailRouter, Route

from .settings import QueueOptions
from .values import SLOW, Place, QueuedMessage, QueuedRecipient

NO_SUCH_WAY: Final = Status((4, 3, 5), "The way out that was chosen does not exist here")
TOOK_TOO_LONG: Final = Status((4, 4, 7), "The attempt took too long")

Way = Callable[..., Awaitable[Sequence[Attempt]]]
"""`IAttempts.attempt`, or what stands for it."""

log = Logger()


class Attempting:
    """Asks routers and deliveries, and answers for their faults.

    Args:
        router: finds ways.
        deliveries: ways out by their names.
        settings: ``[queue]``.
    """

    def __init__(
        self, router: IMailRouter, deliveries: Mapping[str, IDelivery], settings: QueueOptions
    ) -> None:
        self._router = router
        self._ways = {name: _way(delivery) for name, delivery in deliveries.items()}
        if len(self._ways) == 1:
            self._ways.setdefault("", next(iter(self._ways.values())))
        self._slow_way = settings.slow_way

    async def route(self, envelope: Envelope, recipient: Recipient, origin: Origin) -> Route | Status:
        """The way of one recipient; faults are temporary."""
        try:
            return await self._router.way(envelope, recipient, origin)
        except MailframeError as error:
            log.warn("cannot route: {reason}", reason=error.reason)
            return error.status if error.status.temporary else UNKNOWN_FAULT
        except CancelledError:
            raise
        except Exception:
            log.failure("cannot route {forward_path}", forward_path=f"<{recipient.forward_path}>")
            return UNKNOWN_FAULT

    async def route_again(self, message: QueuedMessage, recipient: QueuedRecipient) -> Route | Status:
        """The way of a recipient that has waited."""
        if self._slow_way is not None and recipient.place.destination == f"{self._slow_way}:":
            return Route(way=self._slow_way, queue=SLOW)
        return await self.route(message.envelope, recipient.recipient, message.origin)

    async def attempt(
        self,
        message: QueuedMessage,
        recipients: Sequence[Recipient],
        routes: Sequence[Route],
        content: Content,
        age: float,
    ) -> Sequence[Attempt]:
        """Try once to deliver.

        Args:
            message: facts of the message.
            recipients: those of this attempt.
            routes: one for each, all of one way.
            content: the message itself.
            age: seconds since it was accepted.

        Returns:
            An attempt for each recipient.
        """
        way = self._ways.get(routes[0].way)
        if way is None:
            log.error("{queue_id}: no delivery {way!r}", queue_id=message.queue_id, way=routes[0].way)
            return [Attempt(NO_SUCH_WAY)] * len(recipients)
        envelope = message.envelope
        if not verp.asked(envelope):
            mail = MailObject(
                message.queue_id,
                Envelope(envelope.reverse_path, list(recipients), envelope.parameters),
                content,
                message.origin,
            )
            return await self._ask(way, mail, routes, age)
        # A reverse-path of its own for each means a transaction of its own for each.
        attempts: list[Attempt] = []
        for recipient, route in zip(recipients, routes, strict=True):
            mail = MailObject(message.queue_id, _own_path(envelope, recipient), content, message.origin)
            try:
                attempts += await self._ask(way, mail, [route], age)
            except CancelledError:
                if not attempts:
                    raise
                # Who has got it must not get it again because others have not.
                return attempts + [Attempt(TOOK_TOO_LONG)] * (len(routes) - len(attempts))
        return attempts

    async def _ask(
        self, way: Way, mail: MailObject, routes: Sequence[Route], age: float
    ) -> Sequence[Attempt]:
        try:
            attempts = await way(mail, routes, age=age)
            if len(attempts) != len(routes):
                raise ValueError(f"{len(attempts)} attempts for {len(routes)} recipients")
            return attempts
        except MailframeError as error:
            # A delivery may only return statuses; what it raises is no word of a host about this message.
            log.warn("{queue_id}: {reason}", queue_id=mail.queue_id, reason=error.reason)
            return [Attempt(error.status if error.status.temporary else UNKNOWN_FAULT)] * len(routes)
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: the delivery failed", queue_id=mail.queue_id)
            return [Attempt(UNKNOWN_FAULT)] * len(routes)


def place_of(route: Route | Status, recipient: Recipient, before: Place | None = None) -> Place:
    """Where a recipient waits.

    Args:
        route: its way; where none can be found now, it waits with the others of its domain for one.
        recipient: whom.
        before: where it has waited; what is slow stays so.
    """
    if isinstance(route, Status):
        return before or Place(f":{recipient.forward_path.domain}")
    slow = before is not None and before.queue == SLOW
    return Place(route.destination, SLOW if slow else route.queue)


def _own_path(envelope: Envelope, recipient: Recipient) -> Envelope:
    parameters = {name: value for name, value in envelope.parameters.items() if name != verp.KEYWORD}
    return Envelope(verp.reverse_path(envelope, recipient), [recipient], parameters)


def _way(delivery: IDelivery) -> Way:
    if IAttempts.providedBy(delivery):
        return cast(IAttempts, delivery).attempt

    async def deliver(mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        statuses = await delivery.deliver(mail, routes, False)
        return [
            Attempt(status, final=bool(route.mailboxes))
            for status, route in zip(statuses, routes, strict=True)
        ]

    return deliver
