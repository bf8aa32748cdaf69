"""The Maildir store passes the contract of all stores."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailframe.config.types import Size
from mailframe.store.interfaces import IHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.values import Describe
from mailframe.testing.store import MailStoreContract, StoreFixture
from mailframe.testing.store.model import ModelContract
from mailframe.testing.store.quotas import QuotasContract

from .fixture import quick_directory


class _Fixture(StoreFixture):
    timeout = 60
    options = MaildirOptions()

    async def make_store(self, describe: Describe, hints: IHints) -> MaildirStore:
        return await self.started(quick_directory(self), describe, hints)

    async def restart_store(self, store: MaildirStore, describe: Describe, hints: IHints) -> MaildirStore:
        await store.stop()
        return await self.started(self.directories[store], describe, hints)

    async def started(self, directory: str, describe: Describe, hints: IHints) -> MaildirStore:
        store = MaildirStore(directory, describe, hints, reactor, self.options)
        await store.start()
        self.directories = {**getattr(self, "directories", {}), store: directory}
        return store


class _Contract(_Fixture, MailStoreContract):
    """All of it."""


class MaildirStoreTests(_Contract, TestCase):
    """With threads, and LF line ends in files."""

    threads = True
    options = MaildirOptions(threads=2)


class DirectMaildirStoreTests(_Contract, TestCase):
    """Without threads, and CRLF line ends in files."""

    options = MaildirOptions(threads=0, line_ends="crlf", journal_size=Size(256 * 1024))


class FlushingMaildirStoreTests(_Contract, TestCase):
    """Without a delivery journal."""

    threads = True
    options = MaildirOptions(threads=2, journal=False)


class TwoProcessesTests(_Fixture, ModelContract, QuotasContract, TestCase):
    """Two processes on the same mail, by turns."""

    options = MaildirOptions(threads=0)

    async def second_store(self, store: MaildirStore, describe: Describe, hints: IHints) -> MaildirStore:
        return await self.started(self.directories[store], describe, hints)
