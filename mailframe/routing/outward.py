"""Routing in session for roles with a queue: our own recipients are verified, all others are the queue's business."""

from __future__ import annotations

from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory
from mailframe.message.address import Address
from mailframe.message.status import Status

from .expansion import Expansion
from .interfaces import IRouter, Route


@implementer(IRouter)
class OutwardRouter:
    """For roles that take mail from our own users and hosts only: with it, whoever may send may send to anybody.

    Args:
        local: routes what is ours.
        directory: knows what is ours.
        expansion: knows aliases that lead out of the house; None: those are not set up properly.
    """

    def __init__(self, local: IRouter, directory: IDirectory, expansion: Expansion | None = None) -> None:
        self._local = local
        self._directory = directory
        self._expansion = expansion

    async def route(self, forward_path: Address) -> Route | Status:
        """Mailboxes for one of ours, or why there are none; onward for all others (see `IRouter.route`)."""
        if forward_path.domain and not await self._directory.is_local(forward_path.domain):
            return Route(onward=True)
        if self._expansion is not None and await self._expansion.targets(forward_path) is not None:
            return Route(onward=True)
        return await self._local.route(forward_path)
