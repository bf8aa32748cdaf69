"""Which hosts are the right ones, and what is told of that: policies and reports, built from the configuration."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailframe.database.file import Database
from mailframe.delivery.protection.combined import TLSPolicies
from mailframe.delivery.protection.mta_sts.cache import ROOM, SQLitePolicyCache
from mailframe.delivery.protection.mta_sts.source import MTASTS
from mailframe.delivery.protection.overrides import Overrides
from mailframe.tls.client import ClientContexts
from mailframe.tls.policies import Level

if TYPE_CHECKING:
    from .context import Context

POLICIES = "mta-sts.sqlite"
"""File in the data directory: policies that domains published, shared by all workers."""
REFRESH = 3600.0
"""Seconds between looks for policies that are to be read anew."""

log = Logger()


class Chore:
    """Something that is done now and then while the roles run, as a collaborator.

    Args:
        clock: the reactor.
        work: what; a fault is logged, and it is done again the next time.
        interval: seconds from one time to the next; the first is that much after the start.
        name: for the log.
    """

    def __init__(
        self, clock: IReactorTime, work: Callable[[], Awaitable[object]], interval: float, name: str
    ) -> None:
        self._work = work
        self._interval = interval
        self._name = name
        self._running: Deferred[None] | None = None
        self._loop = LoopingCall(self._once)
        self._loop.clock = clock

    async def start(self) -> None:
        """Begin; safe to call twice."""
        if not self._loop.running:
            self._loop.start(self._interval, now=False)

    async def stop(self) -> None:
        """End; what is under way is cancelled."""
        if self._loop.running:
            self._loop.stop()
        if self._running is not None:
            self._running.cancel()

    def _once(self) -> Deferred[None]:
        self._running = Deferred.fromCoroutine(self._guarded())
        return self._running

    async def _guarded(self) -> None:
        try:
            await self._work()
        except Exception:
            log.failure("{chore} failed", chore=self._name)
        finally:
            self._running = None


def build_tls_policies(context: Context) -> TLSPolicies:
    """What TLS has to give with other people's hosts: ``[protection]`` and ``[[tls_policy]]``."""
    options = context.configuration.protection
    return TLSPolicies(
        context.dns,
        Overrides(context.configuration.tls_policy),
        dane=options.dane,
        mta_sts=_mta_sts(context) if options.mta_sts else None,
        otherwise=Level(options.otherwise),
        reports=context.tls_reports,
    )


def _mta_sts(context: Context) -> MTASTS:
    # A web client, which nodes without MTA-STS need not load.
    from mailframe.delivery.protection.mta_sts.fetching import HTTPSPolicyFetcher

    options = context.configuration.protection
    reactor: Any = context.reactor
    contexts = ClientContexts(options.mta_sts_authorities, None, context.configuration.tls.minimum)
    fetcher = HTTPSPolicyFetcher(
        reactor,
        context.dns,
        contexts,
        timeout=options.mta_sts_timeout,
        size_limit=options.mta_sts_size,
    )
    # What a power failure takes is read from the domain again.
    database = context.keep(
        Database(os.path.join(context.data, POLICIES), ROOM, reactor, synchronous="NORMAL")
    )
    source = MTASTS(
        context.dns,
        fetcher,
        SQLitePolicyCache(database),
        reactor.seconds,
        reports=context.tls_reports,
        retry=options.mta_sts_retry,
    )
    context.keep(Chore(reactor, source.refresh, REFRESH, "reading policies of MTA-STS anew"))
    return source
