"""What TLS would have to give with each host of a domain, and why; for people who ask."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailframe.dns.interfaces import IResolver
from mailframe.dns.values import Answer, Found, RecordType
from mailframe.message.status import MailframeError
from mailframe.tls.policies import ClientPolicy

from .combined import TLSPolicies
from .overrides import normal_name

HOSTS_LIMIT = 20


@dataclass(frozen=True, slots=True)
class HostExplanation:
    """One host.

    Attributes:
        host: its name.
        policy: what is demanded; None where the host must not be used now.
        reasons: sentences, in the order things were found out.
    """

    host: str
    policy: ClientPolicy | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A domain.

    Attributes:
        domain: as A-labels.
        secure: DNSSEC proves who its hosts are.
        hosts: the best first, at most `HOSTS_LIMIT`; none where the domain takes no mail.
    """

    domain: str
    secure: bool
    hosts: tuple[HostExplanation, ...] = field(default=())


async def explain(resolver: IResolver, policies: TLSPolicies, domain: str) -> Explanation:
    """Ask for each host of a domain.

    Raises:
        LookupFailed: its hosts cannot be found out.
        ValueError: that is no domain.
    """
    domain = normal_name(domain)
    answer = await resolver.lookup(domain, RecordType.MX)
    if answer.found is not Found.RECORDS:
        # RFC 5321 section 5.1: the domain itself is its host.
        answer = await resolver.lookup(domain, RecordType.A)
        hosts = [domain] if answer.found is not Found.NO_NAME else []
    else:
        hosts = _hosts(answer)
    found = [await _one(policies, domain, host, answer.secure) for host in hosts[:HOSTS_LIMIT]]
    return Explanation(domain, answer.secure, tuple(found))


def _hosts(answer: Answer) -> list[str]:
    """Without the root, which says that there is none (RFC 7505)."""
    names = (record.exchange.rstrip(".").lower() for record in sorted(answer.exchanges))
    return list(dict.fromkeys(name for name in names if name))


async def _one(policies: TLSPolicies, domain: str, host: str, secure: bool) -> HostExplanation:
    reasons: list[str] = []
    try:
        policy = await policies.explain(domain, host, secure=secure, tell=reasons.append)
    except MailframeError as error:
        return HostExplanation(host, None, (*reasons, error.reason))
    return HostExplanation(host, policy, tuple(reasons))
