"""A PostgreSQL store without threads on a real server, and short ways to use it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import psycopg
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Secret
from mailframe.database.postgres_session import Session
from mailframe.message.content import Content
from mailframe.message.status import Status
from mailframe.store.hints import LocalHints
from mailframe.store.interfaces import IHints, IMailbox
from mailframe.store.postgresql.backend import session_of
from mailframe.store.postgresql.checking import differences
from mailframe.store.postgresql.options import PostgreSQLStoreOptions
from mailframe.store.postgresql.store import PostgresStore
from mailframe.store.postgresql.sweeping import Sweeper, Swept
from mailframe.store.values import INBOX, Delivery, NewMessage, Span
from mailframe.testing.store import describe
from tests import postgres

ALICE = "alice@example.test"
BOB = "bob@example.test"

_free: list[str] = []
"""Databases with our tables and nothing in them: making one takes longer than most tests."""

_taken: set[str] = set()

_emptying: dict[str, tuple[psycopg.Connection[Any], bytes]] = {}
"""By which connection a database is emptied, and by what statements."""


def database(test: Any) -> str:
    """The address of a database for one test, emptied after it."""
    address = _free.pop() if _free else postgres.server().database()
    _taken.add(address)
    test.addCleanup(give_back, address)
    return address


def give_back(address: str) -> None:
    """The test does not need it any more; twice is fine."""
    if address not in _taken:
        return
    _taken.remove(address)
    try:
        _empty(address)
    except psycopg.OperationalError:
        # The test has cut all connections.
        _emptying.pop(address, None)
        _empty(address)
    _free.append(address)


def _empty(address: str) -> None:
    """By a connection that is kept: to make one takes thirty times as long."""
    if address not in _emptying:
        connection = psycopg.connect(address, autocommit=True)
        tables = connection.execute(
            "SELECT relname FROM pg_class"
            " WHERE relkind = 'r' AND relname LIKE 'mail\\_%' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        if not tables:
            connection.close()
            return
        connection.execute("SET session_replication_role TO replica")
        # Without triggers and in any order; TRUNCATE of tables that are nearly empty takes longer.
        _emptying[address] = connection, "; ".join(f"DELETE FROM {name}" for (name,) in tables).encode()
    connection, statements = _emptying[address]
    connection.execute(statements)


class PostgresCase(SynchronousTestCase):
    """Makes a store; everything is done when it is called."""

    def setUp(self) -> None:
        self.address = database(self)
        self.clock = Clock()
        self.hints = LocalHints()
        self.store = self.started()

    def started(self, hints: IHints | None = None, **changes: Any) -> PostgresStore:
        """One more node."""
        options = PostgreSQLStoreOptions(
            address=Secret(self.address), threads=0, mailboxes={"Sent": "\\Sent"}, **changes
        )
        store = PostgresStore(describe, hints or self.hints, self.clock, options)  # type: ignore[arg-type]
        self.wait(store.start())
        self.addCleanup(lambda: self.wait(store.stop()))
        return store

    def wait(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """The result of what is done at once."""
        return self.successResultOf(Deferred.fromCoroutine(work))

    def fault(self, work: Coroutine[Deferred[Any], Any, Any]) -> BaseException:
        """What it fails with."""
        return self.failureResultOf(Deferred.fromCoroutine(work)).value

    def session(self) -> Session:
        """A connection of the test's own."""
        session = session_of(self.address)
        self.addCleanup(session.close)
        return session

    def deliver(self, *names: str, octets: bytes = b"", content: Content | None = None) -> list[Status]:
        """Deliver one message to accounts."""
        message = NewMessage(content or Content.of(octets), queue_id="Q")
        return list(self.wait(self.store.deliver([Delivery(name, message, INBOX) for name in names])))

    def opened(self, account: str = ALICE, name: str = INBOX, store: PostgresStore | None = None) -> IMailbox:
        """A session with a mailbox."""
        found = self.wait((store or self.store).account(account))
        self.addCleanup(found.close)
        return self.wait(found.open(name))

    def contents(self, mailbox: IMailbox) -> list[bytes | None]:
        """All whole messages of a mailbox."""
        snapshot = self.wait(mailbox.snapshot())
        return list(self.wait(mailbox.read([Span(uid) for uid in snapshot.uids])))

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with psycopg.connect(self.address) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def swept(self, grace: float = 0, orphaned: float = 3600) -> Swept:
        """One background round."""
        sweeper = Sweeper(session_of(self.address), grace, orphaned)
        try:
            return sweeper.round()
        finally:
            sweeper.close()

    def sound(self) -> None:
        """Messages and octets belong together."""
        found = differences(self.session(), octets=True)
        self.assertFalse(found, found)

    def cut(self) -> None:
        """The server ends all connections but ours."""
        with psycopg.connect(self.address) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
