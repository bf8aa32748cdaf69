"""The PostgreSQL store passes the contract of all stores, on a real server."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailframe.config.types import Secret
from mailframe.store.interfaces import IHints, IMailStore
from mailframe.store.postgresql.options import PostgreSQLStoreOptions
from mailframe.store.postgresql.store import PostgresStore
from mailframe.store.values import Describe
from mailframe.testing.store import MailStoreContract, StoreFixture
from mailframe.testing.store.quotas import QuotasContract

from .fixture import database, give_back


class _Fixture(StoreFixture):
    timeout = 120
    threads_option = 2

    async def make_store(self, describe: Describe, hints: IHints) -> PostgresStore:
        # A test against the model makes one store after another; they can have the same database.
        for address in getattr(self, "stopped", ()):
            give_back(address)
        self.stopped: list[str] = []
        return await self.started(database(self), describe, hints)

    async def stop_store(self, store: IMailStore) -> None:
        await super().stop_store(store)
        self.stopped = [*getattr(self, "stopped", ()), self.addresses[store]]

    async def restart_store(self, store: PostgresStore, describe: Describe, hints: IHints) -> PostgresStore:
        await store.stop()
        return await self.started(self.addresses[store], describe, hints)

    async def started(self, address: str, describe: Describe, hints: IHints) -> PostgresStore:
        options = PostgreSQLStoreOptions(address=Secret(address), threads=self.threads_option)
        store = PostgresStore(describe, hints, reactor, options)
        await store.start()
        self.addresses = {**getattr(self, "addresses", {}), store: address}
        return store


class _Contract(_Fixture, MailStoreContract):
    """All of it."""


class PostgresStoreTests(_Contract, TestCase):
    """With threads."""

    threads = True


class DirectPostgresStoreTests(_Contract, TestCase):
    """Without threads."""

    threads_option = 0


class TwoNodesTests(_Fixture, QuotasContract, TestCase):
    """Two nodes with the same mail go by the same limits."""

    threads_option = 0

    async def second_store(self, store: PostgresStore, describe: Describe, hints: IHints) -> PostgresStore:
        return await self.started(self.addresses[store], describe, hints)
