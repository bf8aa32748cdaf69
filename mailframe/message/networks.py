"""Listed networks: who belongs to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from .origin import ip_address


class Networks:
    """Some networks; ``peer in networks`` tells whether an address is in one of them.

    Args:
        networks: as text, ``192.0.2.0/24`` or ``2001:db8::1``.

    Raises:
        ValueError: one is no network.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, peer: str) -> bool:
        """Is this address, as `mailframe.message.origin.Origin.peer` has it, in one of them?

        Local sockets and unknown addresses are in none.
        """
        address = ip_address(peer) if self._networks else None
        return address is not None and any(address in network for network in self._networks)


def are_everybody(networks: Iterable[str]) -> bool:
    """Do these networks, alone or together, have all addresses of IPv4 or of IPv6?

    Raises:
        ValueError: one is no network.
    """
    parsed = [ipaddress.ip_network(network) for network in networks]
    old = ipaddress.collapse_addresses(each for each in parsed if isinstance(each, ipaddress.IPv4Network))
    new = ipaddress.collapse_addresses(each for each in parsed if isinstance(each, ipaddress.IPv6Network))
    return 0 in [each.prefixlen for each in old] + [each.prefixlen for each in new]


def is_loopback(peer: str) -> bool:
    """Is this peer on this machine: a local socket, or a loopback address?"""
    address = ip_address(peer)
    return peer == "unix" if address is None else address.is_loopback
