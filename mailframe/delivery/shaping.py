"""How fast, over how many connections and from where mail goes to a site: rules of the configuration, and limits.

A site is the set of hosts that a domain's mail may go to. Thousands of domains with the same hosts are one site, and
have its limits together; so have all workers of a node, by `mailframe.limits.interfaces.ITallies`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Final

import attrs

from mailframe.limits.interfaces import ITallies
from mailframe.message.idn import to_ascii
from mailframe.message.status import MailframeError, Status

from .metrics import LIMITED
from .remote_options import RemoteOptions
from .shaping_options import ShapingOptions, SourceOptions

SITE_FULL: Final = Status((4, 4, 5), "Our own limit on mail to this site is reached; it is sent later")
CONNECTIONS: Final = "delivery.connections"
NEW_CONNECTIONS: Final = "delivery.new_connections"
ROOM_AGAIN: Final = 5.0
"""Seconds after which to ask again for a connection where all are in use."""
MINUTE: Final = 60.0
HOUR: Final = 3600.0

_NAME_LIMIT: Final = 60


@dataclass(frozen=True, slots=True)
class Shape:
    """What holds for one site; limits of 0 are none. See `ShapingOptions` for the attributes."""

    connections: int = 0
    connections_per_minute: int = 0
    messages_per_connection: int = 100
    messages_per_minute: int = 0
    messages_per_hour: int = 0
    recipients_per_minute: int = 0
    recipients_per_hour: int = 0
    recipients_per_transaction: int = 100
    idle_time: float = 30.0
    sources: tuple[SourceOptions, ...] = ()
    ipv4: bool = True
    ipv6: bool = True


class SiteFull(MailframeError):
    """A limit of ours is reached; no host was asked.

    Attributes:
        retry_after: seconds until there may be room.
    """

    def __init__(self, limit: str, retry_after: float) -> None:
        super().__init__(SITE_FULL, f"{SITE_FULL.text} ({limit})")
        self.retry_after = retry_after


class Shaping:
    """The rules.

    Args:
        rules: in the order of the configuration; of those that fit, the first that says something is followed.
        options: what holds where no rule says anything.
    """

    def __init__(self, rules: Sequence[ShapingOptions], options: RemoteOptions) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self._usual = _usual(options)
        self._shapes: dict[tuple[int, ...], Shape] = {}

    def shape(self, domain: str, hosts: Sequence[str]) -> Shape:
        """What holds for a domain's mail; equal answers are one object.

        Args:
            domain: as A-labels, or an address literal.
            hosts: names of all hosts its mail may go to, as A-labels.
        """
        fitting = tuple([number for number, rule in enumerate(self._rules) if rule.fits(domain, hosts)])
        shape = self._shapes.get(fitting)
        if shape is None:
            shape = self._shapes[fitting] = _merged(
                [self._rules[number].options for number in fitting], self._usual
            )
        return shape


class _Rule:
    def __init__(self, options: ShapingOptions) -> None:
        self.options = options
        self._domains = _pattern(options.domains)
        self._hosts = _pattern(options.hosts)

    def fits(self, domain: str, hosts: Sequence[str]) -> bool:
        if self._domains is not None and not self._domains.fullmatch(domain):
            return False
        return self._hosts is None or any(self._hosts.fullmatch(host) for host in hosts)


def _pattern(texts: Sequence[str]) -> re.Pattern[str] | None:
    """One expression for all patterns, in which only ``*`` and ``?`` mean something."""
    if not texts:
        return None
    # What it makes never goes back over a "*": strangers choose the names that are compared.
    expressions = [translate(_as_ascii(text).replace("[", "[[]")) for text in texts]
    return re.compile("|".join(expressions), re.IGNORECASE)


def _as_ascii(pattern: str) -> str:
    try:
        return to_ascii(pattern.lower())
    except ValueError:
        return pattern.lower()


def _usual(options: RemoteOptions) -> Shape:
    return Shape(
        messages_per_connection=options.messages_per_connection,
        recipients_per_transaction=options.recipients_per_transaction,
        idle_time=options.idle_time,
        sources=tuple(options.sources),
        ipv4=options.ipv4,
        ipv6=options.ipv6,
    )


def _merged(rules: Sequence[ShapingOptions], usual: Shape) -> Shape:
    values: dict[str, object] = {}
    for rule in rules:
        for field in attrs.fields(ShapingOptions):
            value = getattr(rule, field.name)
            if field.name not in ("domains", "hosts") and value is not None:
                values.setdefault(field.name, tuple(value) if isinstance(value, list) else value)
    shape = {name: values.get(name, getattr(usual, name)) for name in Shape.__slots__}
    return Shape(**shape)  # type: ignore[arg-type]


def site_name(hosts: Sequence[str]) -> str:
    """A short name for a set of hosts, the same in all workers."""
    names = sorted(set(hosts))
    whole = ",".join(names)
    if len(whole) <= _NAME_LIMIT:
        return whole
    return f"{names[0][: _NAME_LIMIT - 18]}+{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class _Rate:
    kind: str
    limit: int
    amount: int
    window: float


class SiteLimits:
    """What one site is allowed now.

    Args:
        tallies: counts, over all workers.
        site: its name.
        shape: its limits.
        own: connections of this worker by site.
        make_room: ends idle ones of them to this site.
    """

    def __init__(
        self, tallies: ITallies, site: str, shape: Shape, own: Counter[str], make_room: Callable[[], None]
    ) -> None:
        self._tallies = tallies
        self.site = site
        self.shape = shape
        self._own = own
        self._make_room = make_room

    def spend(self, recipients: int) -> None:
        """One message to so many recipients is to be sent.

        Raises:
            SiteFull: not now. Nothing was counted.
        """
        shape = self.shape
        rates = [
            _Rate("delivery.messages.minute", shape.messages_per_minute, 1, MINUTE),
            _Rate("delivery.messages.hour", shape.messages_per_hour, 1, HOUR),
            _Rate("delivery.recipients.minute", shape.recipients_per_minute, recipients, MINUTE),
            _Rate("delivery.recipients.hour", shape.recipients_per_hour, recipients, HOUR),
        ]
        rates = [rate for rate in rates if rate.limit]
        for rate in rates:
            # More recipients than ever may go at once go when all of the limit is free, instead of never.
            spent = self._tallies.spent(rate.kind, self.site, rate.window)
            if spent + min(rate.amount, rate.limit) > rate.limit:
                raise _full(rate.kind, rate.limit, rate.window)
        for rate in rates:
            self._tallies.spend(rate.kind, self.site, rate.amount, 0, rate.window)

    def check_connections(self) -> None:
        """Is there any hope of a connection? To be asked before `spend`, so that no amount is spent in vain.

        Raises:
            SiteFull: other workers have all of them; where one is ours, it may be free soon.
        """
        limit = self.shape.connections
        if limit and not self._own[self.site] and self._tallies.count(CONNECTIONS, self.site) >= limit:
            LIMITED.labels(CONNECTIONS).inc()
            raise SiteFull(f"{limit} connections", ROOM_AGAIN)

    def enter(self) -> None:
        """One more connection; whoever got it calls `leave` once.

        Raises:
            SiteFull: not now.
        """
        limit = self.shape.connections
        # Without a limit nothing is counted: the room for names of things open is for those that have one.
        if limit and not self._tallies.enter(CONNECTIONS, self.site, limit):
            # An idle connection to one host of a site must not keep us from the others.
            self._make_room()
            LIMITED.labels(CONNECTIONS).inc()
            raise SiteFull(f"{limit} connections", ROOM_AGAIN)
        if limit:
            self._own[self.site] += 1
        rate = self.shape.connections_per_minute
        if rate and not self._tallies.spend(NEW_CONNECTIONS, self.site, 1, rate, MINUTE):
            self.leave()
            raise _full(NEW_CONNECTIONS, rate, MINUTE)

    def leave(self) -> None:
        """One that was entered is over."""
        if not self.shape.connections:
            return
        self._own[self.site] -= 1
        if not self._own[self.site]:
            del self._own[self.site]
        self._tallies.leave(CONNECTIONS, self.site)


def _full(kind: str, limit: int, window: float) -> SiteFull:
    """Room comes back bit by bit: about when the next one of so many is free, at least a second from now."""
    LIMITED.labels(kind).inc()
    return SiteFull(f"{kind}: {limit}", max(1.0, window / limit))
