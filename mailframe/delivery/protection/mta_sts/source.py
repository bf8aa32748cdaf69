"""Knows the policies of domains: kept ones, and new ones that the DNS tells of (RFC 8461 sections 3 and 5.1)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.delivery.protection import metrics
from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.dns.values import RecordType
from mailframe.message.status import MailframeError
from mailframe.tls.interfaces import ITLSReports
from mailframe.tls.policies import ClientPolicy, Level, TLSSession

from .interfaces import FetchFailed, IPolicyCache, IPolicyFetcher, Kept
from .policy import STSPolicy, parse_record

log = Logger()

RETRY_SECONDS = 300.0
FAILED_LIMIT = 10_000
REFRESH_LIMIT = 20
"""Policies taken in one go: they are read well before another worker may take them."""


class MTASTS:
    """Finds the policies of domains.

    Args:
        resolver: for the records that tell of a new policy.
        fetcher: reads policies.
        cache: keeps them.
        seconds: the time since the epoch: policies outlive the process.
        reports: is told of policies that could not be read.
        retry: seconds that a policy which could not be read is not asked for again.
    """

    def __init__(
        self,
        resolver: IResolver,
        fetcher: IPolicyFetcher,
        cache: IPolicyCache,
        seconds: Callable[[], float] = time.time,
        *,
        reports: ITLSReports | None = None,
        retry: float = RETRY_SECONDS,
    ) -> None:
        self._resolver = resolver
        self._fetcher = fetcher
        self._cache = cache
        self._seconds = seconds
        self._reports = reports
        self._retry = retry
        self._failed: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._waiting: dict[str, list[Deferred[STSPolicy | None]]] = {}

    async def policy(self, domain: str) -> STSPolicy | None:
        """The policy of a domain; None where it has none that is known.

        A kept policy counts until it ends, whatever the DNS says meanwhile: who can take away an answer of the DNS,
        or stop a reading, must not be able to take away the policy (RFC 8461 section 5.1).

        Raises:
            MailframeError: what is kept cannot be read now.
        """
        kept = await self._cache.get(domain)
        if kept is not None and kept.expires <= self._seconds():
            kept = None
        known = None if kept is None else kept.policy
        try:
            name = await self._id(domain)
        except LookupFailed:
            return known
        if name is None or (kept is not None and kept.id == name):
            return known
        if self._failed_lately(domain, name):
            return known
        return await self._shared(domain, name) or known

    async def refresh(self) -> int:
        """Read anew what has been kept for a day; to be called every hour or so, in any worker.

        Returns:
            How many policies were read.
        """
        read = 0
        while due := await self._cache.due(self._seconds(), REFRESH_LIMIT):
            for kept in due:
                read += await self._renewed(kept.domain)
        return read

    async def _renewed(self, domain: str) -> bool:
        try:
            name = await self._id(domain)
        except LookupFailed:
            return False
        return name is not None and await self._shared(domain, name) is not None

    async def _id(self, domain: str) -> str | None:
        try:
            answer = await self._resolver.lookup(f"_mta-sts.{domain}", RecordType.TXT)
        except LookupFailed:
            raise
        except ValueError:
            # With the prefix it is longer than names may be, or it is an address: no such record can be.
            return None
        return parse_record(answer.octets)

    async def _shared(self, domain: str, name: str) -> STSPolicy | None:
        """Read a policy once for all that wait for it; when one of them is cancelled, the others go on waiting."""
        waiter: Deferred[STSPolicy | None] = Deferred()
        reading = domain in self._waiting
        self._waiting.setdefault(domain, []).append(waiter)
        if not reading:
            Deferred.fromCoroutine(self._fetch(domain, name)).addBoth(self._answer, domain)
        return await waiter

    def _answer(self, outcome: STSPolicy | Failure | None, domain: str) -> None:
        policy = outcome if isinstance(outcome, STSPolicy) else None
        for waiter in self._waiting.pop(domain):
            if not waiter.called:
                waiter.callback(policy)

    async def _fetch(self, domain: str, name: str) -> STSPolicy | None:
        try:
            policy = await self._fetcher.fetch(domain)
        except FetchFailed as failed:
            self._fail(domain, name, failed)
            return None
        except Exception:
            log.failure("reading the policy of {domain} failed", domain=domain)
            self._fail(domain, name, FetchFailed("the policy could not be read"))
            return None
        metrics.FETCHED.inc()
        now = self._seconds()
        try:
            await self._cache.put(Kept(domain, name, policy, now + policy.max_age), now)
        except MailframeError as error:
            # It counts this once all the same.
            log.warn("the policy of {domain} is not kept: {reason}", domain=domain, reason=error.reason)
        return policy

    def _fail(self, domain: str, name: str, failed: FetchFailed) -> None:
        metrics.FETCH_FAILED.inc()
        log.info("no policy for MTA-STS of {domain}: {reason}", domain=domain, reason=str(failed))
        self._failed[domain, name] = self._seconds() + self._retry
        self._failed.move_to_end((domain, name))
        if len(self._failed) > FAILED_LIMIT:
            self._failed.popitem(last=False)
        if self._reports is not None:
            policy = ClientPolicy(Level.OPPORTUNISTIC, source="mta-sts")
            self._reports.note(TLSSession(domain, "", policy, failed.result.value, str(failed)))

    def _failed_lately(self, domain: str, name: str) -> bool:
        until = self._failed.get((domain, name))
        if until is None:
            return False
        if until > self._seconds():
            return True
        del self._failed[domain, name]
        return False
