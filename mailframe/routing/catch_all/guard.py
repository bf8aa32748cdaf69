"""What stands before a domain's catch-all: strangers try a million local parts, and all of them would be mail.

Each domain has a budget of recipients an hour, which the workers of a node share. Addresses that turn out to be
nobody's, because only notices of mail they never sent come for them, because a trap or the administrator names them,
are refused as unknown. Whoever gives such an address to an account or an alias takes it out of all this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.limits.interfaces import ITallies
from mailframe.message.address import Address
from mailframe.message.mail import MailObject
from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError, Status
from mailframe.routing.interfaces import ICatchAllGuard, Route
from mailframe.routing.metrics import CAUGHT

from .kept import CaughtAddresses, Count
from .options import CatchAllOptions

TOO_MUCH: Final = Status(
    (4, 2, 1), "Too much mail for unknown addresses of this domain; try again later", reply_code=450
)
KIND: Final = "catch_all.domain"
HOUR: Final = 3600.0
WAITING_LIMIT: Final = 10_000
"""Addresses whose counts wait to be written; those beyond that are not counted."""

log = Logger()


@implementer(ICatchAllGuard)
class CatchAllGuard:
    """Decides what a catch-all takes, and counts it.

    Args:
        kept: what is known of addresses.
        clock: the reactor.
        options: ``[catch_all]``.
        tallies: count against the budget.
    """

    def __init__(
        self, kept: CaughtAddresses, clock: IReactorTime, options: CatchAllOptions, tallies: ITallies
    ) -> None:
        self._kept = kept
        self._clock = clock
        self._options = options
        self._tallies = tallies
        self._waiting: dict[Address, Count] = {}
        self._alarm: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None

    async def stop(self) -> None:
        """Write down what was counted, and close the file; safe to call twice."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._writing is not None:
            await self._writing
        await self._write()
        await self._kept.stop()

    async def admit(self, address: Address, *, budget: bool = True) -> Status | None:
        """May mail for this address come in? (see `ICatchAllGuard.admit`)"""
        if await self._kept.why_dead(address):
            CAUGHT.labels("dead").inc()
            self._count(address, Count(refused=1))
            return NO_SUCH_MAILBOX
        limit = self._options.per_hour
        if budget and not self._tallies.spend(KIND, address.domain, 1, limit, HOUR):
            CAUGHT.labels("over").inc()
            return TOO_MUCH
        return None

    def took(self, address: Address, notice: bool) -> None:
        """A message for this address was delivered.

        Args:
            address: as `Route.caught` has it.
            notice: it came from the null reverse-path.
        """
        CAUGHT.labels("taken").inc()
        self._count(address, Count(taken=1, notices=int(notice)))

    async def learn(self, address: Address, why: str) -> None:
        """Refuse an address from now on; for traps, and for whoever hears that it bounces.

        Args:
            address: in its own domain.
            why: one word for the report.

        Raises:
            MailframeError: temporary, when that cannot be kept.
        """
        await self._kept.learn([address], why, int(self._clock.seconds()))

    def _count(self, address: Address, count: Count) -> None:
        if address not in self._waiting and len(self._waiting) >= WAITING_LIMIT:
            return
        self._waiting[address] = self._waiting.get(address, Count()) + count
        if self._alarm is None:
            self._alarm = self._clock.callLater(self._options.flush, self._flush)

    def _flush(self) -> None:
        self._alarm = None
        if self._writing is None:
            self._writing = Deferred.fromCoroutine(self._write())
            self._writing.addBoth(self._written)

    def _written(self, result: object) -> None:
        self._writing = None

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        now, options = int(self._clock.seconds()), self._options
        try:
            await self._kept.count(list(waiting.items()), now, options.notices, options.remembered)
        except MailframeError as error:
            # Counts are worth no trouble: mail goes on without.
            log.warn("what catch-alls took cannot be written down: {reason}", reason=error.reason)
        except Exception:
            log.failure("what catch-alls took cannot be written down")


@implementer(IDelivery)
class CountingDelivery:
    """Delivers, and tells the guard what its catch-alls took.

    Args:
        delivery: takes the mail.
        guard: counts.
    """

    def __init__(self, delivery: IDelivery, guard: ICatchAllGuard) -> None:
        self._delivery = delivery
        self._guard = guard

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`."""
        statuses = await self._delivery.deliver(mail, routes, atomic)
        for route, status in zip(routes, statuses, strict=True):
            if route.caught is not None and status.success:
                self._guard.took(route.caught, mail.envelope.reverse_path is None)
        return statuses
