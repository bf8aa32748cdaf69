"""How many connections there may be: in all, from one network, of one account. And who is on this machine."""

from __future__ import annotations

import ipaddress

from mailframe.message.origin import ip_address
from mailframe.message.status import MailframeError, Status

TOO_MANY = Status((4, 3, 2), "Too many connections here; try again later", "UNAVAILABLE")
TOO_MANY_OF_NETWORK = Status((4, 7, 0), "Too many connections from your network; try again later", "LIMIT")
TOO_MANY_OF_ACCOUNT = Status((4, 7, 0), "Too many connections of this account; close some", "LIMIT")


class ConnectionLimits:
    """Counts what is open at one listener in one process.

    Whoever admits a connection or a login gives it back once, by `release` and `log_out`.

    Args:
        total: connections at the same time.
        per_network: of these, from one network (see `network_of`); 0 for no such limit. Local sockets count in
            ``total`` only.
        per_account: logins of one account at the same time; 0 for no such limit.
    """

    def __init__(self, total: int, per_network: int = 0, per_account: int = 0) -> None:
        self._all = _Tally(total)
        self._networks = _Tally(per_network)
        self._accounts = _Tally(per_account)

    @property
    def open(self) -> int:
        """Connections open now."""
        return self._all.count("*")

    def admit(self, peer: str) -> None:
        """Count a connection.

        Raises:
            MailframeError: it is one too many; it was not counted.
        """
        if not self._all.add("*"):
            raise MailframeError(TOO_MANY)
        network = network_of(peer)
        if network and not self._networks.add(network):
            self._all.take("*")
            raise MailframeError(TOO_MANY_OF_NETWORK)

    def release(self, peer: str) -> None:
        """A connection that was admitted is gone."""
        self._all.take("*")
        network = network_of(peer)
        if network:
            self._networks.take(network)

    def log_in(self, account: str) -> None:
        """Count a login.

        Raises:
            MailframeError: it is one too many; it was not counted.
        """
        if not self._accounts.add(account):
            raise MailframeError(TOO_MANY_OF_ACCOUNT)

    def log_out(self, account: str) -> None:
        """A login that was counted is over."""
        self._accounts.take(account)


class _Tally:
    """How many there are of each name; a limit of 0 is none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}

    def count(self, name: str) -> int:
        return self._counts.get(name, 0)

    def add(self, name: str) -> bool:
        count = self._counts.get(name, 0)
        if self._limit and count >= self._limit:
            return False
        self._counts[name] = count + 1
        return True

    def take(self, name: str) -> None:
        count = self._counts.pop(name) - 1
        if count:
            self._counts[name] = count


def network_of(peer: str) -> str:
    """What a peer is counted under: its IPv4 address, or its IPv6 /64, the least that one customer has.

    Args:
        peer: an address as `IConnection.peer` has it.

    Returns:
        "" for what is no IP address.
    """
    address = ip_address(peer)
    if address is None:
        return ""
    if address.version == 6:
        return f"{ipaddress.IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def is_loopback(peer: str) -> bool:
    """Is this peer on this machine: a local socket, or a loopback address?"""
    address = ip_address(peer)
    return peer == "unix" if address is None else address.is_loopback
