"""Many clients at once, over a store in memory and over SQLite, keep the rules of IMAP."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.server import IMAPServerFactory
from mailframe.imap.wire.description import describe
from mailframe.store.hints import LocalHints
from mailframe.store.memory import MemoryStore
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.testing.imap import factory
from mailframe.testing.store.sides import run_at_once
from tests.imap.mail import PASSWORDS
from tests.store.maildir.fixture import quick_directory

from .machine import SessionsMachine


class _ModelCase(SynchronousTestCase):
    def histories(self, examples: int, steps: int) -> None:
        run_state_machine_as_test(
            cast(Any, lambda: SessionsMachine(self.start, self.stop)),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        self.assertEqual(self.flushLoggedErrors(), [])  # type: ignore[no-untyped-call]

    def start(self) -> tuple[IMAPServerFactory, Clock]:
        clock = Clock()
        return factory(self.make_store(clock), PASSWORDS, clock=clock), clock

    def make_store(self, clock: Clock) -> Any:
        raise NotImplementedError

    def stop(self) -> None:
        """The store is done with."""


class MemoryTests(_ModelCase):
    """Over the store in memory."""

    def make_store(self, clock: Clock) -> Any:
        return MemoryStore(describe, clock=clock)

    def test_sessions(self) -> None:
        """Whatever several clients do, each is told what there is, in its own form."""
        self.histories(150, 50)


class SQLiteTests(_ModelCase):
    """Over SQLite."""

    def make_store(self, clock: Clock) -> Any:
        self.store = SQLiteStore(
            quick_directory(self), describe, LocalHints(), cast(Any, clock), SQLiteStoreOptions(threads=0)
        )
        run_at_once(self.store.start())
        return self.store

    def stop(self) -> None:
        run_at_once(self.store.stop())

    def test_sessions(self) -> None:
        """Whatever several clients do, each is told what there is, in its own form."""
        self.histories(30, 40)
