"""Which network a client belongs to: what limits per network count it under."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from mailframe.message.networks import Networks
from mailframe.message.origin import ip_address

_CACHED = 4096


class ClientNetworks:
    """Networks of clients, by the length of their prefix.

    Args:
        ipv4_prefix: bits that make an IPv4 network.
        ipv6_prefix: bits that make an IPv6 network; a customer usually has 64 or fewer.
        exempt: networks that nothing is counted of, such as ``10.0.0.0/8``.

    Raises:
        ValueError: an exempt network is none.
    """

    def __init__(self, ipv4_prefix: int = 32, ipv6_prefix: int = 64, exempt: Iterable[str] = ()) -> None:
        self._prefixes = {4: ipv4_prefix, 6: ipv6_prefix}
        self._exempt = Networks(exempt)
        self.of = lru_cache(_CACHED)(self._of)
        """The network of a peer as text; None for an exempt one and for what is no IP address."""

    def _of(self, peer: str) -> str | None:
        address = ip_address(peer)
        if address is None or peer in self._exempt:
            return None
        return str(ipaddress.ip_network((address, self._prefixes[address.version]), strict=False))
