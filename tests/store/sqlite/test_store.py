"""The SQLite store passes the contract of all stores."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailframe.config.types import Size
from mailframe.store.interfaces import IHints
from mailframe.store.maildrop import remembered
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.store.values import Describe
from mailframe.testing.store import MailStoreContract, StoreFixture
from mailframe.testing.store.model import ModelContract
from mailframe.testing.store.quotas import QuotasContract
from tests.store.maildir.fixture import quick_directory


def remember_all(case: TestCase) -> None:
    """Flags of the smallest mailboxes are remembered, whatever is asked for."""
    case.patch(remembered, "SMALL", 0)
    case.patch(remembered, "SHARE", 1_000_000)


class _Fixture(StoreFixture):
    timeout = 60
    options = SQLiteStoreOptions()

    async def make_store(self, describe: Describe, hints: IHints) -> SQLiteStore:
        return await self.started(quick_directory(self), describe, hints)

    async def restart_store(self, store: SQLiteStore, describe: Describe, hints: IHints) -> SQLiteStore:
        await store.stop()
        return await self.started(self.directories[store], describe, hints)

    async def started(self, directory: str, describe: Describe, hints: IHints) -> SQLiteStore:
        store = SQLiteStore(directory, describe, hints, reactor, self.options)
        await store.start()
        self.directories = {**getattr(self, "directories", {}), store: directory}
        return store


class _Contract(_Fixture, MailStoreContract):
    """All of it."""


class SQLiteStoreTests(_Contract, TestCase):
    """With threads."""

    threads = True
    options = SQLiteStoreOptions(threads=2)


class DirectSQLiteStoreTests(_Contract, TestCase):
    """Without threads."""

    options = SQLiteStoreOptions(threads=0, journal_size=Size(256 * 1024))


class FlushingSQLiteStoreTests(_Contract, TestCase):
    """Without a delivery journal."""

    threads = True
    options = SQLiteStoreOptions(threads=2, journal=False)


class RememberingSQLiteStoreTests(_Contract, TestCase):
    """Flags are remembered however few messages there are."""

    options = SQLiteStoreOptions(threads=0)

    async def setUp(self) -> None:
        remember_all(self)
        await super().setUp()


class TwoProcessesTests(_Fixture, ModelContract, QuotasContract, TestCase):
    """Two processes on the same mail, by turns; both remember flags."""

    options = SQLiteStoreOptions(threads=0)

    async def setUp(self) -> None:
        remember_all(self)
        await super().setUp()

    async def second_store(self, store: SQLiteStore, describe: Describe, hints: IHints) -> SQLiteStore:
        return await self.started(self.directories[store], describe, hints)
