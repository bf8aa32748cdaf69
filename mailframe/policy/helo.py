"""Refuses clients that call themselves something that is no host name (RFC 5321 section 4.1.1.1). Asks no DNS."""

from __future__ import annotations

from zope.interface import implementer

from mailframe.message.address import parse_domain
from mailframe.message.origin import Origin
from mailframe.message.status import Status

from .interfaces import IHeloPolicy

NO_NAME = Status((5, 5, 2), "That is no host name and no address literal", reply_code=501)
NOT_QUALIFIED = Status((5, 5, 2), "Give a fully qualified host name", reply_code=504)


@implementer(IHeloPolicy)
class HeloPolicy:
    """Looks at the name only.

    Args:
        qualified: refuse names without a dot, too. Mail programs on people's own machines say such names, so
            this is for exchangers.
    """

    def __init__(self, qualified: bool = False) -> None:
        self._qualified = qualified

    async def helo(self, origin: Origin) -> Status | None:
        """Refuse what is neither a domain nor an address literal."""
        try:
            domain = parse_domain(origin.helo or "")
        except ValueError:
            return NO_NAME
        if self._qualified and not domain.startswith("[") and "." not in domain:
            return NOT_QUALIFIED
        return None
