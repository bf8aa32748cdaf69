"""A connection for one thread: what heals by itself, what is a fault, and what is on stable storage when."""

from __future__ import annotations

import errno
import threading
from typing import Any

import psycopg
from psycopg import errors
from twisted.trial.unittest import SynchronousTestCase

from mailframe.database.postgres_session import DatabaseFault, Session, database_fault
from mailframe.database.postgres_start import START
from mailframe.database.sqlite import UnusableDatabase, storage_status
from mailframe.message.status import STORAGE_FULL, UNAVAILABLE
from tests import postgres

ROOM = "tests.database.postgres_room"


class SessionTests(SynchronousTestCase):
    """With a real server."""

    def setUp(self) -> None:
        self.address = postgres.database(self)
        self.session = self.made()

    def made(self) -> Session:
        session = Session(self.address, [ROOM])
        self.addCleanup(session.close)
        return session

    def asked(self, query: str) -> Any:
        with psycopg.connect(self.address) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    def cut(self) -> None:
        """The server ends our connection."""
        self.asked(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def put(self, key: int) -> None:
        self.session.run("INSERT INTO thing (key, value) VALUES (%s, 'value')", (key,))

    def test_transactions(self) -> None:
        """What is committed is there, and what is rolled back is not."""
        self.session.begin()
        self.put(1)
        self.session.commit()
        self.session.begin()
        self.put(2)
        self.session.roll_back()
        self.session.roll_back()
        self.assertEqual(self.session.rows("SELECT key FROM thing"), [(1,)])

    def test_one_at_a_time(self) -> None:
        """A transaction within a transaction is our mistake, and is told."""
        self.session.begin()
        with self.assertRaises(RuntimeError):
            self.session.begin()
        with self.assertRaises(RuntimeError):
            self.session.begin_reading()

    def test_one_moment(self) -> None:
        """A transaction that reads does not see what others commit meanwhile, and writes nothing."""
        self.session.begin_reading()
        self.assertEqual(self.session.rows("SELECT key FROM thing"), [])
        self.asked("INSERT INTO thing (key, value) VALUES (1, '') RETURNING key")
        self.assertEqual(self.session.rows("SELECT key FROM thing"), [])
        with self.assertRaises(DatabaseFault):
            self.put(2)
        self.session.roll_back()
        self.assertEqual(self.session.rows("SELECT key FROM thing"), [(1,)])

    def test_heals_between_transactions(self) -> None:
        """A connection that was cut while it was not used is made again, and nobody notices."""
        self.put(1)
        self.cut()
        self.assertEqual(self.session.rows("SELECT key FROM thing"), [(1,)])
        self.cut()
        self.session.begin()
        self.put(2)
        self.session.commit(durable=True)
        self.assertEqual(len(self.session.rows("SELECT key FROM thing")), 2)

    def test_lost_transaction(self) -> None:
        """A transaction whose connection is cut is lost as a whole: its second half is never done alone."""
        self.session.begin()
        self.put(1)
        self.cut()
        for _ in range(2):
            with self.assertRaises(DatabaseFault):
                self.put(2)
        with self.assertRaises(DatabaseFault):
            self.session.commit()
        self.session.roll_back()
        self.assertEqual(self.session.rows("SELECT key FROM thing"), [])

    def test_away(self) -> None:
        """A database that is not there is a temporary fault."""
        session = Session("host=/nonexistent dbname=x", [ROOM])
        for _ in range(2):
            with self.assertRaises(DatabaseFault) as caught:
                session.row("SELECT 1")
            self.assertEqual(storage_status(caught.exception), UNAVAILABLE)

    def test_our_mistakes(self) -> None:
        """A wrong statement is our mistake, and not told as a fault of the database."""
        with self.assertRaises(psycopg.ProgrammingError):
            self.session.row("SELECT nothing")
        self.assertEqual(self.session.row("SELECT 1"), (1,))

    def test_full_disk(self) -> None:
        """A full disk of the server is told as one."""
        fault = database_fault(errors.DiskFull("full"))
        self.assertEqual(fault.errno, errno.ENOSPC)
        self.assertEqual(storage_status(fault), STORAGE_FULL)

    def test_waiting_for_a_lock(self) -> None:
        """Waiting for another transaction ends some time, with a temporary fault."""
        other = self.made()
        self.put(1)
        self.session.begin("SELECT key FROM thing WHERE key = 1 FOR UPDATE")
        other.run("SET lock_timeout TO '50ms'")
        with self.assertRaises(DatabaseFault):
            other.begin("SELECT key FROM thing WHERE key = 1 FOR UPDATE")
        other.roll_back()
        self.session.roll_back()

    def test_durable_commit(self) -> None:
        """A durable commit is on stable storage when it returns, and all before it."""
        self.session.begin()
        self.put(1)
        self.session.commit()
        self.session.begin()
        self.put(2)
        self.session.commit(durable=True)
        self.assertTrue(self.asked("SELECT pg_current_wal_flush_lsn() = pg_current_wal_insert_lsn()"))

    def test_flush(self) -> None:
        """A flush puts on stable storage what was committed before."""
        self.session.begin()
        self.put(1)
        self.session.commit()
        end = self.asked("SELECT pg_current_wal_insert_lsn()")
        self.session.flush()
        self.assertTrue(self.asked(f"SELECT pg_current_wal_flush_lsn() >= '{end}'"))

    def test_flush_after_a_restart(self) -> None:
        """Where the server was started again before the flush, nobody is told that all is well."""
        self.session.begin()
        self.put(1)
        self.session.commit()
        self.session.started = "before"
        self.session._unflushed = "another start"
        with self.assertRaises(DatabaseFault):
            self.session.flush()
        self.session.flush()

    def test_start(self) -> None:
        """All connections agree on the start of the server, whatever their time zones are."""
        other = Session(self.address + " options='-c TimeZone=Asia/Tokyo'", [ROOM])
        self.addCleanup(other.close)
        for session in (self.session, other):
            session.row("SELECT 1")
        self.assertEqual(self.session.started, other.started)

    def test_start_of_many(self) -> None:
        """Connections that come at the same time, to a server that has just begun anew, agree on its start."""
        self.session.run("SELECT 1")
        self.session.run("TRUNCATE mailframe_start")
        sessions = [self.made() for _ in range(8)]
        threads = [threading.Thread(target=session.row, args=("SELECT 1",)) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len({session.started for session in sessions}), 1)

    def test_emptied_by_a_recovery(self) -> None:
        """A server that recovered from its log, under its old start time, is not the one it was before."""
        self.put(1)
        before = self.session.started
        # What a recovery does to a table that is not in the log.
        self.session.run("TRUNCATE mailframe_start")
        self.cut()
        with self.assertRaises(DatabaseFault):
            self.session.flush()
        self.assertNotEqual(self.session.started, before)
        self.assertEqual(self.session.row("SELECT " + START), (self.session.started,))

    def test_many_rows(self) -> None:
        """Many rows go in by one statement, whatever is in them."""
        self.session.begin()
        self.session.copy("thing", ["key", "value"], [(number, f"\t\\N\n{number}") for number in range(1000)])
        self.session.commit()
        self.assertEqual(self.session.rows("SELECT value FROM thing WHERE key = 999"), [("\t\\N\n999",)])

    def test_encoding(self) -> None:
        """A database that cannot keep all text is refused, with what to do."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
            self.addCleanup(self.asked_outside, "DROP DATABASE latin WITH (FORCE)")
        session = Session(self.address.rpartition("=")[0] + "=latin", [ROOM])
        with self.assertRaisesRegex(UnusableDatabase, "ENCODING 'UTF8'"):
            session.row("SELECT 1")

    def asked_outside(self, statement: str) -> None:
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(statement.encode())
