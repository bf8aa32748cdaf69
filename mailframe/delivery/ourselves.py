"""Which IP addresses are this machine's, so that mail does not go round in circles."""

from __future__ import annotations

import ipaddress
import socket


def is_own_address(address: str) -> bool:
    """Would a connection to this address come back to this machine?

    The kernel is asked: it sends to an address of its own from that address. Nothing is sent for it. That needs no
    list of interfaces, and sees addresses that came while we run.

    Args:
        address: an IP address.
    """
    parsed = ipaddress.ip_address(address)
    if parsed.is_loopback or parsed.is_unspecified:
        return True
    family = socket.AF_INET6 if parsed.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 25))
            return bool(ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == parsed)
    except OSError:
        return False  # there is no way to it at all


def nobody(address: str) -> bool:
    """For tests on one machine: no address is ours."""
    return False
