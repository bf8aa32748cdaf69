"""Talks to listed networks only: for listeners that are not for strangers, such as LMTP."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from zope.interface import implementer

from mailframe.message.origin import Origin, ip_address
from mailframe.message.status import Status

from .interfaces import IConnectPolicy

STRANGER = Status((5, 7, 1), "Mail is not taken here from your address", reply_code=554)


@implementer(IConnectPolicy)
class ListedNetworks:
    """Talks to listed networks only, and to local sockets.

    Args:
        networks: as text, ``192.0.2.0/24``.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    async def connect(self, origin: Origin) -> Status | None:
        """Refuse strangers."""
        if origin.peer == "unix":
            return None
        address = ip_address(origin.peer)
        if address is None:
            return STRANGER
        return None if any(address in network for network in self._networks) else STRANGER
