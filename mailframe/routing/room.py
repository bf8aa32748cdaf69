"""A router that asks, before a message is sent, whether its mailboxes have room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from zope.interface import implementer

from mailframe.message.address import Address
from mailframe.message.status import Status

from .interfaces import IRouter, Route

Room = Callable[[str], Awaitable[Status | None]]
"""What to refuse an account's mail with; None where it has room."""


@implementer(IRouter)
class RoomRouter:
    """Refuses what another router sends to full mailboxes.

    Where an address stands for several mailboxes, some of which are full, it is taken: what becomes of each is
    decided when the message is delivered.

    Args:
        router: knows the way.
        room: what to refuse an account's mail with; None where it has room.
    """

    def __init__(self, router: IRouter, room: Room) -> None:
        self._router = router
        self._room = room

    async def route(self, forward_path: Address) -> Route | Status:
        """See `IRouter.route`."""
        route = await self._router.route(forward_path)
        if isinstance(route, Status) or not route.mailboxes or route.onward:
            return route
        refusal = None
        for mailbox in route.mailboxes:
            refusal = await self._room(mailbox.account)
            if refusal is None:
                return route
        return refusal if refusal is not None else route
