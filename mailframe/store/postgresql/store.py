"""The PostgreSQL store: its backend, in the store of maildrops, and its background rounds."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.database.lanes import DirectLane, Lane
from mailframe.store.interfaces import IHints
from mailframe.store.maildrop.store import MaildropStore, Threads
from mailframe.store.maildrop.surroundings import NO_POLICIES, Policies, Surroundings
from mailframe.store.reactor import Reactor
from mailframe.store.vacuuming import Vacuumed
from mailframe.store.values import Describe

from .backend import PostgresBackend, session_of
from .hints import PostgresHints
from .options import PostgreSQLStoreOptions
from .shares import PostgresShares
from .sweeping import Sweeper, Swept
from .vacuuming import vacuum

log = Logger()


class PostgresStore(MaildropStore):
    """Mail in a PostgreSQL database. Several processes and nodes may have the same one.

    Args:
        describe: describes a message for IMAP; called in threads.
        hints: told of changes here and elsewhere, in the reactor's thread.
        reactor: for threads, timers and the connection that listens.
        options: the rest.
        policies: what is done to all mail.
    """

    def __init__(
        self,
        describe: Describe,
        hints: IHints,
        reactor: Reactor,
        options: PostgreSQLStoreOptions,
        *,
        policies: Policies = NO_POLICIES,
    ) -> None:
        self._address = address = options.address
        threaded = bool(options.threads)
        self._across = PostgresHints(address, hints, reactor, threaded)
        super().__init__(
            PostgresBackend(address, options.keywords_limit),
            Surroundings.of(options, describe, policies),
            self._across,
            reactor,
            Threads(options.threads, options.delivery_threads, options.open_accounts),
            "",
        )
        self._sweep_seconds = options.sweep
        self._sweeping: IDelayedCall | None = None
        self._ended = False
        self._sweeper = Sweeper(session_of(address))
        self._lane: Lane[None, Swept] | DirectLane[None, Swept]
        if threaded:
            self._lane = Lane(reactor, self._round, "sweep", finish=self._sweeper.close)
        else:
            self._lane = DirectLane(self._round, finish=self._sweeper.close)

    async def start(self) -> None:
        """See `MaildropStore.start`.

        Raises:
            UnusableDatabase: the database is not fit.
            OSError: it cannot be reached.
        """
        await super().start()
        self._across.start()
        self._later(self._sweep_seconds)

    async def stop(self) -> None:
        """See `MaildropStore.stop`."""
        self._ended = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        await self._lane.stop()
        await super().stop()
        await self._across.stop()

    async def answers(self) -> str | None:
        """Can the database be reached? None: yes.

        Raises:
            OSError: no.
        """
        await self._aside(self._backend.start)
        return None

    async def vacuum(self, octets: bool, tell: Callable[[int], None]) -> Vacuumed:
        """See `mailframe.store.vacuuming.Vacuums`."""

        def work() -> Vacuumed:
            session = session_of(self._address)
            try:
                return vacuum(session, octets, tell)
            finally:
                session.close()

        return await self._aside(work, "vacuum")

    def shares(self) -> PostgresShares:
        """See `mailframe.store.sharing.shares.MakesShares`."""
        return PostgresShares(self._address, self._reactor, self._threaded)

    def _round(self, units: list[None]) -> list[Swept]:
        done = self._sweeper.round()
        return [done for _ in units]

    def _later(self, seconds: float) -> None:
        if not self._ended:
            self._sweeping = self._reactor.callLater(seconds, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        self._lane.submit(None).addCallbacks(self._swept, self._not_swept)

    def _swept(self, done: Swept) -> None:
        # Much to do: then sooner, and never without a pause.
        self._later(min(1.0, self._sweep_seconds) if done.more else self._sweep_seconds)

    def _not_swept(self, failure: Failure) -> None:
        if failure.check(OSError) is None:
            log.failure("octets of removed messages could not be looked for", failure)
        else:
            log.warn("octets of removed messages stay for now: {fault}", fault=failure.value)
        self._later(self._sweep_seconds)
