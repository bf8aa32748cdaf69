"""What this node would demand of TLS with a domain's hosts, for ``mailframe probe tls``."""

from __future__ import annotations

from typing import Any

from mailframe.config.schema import Configuration
from mailframe.delivery.protection.combined import TLSPolicies
from mailframe.delivery.protection.explaining import Explanation, explain
from mailframe.delivery.protection.mta_sts.cache import MemoryPolicyCache
from mailframe.delivery.protection.mta_sts.fetching import HTTPSPolicyFetcher
from mailframe.delivery.protection.mta_sts.source import MTASTS
from mailframe.delivery.protection.overrides import Overrides
from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.dns.values import RecordType
from mailframe.tls.client import ClientContexts
from mailframe.tls.policies import Level
from mailframe.tlsrpt.records import parse_record

from .collaborators import Collaborators
from .context import Context


async def explain_domain(
    configuration: Configuration, reactor: Any, domain: str
) -> tuple[Explanation, list[str]]:
    """Ask the DNS and, where the domain has a policy for MTA-STS, its web server; nothing is kept, nobody gets mail.

    Returns:
        What is demanded, and where the domain wants reports.

    Raises:
        LookupFailed: the DNS cannot say which hosts there are.
        ValueError: that is no domain.
    """
    nobody: Any = None
    context = Context(configuration, reactor, nobody, nobody)
    resolver = context.dns
    collaborators = Collaborators(*context.resources)
    await collaborators.start()
    try:
        found = await explain(resolver, _policies(configuration, reactor, resolver), domain)
        return found, await _places(resolver, found.domain)
    finally:
        await collaborators.stop()


def _policies(configuration: Configuration, reactor: Any, resolver: IResolver) -> TLSPolicies:
    options = configuration.protection
    contexts = ClientContexts(options.mta_sts_authorities, None, configuration.tls.minimum)
    fetcher = HTTPSPolicyFetcher(
        reactor, resolver, contexts, timeout=options.mta_sts_timeout, size_limit=options.mta_sts_size
    )
    # Read anew: what people want to know is what the domain publishes now.
    source = MTASTS(resolver, fetcher, MemoryPolicyCache())
    return TLSPolicies(
        resolver,
        Overrides(configuration.tls_policy),
        dane=options.dane,
        mta_sts=source if options.mta_sts else None,
        otherwise=Level(options.otherwise),
    )


async def _places(resolver: IResolver, domain: str) -> list[str]:
    try:
        answer = await resolver.lookup(f"_smtp._tls.{domain}", RecordType.TXT)
    except (LookupFailed, ValueError):
        return []
    return [str(place) for place in parse_record(answer.octets)]
