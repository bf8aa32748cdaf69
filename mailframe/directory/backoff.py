"""How long the next login must wait after failed ones. Values and arithmetic, no clock and no waiting."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from mailframe.message.origin import ip_address


@dataclass(slots=True)
class _Record:
    failures: int = 0
    pending: int = 0
    last: float = 0.0


class BackOff:
    """Failures by key: an account's name, or a network.

    The first ``free`` failures cost nothing; then the next attempt waits ``first`` seconds, and twice as long after
    each further failure up to ``longest``. Attempts under way count like failures, so that a hundred at once are
    no way around it: always for an account, whose owner has no reason to try two passwords at once; for a
    network, where many people may log in at once, only when failures have used up what is free. The table is
    bounded: the key that was quiet longest is forgotten first.

    Args:
        free: failures before delays begin.
        first: seconds of the first delay.
        longest: seconds of the longest delay.
        forget: seconds without a failure after which a key is clean.
        entries: keys that are kept.
        many_people: may a key stand for many people?
    """

    def __init__(
        self,
        free: int,
        first: float,
        longest: float,
        forget: float,
        entries: int,
        many_people: bool = False,
    ) -> None:
        self._free = free
        self._first = first
        self._longest = longest
        self._forget = forget
        self._entries = entries
        self._many_people = many_people
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def begin(self, key: str, now: float) -> float:
        """An attempt begins; `end` must follow.

        Returns:
            Seconds it must wait before it is checked.
        """
        record = self._record(key, now)
        before = record.failures
        if not self._many_people or before >= self._free:
            before += record.pending
        record.pending += 1
        if before < self._free:
            return 0.0
        # The exponent is bounded so that the power is.
        return min(self._longest, self._first * 2.0 ** min(before - self._free, 30))

    def end(self, key: str) -> None:
        """An attempt is over, however it went."""
        record = self._records.get(key)
        if record is not None and record.pending > 0:
            record.pending -= 1
            self._drop_clean(key, record)

    def pending(self, key: str) -> int:
        """Attempts under way."""
        record = self._records.get(key)
        return record.pending if record is not None else 0

    def failed(self, key: str, now: float) -> None:
        """An attempt was wrong."""
        record = self._record(key, now)
        record.failures += 1
        record.last = now

    def failures(self, key: str, now: float) -> int:
        """Failures held against a key."""
        return self._record(key, now).failures if key in self._records else 0

    def forgive(self, key: str, failures: int) -> None:
        """Take back that many failures."""
        record = self._records.get(key)
        if record is not None:
            record.failures = max(0, record.failures - failures)
            self._drop_clean(key, record)

    def _record(self, key: str, now: float) -> _Record:
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record()
            if len(self._records) > self._entries:
                self._records.popitem(last=False)
        else:
            self._records.move_to_end(key)
            if record.failures and now - record.last > self._forget:
                record.failures = 0
        return record

    def _drop_clean(self, key: str, record: _Record) -> None:
        if not record.failures and not record.pending:
            del self._records[key]


class Networks:
    """Which network a peer belongs to.

    Args:
        ipv4_prefix: bits that make an IPv4 network.
        ipv6_prefix: bits that make an IPv6 network; a customer usually has 64 or fewer.
        trusted: networks that are not watched, such as ``10.0.0.0/8``.

    Raises:
        ValueError: a trusted network is none.
    """

    def __init__(self, ipv4_prefix: int = 32, ipv6_prefix: int = 64, trusted: Sequence[str] = ()) -> None:
        self._prefixes = {4: ipv4_prefix, 6: ipv6_prefix}
        self._trusted = tuple(ipaddress.ip_network(network) for network in trusted)

    def of(self, peer: str) -> str | None:
        """The network of an IP address as text; None for a trusted one or what is no IP address."""
        address = ip_address(peer)
        if address is None:
            return None
        if any(address in network for network in self._trusted if network.version == address.version):
            return None
        return str(ipaddress.ip_network((address, self._prefixes[address.version]), strict=False))
