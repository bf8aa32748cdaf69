"""How many connections there may be: of one listener, from one network, of one account."""

from __future__ import annotations

from mailframe.message.status import MailframeError, Status

from .interfaces import ITallies
from .networks import ClientNetworks

TOO_MANY = Status((4, 3, 2), "Too many connections here; try again later", "UNAVAILABLE")
TOO_MANY_OF_NETWORK = Status((4, 7, 0), "Too many connections from your network; try again later", "LIMIT")
TOO_MANY_IN_A_MINUTE = Status(
    (4, 7, 0), "Too many connections from your network in a minute; try again later", "LIMIT"
)
MINUTE = 60.0
TOO_MANY_OF_ACCOUNT = Status((4, 7, 0), "Too many connections of this account; close some", "LIMIT")


class ConnectionLimits:
    """Counts what is open at one listener; networks and accounts over all listeners and workers that count alike.

    Whoever admits a connection or a login gives it back once, by `release` and `log_out`, with the same name.

    Args:
        tallies: count networks and accounts.
        kind: what is counted together, such as ``imap``.
        total: connections of this listener in this process: each takes a descriptor of it.
        per_network: connections from one network; 0 for no such limit.
        per_account: logins of one account; 0 for no such limit.
        networks: says what a network is, and which are exempt.
        per_minute: connections that one network may begin in a minute; 0 for no such limit.
    """

    def __init__(
        self,
        tallies: ITallies,
        kind: str,
        total: int,
        per_network: int = 0,
        per_account: int = 0,
        networks: ClientNetworks | None = None,
        per_minute: int = 0,
    ) -> None:
        self._tallies = tallies
        self._by_network = f"{kind}.connections.network"
        self._by_account = f"{kind}.connections.account"
        self._begun = f"{kind}.connections.begun"
        self._total = total
        self._per_network = per_network
        self._per_account = per_account
        self._per_minute = per_minute
        self._networks = networks or ClientNetworks()
        self.open = 0
        """Connections open now."""

    def admit(self, peer: str) -> None:
        """Count a connection.

        Args:
            peer: as `IConnection.peer` has it. Local sockets and exempt networks count in the total only.

        Raises:
            MailframeError: it is one too many; it was not counted.
        """
        if self.open >= self._total:
            raise MailframeError(TOO_MANY)
        network = self._networks.of(peer)
        if network is not None:
            self._admit(network)
        self.open += 1

    def _admit(self, network: str) -> None:
        if self._per_minute and not self._tallies.spend(self._begun, network, 1, self._per_minute, MINUTE):
            raise MailframeError(TOO_MANY_IN_A_MINUTE)
        if not self._tallies.enter(self._by_network, network, self._per_network):
            raise MailframeError(TOO_MANY_OF_NETWORK)

    def release(self, peer: str) -> None:
        """A connection that was admitted is gone."""
        self.open -= 1
        network = self._networks.of(peer)
        if network is not None:
            self._tallies.leave(self._by_network, network)

    def log_in(self, account: str) -> None:
        """Count a login.

        Raises:
            MailframeError: it is one too many; it was not counted.
        """
        if not self._tallies.enter(self._by_account, account, self._per_account):
            raise MailframeError(TOO_MANY_OF_ACCOUNT)

    def log_out(self, account: str) -> None:
        """A login that was counted is over."""
        self._tallies.leave(self._by_account, account)
