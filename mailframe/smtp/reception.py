"""What a session asks about a message: may it, where does it go, take it. The rooms behind SMTP, in order."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.interfaces import IAuthenticator, IDirectory
from mailframe.filters.interfaces import IFilter
from mailframe.message.address import Address
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import OK, UNAVAILABLE, MailframeError, Status
from mailframe.policy.chain import PolicyChain
from mailframe.policy.interfaces import Hold
from mailframe.queue.interfaces import IHolding
from mailframe.routing.interfaces import IRouter, Route

log = Logger()


class Reception:
    """Policy, routing, filters and delivery, as one listener uses them. Shared by all its sessions.

    Args:
        router: finds the way of each recipient. What it cannot name, nobody here can send to.
        delivery: takes the message in the end.
        policies: asked in this order, each at the stages whose interface it provides.
        filters: change the content in this order, after the policies agreed.
        authenticator: checks passwords; without one, nobody can log in.
        accounts: where logins that a listed proxy vouches for are looked up; without it, or without an authenticator,
            nobody's word makes anybody logged in.
        holding: keeps what a policy wants to hold; without it, that is refused for now.
    """

    def __init__(
        self,
        router: IRouter,
        delivery: IDelivery,
        policies: Sequence[object] = (),
        filters: Sequence[IFilter] = (),
        authenticator: IAuthenticator | None = None,
        accounts: IDirectory | None = None,
        holding: IHolding | None = None,
    ) -> None:
        self._router = router
        self._delivery = delivery
        self._policies = PolicyChain(policies)
        self._filters = tuple(filters)
        self._holding = holding
        self.authenticator = authenticator
        self.accounts = accounts if authenticator is not None else None

    async def connect(self, origin: Origin) -> Status | None:
        """May this client talk here at all? None for yes."""
        return await self._policies.connect(origin)

    async def helo(self, origin: Origin) -> Status | None:
        """May it call itself so? None for yes."""
        return await self._policies.helo(origin)

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """May it send from this reverse-path? None for yes."""
        return await self._policies.mail(origin, envelope)

    async def rcpt(self, origin: Origin, envelope: Envelope, recipient: Recipient) -> Route | Status:
        """The way of one recipient, or why it is refused."""
        refusal = await self._policies.rcpt(origin, envelope, recipient)
        return refusal or await self._router.route(recipient.forward_path)

    async def way(self, address: Address) -> Route | Status:
        """Where mail to an address would go, asked by VRFY and EXPN; policies have no say in it."""
        return await self._router.route(address)

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """Take responsibility for a message, or refuse it.

        Args:
            mail: the message as received; its content stays the caller's.
            routes: one for each recipient, in order.
            atomic: all recipients or none.

        Returns:
            A status for each recipient, in order.

        Raises:
            MailframeError: a filter or policy could not do its work; nothing was delivered.
        """
        accepted = False
        try:
            statuses = await self._deliver(mail, routes, atomic)
            accepted = any(status.success for status in statuses)
        finally:
            self._policies.concluded(mail, accepted)
        return statuses

    async def _deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        verdict = await self._policies.content(mail)
        if isinstance(verdict, Status):
            return [verdict] * len(routes)
        for content_filter in self._filters:
            mail = await content_filter.filter(mail)
        if verdict is not None:
            return [await self._hold(mail, verdict)] * len(routes)
        return await self._delivery.deliver(mail, routes, atomic)

    async def _hold(self, mail: MailObject, verdict: Hold) -> Status:
        """Keep a message as it would have been delivered: filters have seen it, and see it no more."""
        if self._holding is None:
            raise MailframeError(UNAVAILABLE, f"nothing here can hold mail: {verdict.reason}")
        await self._holding.hold(mail, verdict.reason)
        log.warn(
            "{queue_id}: held: {reason}",
            queue_id=mail.queue_id,
            reason=verdict.reason,
            session_id=mail.origin.session_id,
            peer=mail.origin.peer,
            login=mail.origin.login,
        )
        return OK
