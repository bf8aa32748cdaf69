"""From names of hosts to connections: their addresses, which of them answered lately, and which of them are ours."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import deferLater
from zope.interface import implementer

from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.dns.values import RecordType
from mailframe.message.networks import Networks
from mailframe.message.status import MailframeError

from .exchangers import NO_HOSTS, Exchanger, without_us
from .racing import Race
from .remote_options import RemoteOptions
from .shaping import ROOM_AGAIN, Shape, SiteFull, SiteLimits

MEMORY: Final = 10_000
"""Addresses that are remembered as down."""
KEPT: Final = 1000
"""Sites whose addresses are kept for a moment."""
KEPT_TIME: Final = 2.0
"""Seconds for which they are: more than a burst to one site needs, less than any change in the DNS."""
RECORDS: Final = 32
"""Addresses of one host that are looked at."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of one host: its addresses, whether one is ours, and why there may be more."""

    addresses: Sequence[str]
    ours: bool
    fault: MailframeError | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """An exchanger with its addresses, in the order in which to try them; at least one."""

    exchanger: Exchanger
    addresses: tuple[str, ...]


class Memory:
    """Which addresses did not answer lately.

    Args:
        seconds: a clock.
        down_time: for so long each is remembered.
    """

    def __init__(self, seconds: Callable[[], float], down_time: float) -> None:
        self._seconds = seconds
        self._down_time = down_time
        self._down: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._down)

    def note_down(self, address: str) -> None:
        """It did not answer, or did not want to talk with us."""
        if self._down_time <= 0:
            return
        self._down.pop(address, None)
        if len(self._down) >= MEMORY:
            # The oldest goes: they stand in the order in which they were noted.
            del self._down[next(iter(self._down))]
        self._down[address] = self._seconds() + self._down_time

    def note_up(self, address: str) -> None:
        """It answered."""
        self._down.pop(address, None)

    def is_down(self, address: str) -> bool:
        """Should it be tried after all others?"""
        until = self._down.get(address)
        if until is None:
            return False
        if until <= self._seconds():
            del self._down[address]
            return False
        return True


class Reach:
    """Finds the addresses of hosts.

    Args:
        resolver: asks the DNS.
        options: how many, and of which families.
        memory: what did not answer.
        ours: is an address this machine's?
        seconds: a clock.
        chance: shuffles addresses of one family.
    """

    def __init__(
        self,
        resolver: IResolver,
        options: RemoteOptions,
        memory: Memory,
        ours: Callable[[str], bool],
        seconds: Callable[[], float],
        chance: random.Random | None = None,
    ) -> None:
        self._resolver = resolver
        self._options = options
        self._memory = memory
        self._ours = ours
        self._avoided = Networks(options.avoided_networks)
        self._seconds = seconds
        self._kept: dict[tuple[object, ...], tuple[float, dict[str, _Found]]] = {}
        self._chance = chance or random.Random()

    async def hosts(self, exchangers: Sequence[Exchanger], shape: Shape) -> Sequence[Host]:
        """The hosts to try, in order.

        Where one has an address of ours, it and all that are not better are left out. Hosts of which no address
        answered lately come last.

        Args:
            exchangers: in the order to try them; those beyond twice `RemoteOptions.hosts_limit` are not looked at.
            shape: families of addresses.

        Raises:
            MailframeError: permanent: no host has an address, or the best is ours; temporary: nobody can say now.
        """
        chosen = exchangers[: 2 * self._options.hosts_limit]
        found = await self._all_addresses(chosen, shape)
        better = without_us(
            chosen, [each.name for each, what in zip(chosen, found, strict=True) if what.ours]
        )
        hosts = [
            Host(each, tuple(self._in_order(what.addresses)))
            for each, what in zip(chosen, found, strict=True)
            if what.addresses and each in better
        ]
        if not hosts:
            raise next((what.fault for what in found if what.fault is not None), MailframeError(NO_HOSTS))
        hosts.sort(key=lambda host: all(self._memory.is_down(address) for address in host.addresses))
        return hosts[: self._options.hosts_limit]

    async def _all_addresses(self, chosen: Sequence[Exchanger], shape: Shape) -> Sequence[_Found]:
        """The addresses of each host, asked for at the same time; kept for a moment, for mail comes in bursts."""
        now = self._seconds()
        places = (shape.ipv4, shape.ipv6, *sorted(each.name for each in chosen))
        kept = self._kept.get(places)
        if kept is not None and kept[0] > now:
            return [kept[1][each.name] for each in chosen]
        found: list[_Found] = await gatherResults(
            [Deferred.fromCoroutine(self._addresses(each, shape)) for each in chosen], consumeErrors=True
        )
        if len(self._kept) >= KEPT:
            self._kept.clear()
        if not any(what.fault for what in found):
            by_name = {each.name: what for each, what in zip(chosen, found, strict=True)}
            self._kept[places] = (now + KEPT_TIME, by_name)
        return found

    async def _addresses(self, exchanger: Exchanger, shape: Shape) -> _Found:
        """What is known of one host."""
        if exchanger.address is not None:
            wanted = shape.ipv6 if ":" in exchanger.address else shape.ipv4
            return self._found([exchanger.address] if wanted and self._may(exchanger.address) else [], None)
        kinds = [RecordType.AAAA] * shape.ipv6 + [RecordType.A] * shape.ipv4
        found: list[str] = []
        fault: MailframeError | None = None
        for kind in kinds:
            try:
                answer = await self._resolver.lookup(exchanger.name, kind)
            except LookupFailed as error:
                fault = error
            except ValueError:
                continue  # "10 mail..example.test" is in some zones
            else:
                found += [text for text in answer.texts[:RECORDS] if self._may(text)]
        return self._found(list(dict.fromkeys(found)), fault)

    def _may(self, address: str) -> bool:
        """May mail go there at all?"""
        return _may_be_host(address) and address not in self._avoided

    def _found(self, addresses: Sequence[str], fault: MailframeError | None) -> _Found:
        return _Found(addresses, any(self._ours(address) for address in addresses), fault)

    def _in_order(self, addresses: Sequence[str]) -> Sequence[str]:
        """IPv6 and IPv4 in turn (RFC 8305 section 4), each shuffled; what is down comes last."""
        shuffled = list(addresses)
        self._chance.shuffle(shuffled)
        six = [address for address in shuffled if ":" in address]
        four = [address for address in shuffled if ":" not in address]
        mixed = [address for address in chain.from_iterable(zip_longest(six, four)) if address is not None]
        return sorted(mixed, key=self._memory.is_down)


def _may_be_host(text: str) -> bool:
    """Not for groups or everybody, nor for this link only; nor IPv4 in disguise, which another record says better."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return False
    reserved = address.version == 4 and address.is_reserved
    return not (address.is_multicast or address.is_link_local or reserved)


class _Entry:
    """One connection that counts, until it is left; safe to leave twice."""

    def __init__(self, limits: SiteLimits) -> None:
        self._limits: SiteLimits | None = limits

    def leave(self) -> None:
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.leave()


class _Counted(ClientFactory):
    """Has each connection say when it is over."""

    noisy = False

    def __init__(self, factory: IProtocolFactory, entry: _Entry) -> None:
        self._factory = factory
        self._entry = entry

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        protocol = self._factory.buildProtocol(addr)  # type: ignore[arg-type]
        if protocol is not None:
            protocol.left = self._entry.leave  # type: ignore[attr-defined]
        return protocol


@implementer(IStreamClientEndpoint)
class Approach:
    """Connects to a host by the race of its addresses, as the limits of the site allow.

    Where all connections are in use it waits a little: one of ours may just be saying goodbye.

    Args:
        clock: for waiting.
        race: connects.
        limits: of the site.
    """

    def __init__(self, clock: IReactorTime, race: Race, limits: SiteLimits) -> None:
        self._clock = clock
        self.race = race
        self._limits = limits

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """As `IStreamClientEndpoint.connect`, for the protocol of our client; fails with `SiteFull`, too."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        entry = await self._enter()
        try:
            return await self.race.connect(_Counted(factory, entry))
        except BaseException:
            entry.leave()
            raise

    async def _enter(self) -> _Entry:
        for patience in (0.1, 0.4, 1.0):
            try:
                self._limits.enter()
                return _Entry(self._limits)
            except SiteFull as full:
                if full.retry_after != ROOM_AGAIN:
                    raise
            await deferLater(self._clock, patience, lambda: None)
        self._limits.enter()
        return _Entry(self._limits)
