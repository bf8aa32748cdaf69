"""How many connections there may be, in all and from one network."""

from __future__ import annotations

import ipaddress

from mailframe.message.status import Status

TOO_MANY = Status((4, 3, 2), "Too many connections here; try again later", reply_code=421)
TOO_MANY_OF_YOURS = Status(
    (4, 7, 0), "Too many connections from your network; try again later", reply_code=421
)


class ConnectionLimits:
    """Counts connections of one listener in one process.

    Args:
        total: connections at the same time.
        per_network: of these, from one IPv4 address or IPv6 /64 network (the least that one customer has);
            0 for no such limit. Local sockets count in ``total`` only.
    """

    def __init__(self, total: int, per_network: int) -> None:
        self._total = total
        self._per_network = per_network
        self._open = 0
        self._networks: dict[str, int] = {}

    def admit(self, peer: str) -> Status | None:
        """Count a connection, or say why it is one too many; only one that was counted is released."""
        if self._open >= self._total:
            return TOO_MANY
        network = network_of(peer)
        count = self._networks.get(network, 0)
        if self._per_network and network and count >= self._per_network:
            return TOO_MANY_OF_YOURS
        self._open += 1
        if network:
            self._networks[network] = count + 1
        return None

    def release(self, peer: str) -> None:
        """A connection that was admitted is gone."""
        self._open -= 1
        network = network_of(peer)
        if network:
            count = self._networks[network] - 1
            if count:
                self._networks[network] = count
            else:
                del self._networks[network]


def network_of(peer: str) -> str:
    """The network a peer is counted in: an IPv4 address, an IPv6 /64; "" for what is no IP address."""
    if ":" not in peer:
        return peer if peer[:1].isdigit() else ""
    try:
        address = ipaddress.IPv6Address(peer.partition("%")[0])
    except ValueError:
        return ""
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(address) >> 64 << 64)}/64"
