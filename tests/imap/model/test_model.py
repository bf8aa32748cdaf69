"""Many clients at once, over stores in memory, over SQLite and over Maildir, keep the rules of IMAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.server import IMAPServerFactory
from mailframe.imap.wire.description import describe
from mailframe.store.hints import LocalHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.memory import MemoryStore
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.testing.imap import factory
from mailframe.testing.store.sides import run_at_once
from tests.imap.mail import PASSWORDS
from tests.store.maildir.fixture import quick_directory

from .machine import SessionsMachine
from .slow import Rhythm, slowed

TIMES = max(1, settings().max_examples // settings.get_profile("fast").max_examples)
"""How many times as many histories as usual: with the long profile, some eighty."""


class _ModelCase(SynchronousTestCase):
    timeout = 120 * TIMES

    def histories(self, examples: int, steps: int) -> None:
        run_state_machine_as_test(
            cast(Any, self.machine),
            settings=settings(
                max_examples=examples * TIMES,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        self.assertEqual(self.flushLoggedErrors(), [])  # type: ignore[no-untyped-call]

    def machine(self) -> SessionsMachine:
        return SessionsMachine(self.start, self.stop)

    def start(self) -> tuple[Sequence[IMAPServerFactory], Clock]:
        clock = Clock()
        return [factory(store, PASSWORDS, clock=clock) for store in self.make_stores(clock)], clock

    def make_stores(self, clock: Clock) -> Sequence[Any]:
        raise NotImplementedError

    def stop(self) -> None:
        """The stores are done with."""


class MemoryTests(_ModelCase):
    """Over the store in memory."""

    def make_stores(self, clock: Clock) -> Sequence[Any]:
        return [MemoryStore(describe, clock=clock)]

    def test_sessions(self) -> None:
        """Whatever several clients do, each is told what there is, in its own form."""
        self.histories(80, 50)


class _SlowCase(_ModelCase):
    def machine(self) -> SessionsMachine:
        machine = super().machine()
        machine.rhythm = self.rhythm
        return machine

    def start(self) -> tuple[Sequence[IMAPServerFactory], Clock]:
        clock = Clock()
        self.rhythm = Rhythm(clock)
        stores = [slowed(store, self.rhythm) for store in self.make_stores(clock)]
        return [factory(store, PASSWORDS, clock=clock) for store in stores], clock


class SlowMemoryTests(_SlowCase, MemoryTests):
    """Over a store that takes its time, so that commands of several sessions are under way at once."""


class _FilesCase(_ModelCase):
    count: ClassVar = 1

    def make_stores(self, clock: Clock) -> Sequence[Any]:
        directory = quick_directory(self)
        self.stores = [self.make_store(directory, clock) for _ in range(self.count)]
        for store in self.stores:
            run_at_once(store.start())
        return self.stores

    def make_store(self, directory: str, clock: Clock) -> Any:
        raise NotImplementedError

    def stop(self) -> None:
        for store in self.stores:
            run_at_once(store.stop())


class SQLiteTests(_FilesCase):
    """Over SQLite."""

    def make_store(self, directory: str, clock: Clock) -> Any:
        options = SQLiteStoreOptions(threads=0)
        return SQLiteStore(directory, describe, LocalHints(), cast(Any, clock), options)

    def test_sessions(self) -> None:
        """Whatever several clients do, each is told what there is, in its own form."""
        self.histories(15, 40)


class SlowSQLiteTests(_SlowCase, SQLiteTests):
    """Over SQLite, each of whose answers takes its time."""


class TwoSQLiteTests(_SlowCase, SQLiteTests):
    """Over SQLite, by two programs that know nothing of each other, at the same time."""

    count = 2


class MaildirTests(_FilesCase):
    """Over Maildir."""

    def make_store(self, directory: str, clock: Clock) -> Any:
        return MaildirStore(directory, describe, LocalHints(), cast(Any, clock), MaildirOptions(threads=0))

    def test_sessions(self) -> None:
        """Whatever several clients do, each is told what there is, in its own form."""
        self.histories(6, 40)


class MboxTests(_FilesCase):
    """Over mbox files."""

    def make_store(self, directory: str, clock: Clock) -> Any:
        return MboxStore(directory, describe, LocalHints(), cast(Any, clock), MboxOptions(threads=0))

    def test_sessions(self) -> None:
        """Whatever several clients do, each is told what there is, in its own form."""
        self.histories(4, 40)


class TwoMaildirTests(_SlowCase, MaildirTests):
    """Over Maildir, by two programs that know nothing of each other, at the same time."""

    count = 2


class TwoMboxTests(_SlowCase, MboxTests):
    """Over mbox files, by two programs that know nothing of each other, at the same time."""

    count = 2
