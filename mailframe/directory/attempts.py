"""Who must wait before a login is looked at, and what is held against whom when it was wrong.

Passwords, proofs and tokens are counted alike: whoever guesses has no use for another mechanism.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailframe.limits.interfaces import ITallies
from mailframe.limits.networks import ClientNetworks
from mailframe.message.status import MailframeError

from .backoff import BackOff
from .hashing import BUSY
from .options import PasswordOptions

KNOWN = 7 * 86400.0
"""Seconds for which a network counts as one that an account logs in from."""
_KNOWN = "login.known"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt while it waits and is checked.

    Attributes:
        name: the account's name; "" where the client guesses none.
        network: the client's; None for one that is not watched.
        watched: what it is held against: tables and names in them.
        delay: seconds it waits.
    """

    name: str
    network: str | None
    watched: Sequence[tuple[BackOff, str]]
    delay: float


class Attempts:
    """Counts and delays.

    Args:
        reactor: for time.
        options: bounds and delays.
        tallies: keep the counts, for all workers.
    """

    def __init__(self, reactor: IReactorTime, options: PasswordOptions, tallies: ITallies) -> None:
        self._reactor = reactor
        self._waiting = options.waiting
        self._tallies = tallies
        self._networks = ClientNetworks(options.ipv4_prefix, options.ipv6_prefix, options.trusted_networks)
        delays = (options.first_delay, options.longest_delay, options.forget)
        self._by_account = BackOff(tallies, "login.account", options.account_attempts, *delays)
        # A kind of its own: whoever says a name chooses it, and it must not be the key of such a pair.
        self._by_pair = BackOff(tallies, "login.pair", options.account_attempts, *delays)
        self._by_network = BackOff(
            tallies, "login.network", options.network_attempts, *delays, many_people=True
        )

    def begin(self, name: str, peer: str) -> Attempt:
        """An attempt begins; `end` must follow.

        Args:
            name: the account's; "" to hold it against the network only.
            peer: the client's address.
        """
        network = self._networks.of(peer)
        watched = self._watched(name, network)
        delay = max([table.begin(key) for table, key in watched], default=0.0)
        return Attempt(name, network, watched, delay)

    def ask(self, name: str, peer: str) -> Attempt:
        """A question that costs us something begins, without which no proof can be made; `end` must follow.

        It is not held against the account: nothing is guessed by it.
        """
        network = self._networks.of(peer)
        watched = self._asking(name, network)
        delay = max([table.begin(key) for table, key in watched], default=0.0)
        return Attempt(name, network, watched, delay)

    def answered(self, name: str, peer: str) -> None:
        """The proof came: the question, which had been counted as a failure, was none."""
        for table, key in self._asking(name, self._networks.of(peer)):
            table.forgive(key, 1)

    def unanswered(self, name: str, peer: str) -> None:
        """The proof was not looked at, because whoever sent it hung up."""
        for table, key in self._asking(name, self._networks.of(peer)):
            table.failed(key)

    async def wait(self, attempt: Attempt) -> None:
        """Wait as long as earlier failures make it.

        Raises:
            MailframeError: `BUSY`, too many wait already.
        """
        if attempt.delay:
            if any(table.pending(key) > self._waiting for table, key in attempt.watched):
                raise MailframeError(BUSY, "too many logins of this account or network are waiting")
            await deferLater(cast(Any, self._reactor), attempt.delay)

    def count(self, attempt: Attempt, right: bool) -> None:
        """Hold the outcome against, or for, whoever tried."""
        if not right:
            for table, key in attempt.watched:
                table.failed(key)
        elif attempt.watched:
            # An attacker with an account of his own may not wash his network clean with it: as many failures are
            # forgiven as there were on this account.
            first, name = attempt.watched[0]
            failures = first.failures(name) if attempt.name else 0
            for table, key in attempt.watched:
                table.forgive(key, failures)
        if right and attempt.name and attempt.network is not None:
            self._tallies.spend(_KNOWN, f"{attempt.network} {attempt.name}", 1, 0, KNOWN)

    def end(self, attempt: Attempt) -> None:
        """The attempt is over, however it went."""
        for table, key in attempt.watched:
            table.end(key)

    def _asking(self, name: str, network: str | None) -> list[tuple[BackOff, str]]:
        return [each for each in self._watched(name, network) if each != (self._by_account, name)]

    def _watched(self, name: str, network: str | None) -> list[tuple[BackOff, str]]:
        """Account and network, or the two as one where they are known."""
        by_network = [] if network is None else [(self._by_network, network)]
        if not name:
            return by_network
        if network is not None and self._tallies.spent(_KNOWN, f"{network} {name}", KNOWN):
            return [(self._by_pair, f"{network} {name}")]
        return [(self._by_account, name), *by_network]


class Recent:
    """A bounded set whose members expire; the one unused longest goes first.

    Args:
        entries: members it has at most.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._until: OrderedDict[Any, float] = OrderedDict()

    def has(self, key: object, now: float) -> bool:
        """Is it a member still?"""
        until = self._until.get(key)
        if until is None:
            return False
        if until <= now:
            del self._until[key]
            return False
        self._until.move_to_end(key)
        return True

    def add(self, key: object, until: float) -> None:
        """Make it a member until then."""
        self._until[key] = until
        self._until.move_to_end(key)
        if len(self._until) > self._entries:
            self._until.popitem(last=False)

    def clear(self) -> None:
        """Forget all members."""
        self._until.clear()
