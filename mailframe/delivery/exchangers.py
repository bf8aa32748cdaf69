"""The hosts that mail for a domain goes to (RFC 5321 section 5.1)."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from mailframe.dns.interfaces import IResolver
from mailframe.dns.values import Answer, Found, RecordType
from mailframe.message.status import MailframeError, Status
from mailframe.routing.null_mx import RECIPIENT_TAKES_NO_MAIL, is_null_mx, reachable_exchanges

NO_DOMAIN: Final = Status((5, 1, 2), "The recipient's domain does not exist")
BAD_DOMAIN: Final = Status((5, 1, 2), "The recipient's domain cannot be a name in the DNS")
BAD_LITERAL: Final = Status((5, 1, 3), "The recipient's address literal is not an IP address")
NO_HOSTS: Final = Status((5, 4, 4), "The recipient's domain has no host that takes mail")
EXCHANGERS_LIMIT: Final = 100
"""Hosts of a domain that are looked at; the best of them, whatever a domain lists."""
LOOP: Final = Status((5, 4, 6), "Mail for the recipient's domain would come back to us: we are its best host")


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One host.

    Attributes:
        name: its name as A-labels, lower case; the address itself for an address literal.
        preference: lower first.
        secure: DNSSEC proves that the domain's mail goes there.
        address: its IP address, for an address literal.
    """

    name: str
    preference: int = 0
    secure: bool = False
    address: str | None = None


class Exchangers:
    """Finds them.

    Args:
        resolver: asks the DNS.
        own_names: ours, as A-labels: where we are among the hosts, we and all that are not better are left out.
        chance: shuffles hosts of the same preference.
    """

    def __init__(
        self, resolver: IResolver, own_names: Collection[str] = (), chance: random.Random | None = None
    ) -> None:
        self._resolver = resolver
        self._own_names = frozenset(name.lower().rstrip(".") for name in own_names)
        self._chance = chance or random.Random()

    async def find(self, domain: str) -> Sequence[Exchanger]:
        """The hosts of a domain, in the order in which to try them; at least one.

        Args:
            domain: as A-labels, or an address literal with its brackets.

        Raises:
            MailframeError: permanent: there is no such domain, it takes no mail, or its best host are we; temporary
                (`mailframe.dns.interfaces.LookupFailed`): nobody can say now.
        """
        if domain.startswith("["):
            return [literal(domain)]
        try:
            answer = await self._resolver.lookup(domain, RecordType.MX)
        except ValueError:
            raise MailframeError(BAD_DOMAIN) from None
        if answer.found is Found.NO_NAME:
            raise MailframeError(NO_DOMAIN)
        if not answer.exchanges:
            # "If an empty list of MXs is returned, the address is treated as if it was associated with an implicit
            # MX RR, with a preference of 0, pointing to that host."
            return without_us([Exchanger(domain, 0, answer.secure)], self._own_names)
        return without_us(self._listed(answer), self._own_names)[:EXCHANGERS_LIMIT]

    def _listed(self, answer: Answer) -> Sequence[Exchanger]:
        records = [(record.preference, record.exchange.lower().rstrip(".")) for record in answer.exchanges]
        if is_null_mx(records):
            raise MailframeError(RECIPIENT_TAKES_NO_MAIL)
        best: dict[str, int] = {}
        for preference, name in reachable_exchanges(records):
            best[name] = min(preference, best.get(name, preference))
        if not best:
            raise MailframeError(NO_HOSTS)
        found = [Exchanger(name, preference, answer.secure) for name, preference in best.items()]
        # "If there are multiple destinations with the same preference ... the sender-SMTP MUST randomize them."
        self._chance.shuffle(found)
        return sorted(found, key=lambda exchanger: exchanger.preference)


def without_us(exchangers: Sequence[Exchanger], ours: Collection[str]) -> Sequence[Exchanger]:
    """Only hosts that are better than we are.

    RFC 5321 section 5.1: where one of the names is ours, that record and all of its preference or a worse one are
    left out, since mail would go in circles.

    Args:
        exchangers: all.
        ours: which names of them are ours.

    Raises:
        MailframeError: permanent: none is left.
    """
    limit = min((each.preference for each in exchangers if each.name in ours), default=None)
    if limit is None:
        return exchangers
    left = [each for each in exchangers if each.preference < limit]
    if not left:
        raise MailframeError(LOOP)
    return left


def literal(domain: str) -> Exchanger:
    """The host of an address literal, ``[192.0.2.1]`` or ``[IPv6:2001:db8::1]`` (RFC 5321 section 4.1.3).

    Raises:
        MailframeError: permanent: it is no IP address.
    """
    text = domain.removeprefix("[").removesuffix("]")
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise MailframeError(BAD_LITERAL) from None
    # IPv4 in disguise is taken for what it is, so that all rules for addresses hold for it.
    address = str(getattr(parsed, "ipv4_mapped", None) or parsed)
    return Exchanger(address, 0, False, address)
