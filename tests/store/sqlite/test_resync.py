"""A store that remembers few expunged messages tells clients that come back what they need all the same."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailframe.store.catalogue.sqlite import messages
from mailframe.store.interfaces import IHints
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.store.values import Describe
from mailframe.testing.store.resync import ResyncContract
from tests.store.maildir.fixture import quick_directory


class ForgottenTests(ResyncContract, TestCase):
    """Few runs of UIDs are remembered."""

    async def setUp(self) -> None:
        self.patch(messages, "VANISHED_LIMIT", 5)
        await super().setUp()

    async def make_store(self, describe: Describe, hints: IHints) -> SQLiteStore:
        options = SQLiteStoreOptions(threads=0, journal=False)
        store = SQLiteStore(quick_directory(self), describe, hints, reactor, options)
        await store.start()
        return store
