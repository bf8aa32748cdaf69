"""The mbox store passes the contract of all stores."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailframe.store.interfaces import IHints
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.values import Describe
from mailframe.testing.store import MailStoreContract, StoreFixture
from mailframe.testing.store.model import ModelContract
from mailframe.testing.store.quotas import QuotasContract
from tests.store.maildir.fixture import quick_directory


class _Fixture(StoreFixture):
    timeout = 60
    options = MboxOptions()

    async def make_store(self, describe: Describe, hints: IHints) -> MboxStore:
        return await self.started(quick_directory(self), describe, hints)

    async def restart_store(self, store: MboxStore, describe: Describe, hints: IHints) -> MboxStore:
        await store.stop()
        return await self.started(self.directories[store], describe, hints)

    async def started(self, directory: str, describe: Describe, hints: IHints) -> MboxStore:
        store = MboxStore(directory, describe, hints, reactor, self.options)
        await store.start()
        self.directories = {**getattr(self, "directories", {}), store: directory}
        return store


class _Contract(_Fixture, MailStoreContract):
    """All of it."""


class MboxStoreTests(_Contract, TestCase):
    """With threads."""

    threads = True
    options = MboxOptions(threads=2)


class DirectMboxStoreTests(_Contract, TestCase):
    """Without threads, and files that are written in their place."""

    options = MboxOptions(threads=0, rewriting="in_place", write_locks=["fcntl"])


class TwoProcessesTests(_Fixture, ModelContract, QuotasContract, TestCase):
    """Two processes on the same mail, by turns."""

    options = MboxOptions(threads=0)

    async def second_store(self, store: MboxStore, describe: Describe, hints: IHints) -> MboxStore:
        return await self.started(self.directories[store], describe, hints)
