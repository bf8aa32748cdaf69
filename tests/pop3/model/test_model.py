"""POP3 sessions over stores in memory, over SQLite, Maildir and mbox, while others change the mailbox."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.limits.memory import MemoryTallies
from mailframe.pop3.server import POP3ServerFactory
from mailframe.pop3.settings import POP3Settings
from mailframe.store.hints import LocalHints
from mailframe.store.interfaces import IMailStore
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.memory import MemoryStore
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.testing.directory import FakeAuthenticator
from mailframe.testing.store import describe
from mailframe.testing.store.fixture import ALICE
from mailframe.testing.store.sides import run_at_once
from tests.store.maildir.fixture import quick_directory

from .machine import SessionsMachine

TIMES = int(os.environ.get("MAILFRAME_MODEL_TIMES", "1"))
"""How many times as many histories as usual."""


class _ModelCase(SynchronousTestCase):
    timeout = 120 * TIMES
    lock: ClassVar = False

    def histories(self, examples: int, steps: int) -> None:
        run_state_machine_as_test(
            cast(Any, lambda: SessionsMachine(self.start, self.stop, self.lock)),
            settings=settings(
                max_examples=examples * TIMES,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        self.assertEqual(self.flushLoggedErrors(), [])  # type: ignore[no-untyped-call]

    def start(self) -> tuple[Sequence[IMailStore], Sequence[POP3ServerFactory], Clock]:
        clock = Clock()
        options = POP3Settings(require_tls_for_auth=False, lock_maildrop=self.lock, errors_limit=10_000)
        tallies, passwords = MemoryTallies(cast(Any, clock)), FakeAuthenticator({ALICE: "secret"})
        self.stores = self.make_stores(clock)
        servers = [
            POP3ServerFactory(store, passwords, options, cast(Any, clock), tallies=tallies)
            for store in self.stores
        ]
        return self.stores, servers, clock

    def make_stores(self, clock: Clock) -> Sequence[Any]:
        raise NotImplementedError

    def stop(self) -> None:
        """The stores are done with."""


class MemoryTests(_ModelCase):
    """Over the store in memory."""

    def make_stores(self, clock: Clock) -> Sequence[Any]:
        return [MemoryStore(describe, clock=clock)]

    def test_sessions(self) -> None:
        """Each session sees its maildrop as it was, and removes what it marked, at QUIT only."""
        self.histories(100, 50)


class LockedTests(MemoryTests):
    """Where there is one session at a time."""

    lock = True


class _FilesCase(_ModelCase):
    count: ClassVar = 1
    examples: ClassVar = 8

    def make_stores(self, clock: Clock) -> Sequence[Any]:
        directory = quick_directory(self)
        stores = [self.make_store(directory, clock) for _ in range(self.count)]
        for store in stores:
            run_at_once(store.start())
        return stores

    def make_store(self, directory: str, clock: Clock) -> Any:
        raise NotImplementedError

    def stop(self) -> None:
        for store in self.stores:
            run_at_once(cast(Any, store).stop())


class SQLiteTests(_FilesCase):
    """Over SQLite."""

    def make_store(self, directory: str, clock: Clock) -> Any:
        options = SQLiteStoreOptions(threads=0)
        return SQLiteStore(directory, describe, LocalHints(), cast(Any, clock), options)

    def test_sessions(self) -> None:
        """Each session sees its maildrop as it was, and removes what it marked, at QUIT only."""
        self.histories(self.examples, 30)


class TwoSQLiteTests(SQLiteTests):
    """Over SQLite, by two programs that know nothing of each other."""

    count = 2


class MaildirTests(_FilesCase):
    """Over Maildir."""

    def make_store(self, directory: str, clock: Clock) -> Any:
        return MaildirStore(directory, describe, LocalHints(), cast(Any, clock), MaildirOptions(threads=0))

    def test_sessions(self) -> None:
        """Each session sees its maildrop as it was, and removes what it marked, at QUIT only."""
        self.histories(self.examples, 30)


class TwoMaildirTests(MaildirTests):
    """Over Maildir, by two programs that know nothing of each other."""

    count = 2


class MboxTests(_FilesCase):
    """Over mbox."""

    examples = 5

    def make_store(self, directory: str, clock: Clock) -> Any:
        return MboxStore(directory, describe, LocalHints(), cast(Any, clock), MboxOptions(threads=0))

    def test_sessions(self) -> None:
        """Each session sees its maildrop as it was, and removes what it marked, at QUIT only."""
        self.histories(self.examples, 30)
