"""What a session asks about a message: may it, where does it go, take it. The rooms behind SMTP, in order."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.interfaces import IAuthenticator, IDirectory
from mailframe.filters.interfaces import IFilter
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.chain import PolicyChain
from mailframe.routing.interfaces import IRouter, Route


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
    """

    def __init__(
        self,
        router: IRouter,
        delivery: IDelivery,
        policies: Sequence[object] = (),
        filters: Sequence[IFilter] = (),
        authenticator: IAuthenticator | None = None,
        accounts: IDirectory | None = None,
    ) -> None:
        self._router = router
        self._delivery = delivery
        self._policies = PolicyChain(policies)
        self._filters = tuple(filters)
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
        refusal = await self._policies.content(mail)
        if refusal is not None:
            return [refusal] * len(routes)
        for content_filter in self._filters:
            mail = await content_filter.filter(mail)
        return await self._delivery.deliver(mail, routes, atomic)
