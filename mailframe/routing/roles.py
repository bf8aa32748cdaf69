"""Mail that a role put aside goes where that role's mail goes, whatever way the node's other mail takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory
from mailframe.message.address import Address
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin
from mailframe.message.status import Status

from .interfaces import IMailRouter, IRouter, Route

ROLE: Final = "role"
"""Attribute of an `Origin`: the role whose way a message goes. The node sets it, no client can."""
NO_ROUTER: Final = Status(
    (5, 7, 1),
    "This server does not send mail to other domains: it has no router; ours are fine",
    reply_code=550,
)


@implementer(IRouter)
class SubmissionRouter:
    """Routes local recipients and tells users clearly what of the others.

    Args:
        local: routes what is ours.
        directory: knows what is ours.
    """

    def __init__(self, local: IRouter, directory: IDirectory) -> None:
        self._local = local
        self._directory = directory

    async def route(self, forward_path: Address) -> Route | Status:
        """The way of one recipient (see `IRouter.route`)."""
        if forward_path.domain and not await self._directory.is_local(forward_path.domain):
            return NO_ROUTER
        return await self._local.route(forward_path)


@implementer(IMailRouter)
class OneWay:
    """One delivery takes everything, along the routes that a role gives in session.

    Args:
        router: the role's.
        way: the delivery, by its name.
    """

    def __init__(self, router: IRouter, way: str) -> None:
        self._router = router
        self._way = way

    async def way(self, envelope: Envelope, recipient: Recipient, origin: Origin) -> Route | Status:
        """The way of one recipient, now (see `IMailRouter.way`).

        Raises:
            MailframeError: temporary: nobody can say now.
        """
        found = await self._router.route(recipient.forward_path)
        return found if isinstance(found, Status) else replace(found, way=self._way)


@implementer(IMailRouter)
class ByRole:
    """Looks at which role put a message aside, and what its way is.

    Args:
        usual: the way of all other mail.
        roles: ways of roles, by their names.
    """

    def __init__(self, usual: IMailRouter, roles: Mapping[str, IMailRouter]) -> None:
        self._usual = usual
        self._roles = roles

    async def way(self, envelope: Envelope, recipient: Recipient, origin: Origin) -> Route | Status:
        """The way of one recipient, now (see `IMailRouter.way`).

        Raises:
            MailframeError: temporary: nobody can say now.
        """
        router = self._roles.get(origin.attributes.get(ROLE, ""), self._usual)
        return await router.way(envelope, recipient, origin)
