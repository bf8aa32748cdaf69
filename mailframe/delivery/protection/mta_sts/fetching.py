"""Reads policies over HTTPS: one GET, no redirect, a certificate that holds, bounds on all (RFC 8461 section 3.3)."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailframe.delivery.protection.https import HTTPSFailed, Response, request
from mailframe.dns.interfaces import IResolver
from mailframe.tls.errors import Result
from mailframe.tls.interfaces import IClientContexts

from .interfaces import FetchFailed, IPolicyFetcher
from .policy import PolicyInvalid, STSPolicy, parse_policy

TIMEOUT = 30.0
SIZE_LIMIT = 64 * 1024
"""RFC 8461 section 3.3 suggests this bound."""


@implementer(IPolicyFetcher)
class HTTPSPolicyFetcher:
    """Reads policies.

    Args:
        reactor: makes connections and keeps time.
        resolver: finds the hosts.
        contexts: whom to trust.
        timeout: seconds for all of it.
        size_limit: octets of a policy.
        port: of HTTPS.
    """

    def __init__(
        self,
        reactor: IReactorTime | Any,
        resolver: IResolver,
        contexts: IClientContexts,
        *,
        timeout: float = TIMEOUT,
        size_limit: int = SIZE_LIMIT,
        port: int = 443,
    ) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._contexts = contexts
        self._timeout = timeout
        self._size_limit = size_limit
        self._port = port

    async def fetch(self, domain: str) -> STSPolicy:
        """The policy of a domain."""
        url = f"https://mta-sts.{domain}/.well-known/mta-sts.txt"
        try:
            response = await request(
                self._reactor,
                self._resolver,
                self._contexts,
                b"GET",
                url,
                timeout=self._timeout,
                size_limit=self._size_limit,
                port=self._port,
            )
        except HTTPSFailed as failed:
            result = Result.STS_WEBPKI_INVALID if failed.certificate else Result.STS_POLICY_FETCH_ERROR
            raise FetchFailed(str(failed), result) from failed
        return _read(response)


def _read(response: Response) -> STSPolicy:
    if response.code != 200:
        raise FetchFailed(f"the answer was {response.code}")
    if response.content_type != "text/plain":
        # RFC 8461 section 3.3: so that nobody who may upload other files can make one a policy.
        raise FetchFailed("the answer is not text/plain", Result.STS_POLICY_INVALID)
    try:
        return parse_policy(response.body)
    except PolicyInvalid as error:
        raise FetchFailed(str(error), Result.STS_POLICY_INVALID) from error
