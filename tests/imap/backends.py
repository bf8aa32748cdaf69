"""Stores on a disk and in a database, for tests of IMAP that are not only run over the one in memory."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Secret, Size
from mailframe.imap.wire.description import describe
from mailframe.store.catalogue.postgresql import mailboxes as postgresql_mailboxes
from mailframe.store.catalogue.sqlite import mailboxes as sqlite_mailboxes
from mailframe.store.hints import LocalHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.maildrop import maildrop
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.postgresql.options import PostgreSQLStoreOptions
from mailframe.store.postgresql.store import PostgresStore
from mailframe.store.quota import NO_RULES, QuotaRules
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from tests.store.maildir.fixture import quick_directory
from tests.store.postgresql.fixture import database

from .mail import MESSAGES, deliver, store_with

JOURNAL_SIZE = Size(256 * 1024)
MakeStore = Callable[[SynchronousTestCase, Any, Policies], Any]


def _sqlite(case: SynchronousTestCase, clock: Any, policies: Policies) -> Any:
    options = SQLiteStoreOptions(threads=0, journal_size=JOURNAL_SIZE)
    return SQLiteStore(quick_directory(case), describe, LocalHints(), clock, options, policies=policies)


def _maildir(case: SynchronousTestCase, clock: Any, policies: Policies) -> Any:
    options = MaildirOptions(threads=0, journal_size=JOURNAL_SIZE)
    return MaildirStore(quick_directory(case), describe, LocalHints(), clock, options, policies=policies)


def _mbox(case: SynchronousTestCase, clock: Any, policies: Policies) -> Any:
    options = MboxOptions(threads=0)
    return MboxStore(quick_directory(case), describe, LocalHints(), clock, options, policies=policies)


def _postgresql(case: SynchronousTestCase, clock: Any, policies: Policies) -> Any:
    options = PostgreSQLStoreOptions(address=Secret(database(case)), threads=0)
    return PostgresStore(describe, LocalHints(), clock, options, policies=policies)


BACKENDS: dict[str, MakeStore] = {
    "sqlite": _sqlite,
    "maildir": _maildir,
    "mbox": _mbox,
    "postgresql": _postgresql,
}


def store_over(
    backend: str, case: SynchronousTestCase, clock: Clock, names: str = "", quota: QuotaRules = NO_RULES
) -> Any:
    """A store of this backend, "" for that in memory, with messages, by name, in alice's INBOX.

    It does everything when it is called, and is stopped after the test.
    """
    if not backend:
        return store_with(names, clock, quota)
    # Mailboxes are numbered, and messages saved, by the test's clock, as they are in memory.
    for module in (maildrop, sqlite_mailboxes, postgresql_mailboxes):
        case.patch(module, "time", SimpleNamespace(time=clock.seconds))
    store = BACKENDS[backend](case, clock, Policies(quota=quota))
    case.successResultOf(Deferred.fromCoroutine(store.start()))
    case.addCleanup(lambda: case.successResultOf(Deferred.fromCoroutine(store.stop())))
    deliver(store, *(MESSAGES[name] for name in names.split()))
    return store
