"""Takes mail only from people who logged in: what makes a listener a submission service (RFC 6409)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from zope.interface import implementer

from mailframe.message.envelope import Envelope
from mailframe.message.origin import Origin, ip_address
from mailframe.message.status import Status

from .interfaces import IMailPolicy

LOGIN_FIRST = Status((5, 7, 0), "Log in first", reply_code=530)
NOT_YOURS = Status((5, 7, 1), "You may not send from that address", reply_code=553)


@implementer(IMailPolicy)
class LoginPolicy:
    """Refuses MAIL before a login.

    Args:
        own_address_only: the reverse-path must be the account's own address, or null.
        networks: clients there need not log in, ``"192.0.2.0/24"``.

    Raises:
        ValueError: what is given as a network is none.
    """

    def __init__(self, own_address_only: bool = False, networks: Sequence[str] = ()) -> None:
        self._own_address_only = own_address_only
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """Refuse without login, or with another's address."""
        if origin.login is None:
            return None if self._networks and self._is_listed(origin.peer) else LOGIN_FIRST
        reverse_path = envelope.reverse_path
        if not self._own_address_only or reverse_path is None:
            return None
        return None if str(reverse_path).lower() == origin.login.lower() else NOT_YOURS

    def _is_listed(self, peer: str) -> bool:
        address = ip_address(peer)
        return address is not None and any(address in network for network in self._networks)
