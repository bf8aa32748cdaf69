"""Putting mail aside for a role whose mail does not go by the queue otherwise."""

from __future__ import annotations

from dataclasses import replace

from zope.interface import implementer

from mailframe.message.mail import MailObject
from mailframe.routing.roles import ROLE

from .interfaces import IHolding


@implementer(IHolding)
class HoldingFor:
    """Holds mail in the queue, with a word of whose it is: when it is released, it goes that role's way.

    Args:
        holding: the queue.
        role: the role's name; `mailframe.routing.roles.ByRole` knows its way.
    """

    def __init__(self, holding: IHolding, role: str) -> None:
        self._holding = holding
        self._role = role

    async def hold(self, mail: MailObject, reason: str) -> None:
        """Keep a message durably (see `IHolding.hold`)."""
        # The session goes on with its own origin: other messages of it are not put aside.
        attributes = {**mail.origin.attributes, ROLE: self._role}
        origin = replace(mail.origin, attributes=attributes)
        await self._holding.hold(replace(mail, origin=origin), reason)
