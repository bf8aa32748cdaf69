"""How many connections there may be: in all, from one network, of one account."""

from __future__ import annotations

import ipaddress

from mailframe.message.status import MailframeError, Status

TOO_MANY = Status((4, 3, 2), "Too many connections here; try again later", "UNAVAILABLE")
TOO_MANY_FROM_NETWORK = Status((4, 7, 0), "Too many connections from your network; try again later", "LIMIT")
TOO_MANY_OF_ACCOUNT = Status((4, 7, 0), "Too many connections of this account; close some", "LIMIT")


class ConnectionLimits:
    """Counts the connections of one listener in one process.

    Args:
        total: connections at the same time.
        per_network: of these, from one IPv4 address or IPv6 /64 network; 0 for no such limit. Local sockets
            count in ``total`` only.
        per_account: logged-in connections of one account; 0 for no such limit.
    """

    def __init__(self, total: int, per_network: int, per_account: int) -> None:
        self._total = total
        self._open = 0
        self._networks = _Counts(per_network)
        self._accounts = _Counts(per_account)

    def admit(self, peer: str) -> None:
        """Count a connection; only one that was admitted is released.

        Raises:
            MailframeError: it is one too many.
        """
        if self._open >= self._total:
            raise MailframeError(TOO_MANY)
        if not self._networks.add(network_of(peer)):
            raise MailframeError(TOO_MANY_FROM_NETWORK)
        self._open += 1

    def release(self, peer: str) -> None:
        """A connection that was admitted is gone."""
        self._open -= 1
        self._networks.remove(network_of(peer))

    def enter(self, account: str) -> None:
        """Count a login; only one that was counted leaves.

        Raises:
            MailframeError: it is one too many.
        """
        if not self._accounts.add(account):
            raise MailframeError(TOO_MANY_OF_ACCOUNT)

    def leave(self, account: str) -> None:
        """A logged-in connection is gone."""
        self._accounts.remove(account)


class _Counts:
    """How often each key is here, up to a limit; "" is not counted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}

    def add(self, key: str) -> bool:
        count = self._counts.get(key, 0)
        if self._limit and count >= self._limit:
            return False
        if key:
            self._counts[key] = count + 1
        return True

    def remove(self, key: str) -> None:
        count = self._counts.get(key, 0) - 1
        if count > 0:
            self._counts[key] = count
        else:
            self._counts.pop(key, None)


def network_of(peer: str) -> str:
    """The network a peer is counted in: an IPv4 address or an IPv6 /64; "" for what is no IP address."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(address) >> 64 << 64)}/64"


def is_loopback(peer: str) -> bool:
    """Is the peer on this machine?"""
    if peer == "unix":
        return True
    try:
        return ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False
