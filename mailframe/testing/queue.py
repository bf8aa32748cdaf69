"""Fakes around the queue: a delivery that does what a script says, a router that goes by domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailframe.delivery.interfaces import IAttempts, IDelivery
from mailframe.delivery.values import Attempt
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import OK, Status
from mailframe.routing.interfaces import IMailRouter, Route

TAKEN = Attempt(OK, host="mx.example.test", reply="250 2.0.0 OK")
"""Somebody took it."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """One recipient at one attempt.

    Attributes:
        queue_id: of the message.
        recipient: the forward-path as text.
        reverse_path: as text, "" for the null one.
        destination: of the route.
        age: seconds since the message was accepted.
        octets: the message.
    """

    queue_id: str
    recipient: str
    reverse_path: str
    destination: str
    age: float
    octets: bytes


@implementer(IAttempts, IDelivery)
class ScriptedDelivery:
    """Answers attempts by a function, at once or when it is told to.

    Args:
        answer: says what an attempt comes to; by default everybody takes everything.

    Attributes:
        attempts: all that were made, in order.
        holding: attempts begun from now on are not answered before `release`.
        most: how many attempts of one destination were under way at the same time, at most.
    """

    def __init__(self, answer: Callable[[Attempted], Attempt] = lambda attempted: TAKEN) -> None:
        self.answer = answer
        self.attempts: list[Attempted] = []
        self.holding = False
        self.most: dict[str, int] = {}
        self._under_way: dict[str, int] = {}
        self._held: list[Deferred[None]] = []

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """Note the attempt and answer (see `IAttempts.attempt`)."""
        destination, octets = routes[0].destination, mail.content.octets()
        made = [
            Attempted(
                mail.queue_id,
                str(recipient.forward_path),
                str(mail.envelope.reverse_path or ""),
                route.destination,
                age,
                octets,
            )
            for recipient, route in zip(mail.envelope.recipients, routes, strict=True)
        ]
        self.attempts += made
        self._under_way[destination] = self._under_way.get(destination, 0) + 1
        self.most[destination] = max(self.most.get(destination, 0), self._under_way[destination])
        try:
            if self.holding:
                held: Deferred[None] = Deferred()
                self._held.append(held)
                await held
        finally:
            self._under_way[destination] = self._under_way.get(destination, 1) - 1
        return [self.answer(attempted) for attempted in made]

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """The statuses of an attempt."""
        return [attempt.status for attempt in await self.attempt(mail, routes, age=0.0)]

    @property
    def held(self) -> int:
        """Attempts that wait for `release`."""
        return len([one for one in self._held if not one.called])

    def release(self, count: int | None = None) -> None:
        """Answer what was held, the oldest first: so many, or all."""
        waiting = [one for one in self._held if not one.called]
        self._held = waiting
        for one in waiting[:count]:
            if not one.called:
                one.callback(None)

    def drop(self) -> None:
        """What was held is never answered: whoever asked is dead."""
        self._held = []
        self._under_way.clear()


@implementer(IMailRouter)
class DomainRouter:
    """Every domain is a destination of one delivery.

    Args:
        way: the delivery's name.
        others: domains (in lower case) with another answer.
    """

    def __init__(self, way: str = "remote", others: Mapping[str, Route | Status] | None = None) -> None:
        self.way_out = way
        self.others = dict(others or {})
        self.asked = 0

    async def way(self, envelope: Envelope, recipient: Recipient, origin: Origin) -> Route | Status:
        """The way of one recipient (see `IMailRouter.way`)."""
        self.asked += 1
        domain = recipient.forward_path.domain
        return self.others.get(domain) or Route(way=self.way_out, domain=domain)
