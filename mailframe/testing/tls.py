"""TLS for tests: a source of policies that always gives the same, and remembers who asked."""

from __future__ import annotations

from zope.interface import implementer

from mailframe.tls.interfaces import ITLSPolicySource
from mailframe.tls.policies import OPPORTUNISTIC, ClientPolicy


@implementer(ITLSPolicySource)
class FixedTLSPolicies:
    """Gives one policy for some hosts and another for all others.

    Args:
        default: for hosts that are not listed.
        hosts: policies by host.

    Attributes:
        asked: domains and hosts, in the order of the questions.
    """

    def __init__(
        self, default: ClientPolicy = OPPORTUNISTIC, hosts: dict[str, ClientPolicy] | None = None
    ) -> None:
        self._default = default
        self._hosts = hosts or {}
        self.asked: list[tuple[str, str]] = []

    async def policy(
        self, domain: str, host: str, *, port: int = 25, secure: bool = False, waived: bool = False
    ) -> ClientPolicy:
        """The policy of a host."""
        self.asked.append((domain, host))
        return self._hosts.get(host, self._default)
