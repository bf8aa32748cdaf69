"""The addresses of ours that connections are made from, in turn."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .shaping_options import SourceOptions


class Sources:
    """A pool of addresses. Each worker takes them in turn, by itself.

    Args:
        options: addresses of either family.
    """

    def __init__(self, options: Sequence[SourceOptions]) -> None:
        self._addresses: dict[int, list[str]] = {4: [], 6: []}
        for each in options:
            address = ipaddress.ip_address(each.address)
            self._addresses[address.version].append(str(address))
        self._turn = {4: 0, 6: 0}

    def take(self, address: str) -> str | None:
        """The address to connect from to another; None: the system chooses."""
        version = ipaddress.ip_address(address).version
        addresses = self._addresses[version]
        if not addresses:
            return None
        self._turn[version] = (self._turn[version] + 1) % len(addresses)
        return addresses[self._turn[version] - 1]
