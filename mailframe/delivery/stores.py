"""Delivery into the mailboxes of a farm: each copy by LMTP to the store that has the account's mail, now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory
from mailframe.directory.refusals import held
from mailframe.location.interfaces import ILocations
from mailframe.location.values import Store
from mailframe.message.mail import MailObject
from mailframe.message.status import NO_SUCH_MAILBOX, UNKNOWN_FAULT, MailframeError, Status, worst
from mailframe.routing.interfaces import LocalMailbox, Route

from .interfaces import IAttempts, IDelivery
from .lmtp import LMTPDelivery
from .values import Attempt

_Send = Callable[[LMTPDelivery, MailObject, Sequence[Route]], Awaitable[Sequence[Attempt]]]


@dataclass(frozen=True, slots=True)
class _Part:
    """What goes to one store: of which recipients, and by which routes."""

    recipients: list[int]
    routes: list[Route]


@implementer(IDelivery, IAttempts)
class StoresDelivery:
    """Hands messages to the stores that have the mailboxes.

    Only mailboxes that a local router named are ever sent to. Where a recipient stands for mailboxes at several
    stores, it has the worst of their answers; the stores are asked at the same time.

    Args:
        directory: knows where each account's mail is.
        locations: knows the stores.
        way: the delivery to one store; made once for each.
        seconds: the time, since 1970.
    """

    def __init__(
        self,
        directory: IDirectory,
        locations: ILocations,
        way: Callable[[Store], LMTPDelivery],
        seconds: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._locations = locations
        self._way = way
        self._seconds = seconds
        self._ways: dict[str, LMTPDelivery] = {}

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`; of several stores each is atomic by itself."""

        async def send(way: LMTPDelivery, part: MailObject, some: Sequence[Route]) -> Sequence[Attempt]:
            return [Attempt(status) for status in await way.deliver(part, some, atomic)]

        return [attempt.status for attempt in await self._send(mail, routes, send)]

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """As `IAttempts.attempt`; success is final."""

        async def send(way: LMTPDelivery, part: MailObject, some: Sequence[Route]) -> Sequence[Attempt]:
            return await way.attempt(part, some, age=age)

        return await self._send(mail, routes, send)

    async def stop(self) -> None:
        """End the connections."""
        for way in self._ways.values():
            await way.stop()

    async def _send(self, mail: MailObject, routes: Sequence[Route], send: _Send) -> Sequence[Attempt]:
        answers: list[list[Attempt]] = [[] for _ in routes]
        parts: dict[str, _Part] = {}
        stores: dict[str, Store] = {}
        for number, route in enumerate(routes):
            by_store: dict[str, list[LocalMailbox]] = {}
            for mailbox in route.mailboxes:
                try:
                    store = await self._store_of(mailbox.account)
                except MailframeError as error:
                    answers[number].append(Attempt(error.status))
                else:
                    stores[store.name] = store
                    by_store.setdefault(store.name, []).append(mailbox)
            for name, mailboxes in by_store.items():
                part = parts.setdefault(name, _Part([], []))
                part.recipients.append(number)
                part.routes.append(replace(route, mailboxes=tuple(mailboxes)))
        await self._send_parts(mail, parts, stores, send, answers)
        return [_worst(some) for some in answers]

    async def _send_parts(
        self,
        mail: MailObject,
        parts: Mapping[str, _Part],
        stores: Mapping[str, Store],
        send: _Send,
        answers: list[list[Attempt]],
    ) -> None:
        async def one(name: str, part: _Part) -> None:
            recipients = [mail.envelope.recipients[number] for number in part.recipients]
            some = replace(mail, envelope=replace(mail.envelope, recipients=recipients))
            attempts = await send(self._way_to(stores[name]), some, part.routes)
            for number, attempt in zip(part.recipients, attempts, strict=True):
                answers[number].append(attempt)

        await gatherResults([Deferred.fromCoroutine(one(name, part)) for name, part in parts.items()])

    async def _store_of(self, name: str) -> Store:
        account = await self._directory.account(name)
        if account is None:
            raise MailframeError(NO_SUCH_MAILBOX, f"there is no account {name} any more")
        if account.is_held(self._seconds()):
            raise held(account.hold)
        return self._locations.locate(account)

    def _way_to(self, store: Store) -> LMTPDelivery:
        way = self._ways.get(store.name)
        if way is None:
            way = self._ways[store.name] = self._way(store)
        return way


def _worst(attempts: Sequence[Attempt]) -> Attempt:
    if not attempts:
        # A route without mailboxes is our fault.
        return Attempt(UNKNOWN_FAULT)
    status = worst([attempt.status for attempt in attempts])
    return next(attempt for attempt in attempts if attempt.status is status)
