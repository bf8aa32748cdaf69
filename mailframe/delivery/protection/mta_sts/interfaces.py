"""What MTA-STS takes from elsewhere: policies over HTTPS, and a place to keep them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from zope.interface import Interface

from mailframe.tls.errors import Result

from .policy import STSPolicy


class FetchFailed(Exception):
    """A policy could not be read; the text is for the log and for reports.

    Attributes:
        result: what reports call it (RFC 8460 section 4.3.2.2).
    """

    def __init__(self, reason: str, result: Result = Result.STS_POLICY_FETCH_ERROR) -> None:
        super().__init__(reason)
        self.result = result


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy that was read.

    Attributes:
        domain: whose.
        id: of the record at that time.
        policy: the policy.
        expires: seconds since the epoch, until when it is good.
    """

    domain: str
    id: str
    policy: STSPolicy
    expires: float


class IPolicyFetcher(Interface):
    """Reads policies over HTTPS."""

    def fetch(domain: str) -> Awaitable[STSPolicy]:
        """The policy of a domain, now (RFC 8461 section 3.3).

        Raises:
            FetchFailed: it cannot be read, or is none.
        """


class IPolicyCache(Interface):
    """Keeps policies. Faults of the disk are temporary `mailframe.message.status.MailframeError`."""

    def get(domain: str) -> Awaitable[Kept | None]:
        """What is kept of a domain, also when it has expired."""

    def put(kept: Kept, now: float) -> Awaitable[None]:
        """Keep a policy instead of the one before."""

    def due(now: float, limit: int) -> Awaitable[Sequence[Kept]]:
        """Policies to read anew, which nobody else is given for an hour; forgets what has expired."""
