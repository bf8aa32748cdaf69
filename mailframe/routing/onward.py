"""Everything goes to the next hop, which finds the way from there. Asks nobody: neither DNS nor a directory."""

from __future__ import annotations

from zope.interface import implementer

from mailframe.message.address import Address
from mailframe.message.status import Status

from .interfaces import IRouter, Route


@implementer(IRouter)
class OnwardRouter:
    """For roles that take mail from our own users only: with it, whoever may send may send to anybody."""

    async def route(self, forward_path: Address) -> Route | Status:
        """Onward, for local users too; the bare Postmaster is that of the next hop."""
        return Route(onward=True)
