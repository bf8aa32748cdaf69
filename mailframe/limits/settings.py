"""What a listener can be told of the networks that its limits count."""

from __future__ import annotations

import attrs

from mailframe.config.types import Network, option

from .networks import ClientNetworks


@attrs.frozen(kw_only=True)
class NetworkSettings:
    """Options that every listener with limits has."""

    ipv4_prefix: int = option(
        "Bits of a client's IPv4 address that make the network which limits count.", 32, minimum=8, maximum=32
    )
    ipv6_prefix: int = option(
        "Bits of a client's IPv6 address that make the network which limits count.",
        64,
        minimum=16,
        maximum=128,
    )
    exempt_networks: tuple[Network, ...] = option(
        "Networks that limits per network do not count, such as those of a webmail host or a monitor.",
        (Network("127.0.0.0/8"), Network("::1/128")),
    )

    def client_networks(self) -> ClientNetworks:
        """The networks as these options make them."""
        return ClientNetworks(self.ipv4_prefix, self.ipv6_prefix, self.exempt_networks)
