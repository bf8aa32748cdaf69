"""Several nodes with one database, and what happens when the database goes away."""

from __future__ import annotations

import errno
import time
from typing import Any

import psycopg
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailframe.config.types import Secret
from mailframe.database.postgres_session import DatabaseFault, Session
from mailframe.message.content import Content
from mailframe.message.status import MailframeError
from mailframe.store.catalogue.postgresql.catalogue import JUMP, UNFLUSHED, Catalogue
from mailframe.store.hints import LocalHints
from mailframe.store.maildrop.layout import Arrival
from mailframe.store.postgresql.hints import PostgresHints
from mailframe.store.postgresql.layout import PostgresLayout
from mailframe.store.postgresql.options import PostgreSQLStoreOptions
from mailframe.store.postgresql.store import PostgresStore
from mailframe.store.postgresql.writing import PLACE_SECONDS, PostgresWritten
from mailframe.store.values import INBOX, Delivery, FlagChange, Item, NewMessage
from mailframe.testing.store import describe
from tests import postgres

from .fixture import ALICE, BOB, PostgresCase, database

HELLO = b"Subject: hello\r\n\r\nHello.\r\n"


def message(number: int = 0) -> NewMessage:
    """A message that differs from others."""
    return NewMessage(Content.of(HELLO + b"%d\r\n" % number), queue_id="Q")


class OneDatabaseTests(PostgresCase):
    """Two nodes, one after the other in each step."""

    def test_both_see_all(self) -> None:
        """What one node does the other sees."""
        other = self.started(LocalHints())
        self.deliver(ALICE, octets=HELLO)
        mailbox = self.opened(store=other)
        self.assertEqual(self.contents(mailbox), [HELLO])
        self.wait(mailbox.store([1], FlagChange.ADD, frozenset({"word"})))
        (change,) = self.wait(self.opened().changes(1)).messages
        self.assertIn("word", change.flags)

    def test_removed_elsewhere(self) -> None:
        """An account that another node removed and made again is that one, and not the one before."""
        self.deliver(ALICE, octets=HELLO)
        other = self.started(LocalHints())
        self.wait(other.remove_account(ALICE))
        self.deliver(ALICE, octets=b"Subject: new\r\n\r\n")
        self.assertEqual(self.contents(self.opened(store=other)), [b"Subject: new\r\n\r\n"])

    def test_removed_in_this_moment(self) -> None:
        """Mail does not go into an account that another node removed after it was looked for."""
        self.deliver(ALICE, octets=HELLO)
        begin = Catalogue.begin

        def late(catalogue: Catalogue) -> None:
            self.outside("UPDATE mail_accounts SET removed = true")
            begin(catalogue)

        patch = self.patch(Catalogue, "begin", late)
        (status,) = self.deliver(ALICE, octets=HELLO)
        self.assertFalse(status.success or status.permanent)
        patch.restore()
        self.assertTrue(self.deliver(ALICE, octets=HELLO)[0].success)
        self.assertEqual(self.contents(self.opened()), [HELLO])

    def test_durable_before_the_answer(self) -> None:
        """When a delivery to many accounts is answered, all of it is on the server's stable storage."""
        names = [f"user{number}@example.test" for number in range(20)]
        self.deliver(*names, octets=HELLO)
        end = None
        flush = PostgresLayout.flush_place

        def noticed(layout: PostgresLayout, place: str) -> None:
            nonlocal end
            end = self.asked("SELECT pg_current_wal_insert_lsn()")
            flush(layout, place)

        self.patch(PostgresLayout, "flush_place", noticed)
        self.deliver(*names, octets=HELLO + b"again\r\n")
        self.assertIsNotNone(end)
        self.assertTrue(self.asked(f"SELECT pg_current_wal_flush_lsn() >= '{end}'"))

    def test_flush_fails(self) -> None:
        """Mail that could not be put on stable storage is refused for now, and is not there."""
        self.deliver(ALICE, octets=HELLO)

        def fails(layout: PostgresLayout, place: str) -> None:
            raise DatabaseFault(5, "no")

        self.patch(PostgresLayout, "flush_place", fails)
        (status,) = self.deliver(ALICE, octets=HELLO + b"again\r\n")
        self.assertFalse(status.success or status.permanent)
        self.assertEqual(self.contents(self.opened()), [HELLO])

    def test_restart_between_octets_and_row(self) -> None:
        """Where the server was started again after it took the octets, and may have lost them, no message has them."""
        self.deliver(ALICE, octets=HELLO)
        write = PostgresLayout.write

        def written(layout: PostgresLayout, arrival: Arrival) -> Any:
            found = write(layout, arrival)
            found.started = "before"
            return found

        patch = self.patch(PostgresLayout, "write", written)
        (status,) = self.deliver(ALICE, octets=HELLO)
        self.assertFalse(status.success or status.permanent)
        patch.restore()
        self.assertEqual(self.contents(self.opened()), [HELLO])

    def test_restart_between_row_and_flush(self) -> None:
        """A flush by a later start of the server says nothing about what was committed under the one before."""
        self.deliver(ALICE, octets=HELLO)
        commit = Catalogue.commit

        def committed(catalogue: Catalogue, numbers: int = 1) -> None:
            commit(catalogue, numbers)
            session = catalogue._session
            session.started, session._unflushed = "later", None

        patch = self.patch(Catalogue, "commit", committed)
        (status,) = self.deliver(ALICE, octets=HELLO + b"again\r\n")
        self.assertFalse(status.success or status.permanent)
        patch.restore()
        self.assertEqual(self.contents(self.opened()), [HELLO])

    def test_numbers_after_a_restart_of_the_server(self) -> None:
        """After a restart of the server no UID is given that a lost commit may have given."""
        self.deliver(ALICE, octets=HELLO)
        self.outside("UPDATE mail_accounts SET started = 'before'")
        self.deliver(ALICE, octets=HELLO)
        self.deliver(ALICE, octets=HELLO)
        uids = list(self.wait(self.opened().snapshot()).uids)
        self.assertEqual(uids, [1, 2 + JUMP, 3 + JUMP])

    def test_keywords_after_a_restart_of_the_server(self) -> None:
        """A keyword that a crash took away is not what a node that knew it calls the next one."""
        self.deliver(ALICE, octets=HELLO)
        other = self.started(LocalHints())
        mailbox = self.opened()
        self.wait(mailbox.store([1], FlagChange.ADD, frozenset({"lost"})))
        self.outside(
            "DELETE FROM mail_keywords; UPDATE mail_messages SET keywords = NULL;"
            "UPDATE mail_mailboxes SET keywords_version = 0; UPDATE mail_accounts SET started = 'before'"
        )
        self.wait(self.opened(store=other).store([1], FlagChange.ADD, frozenset({"kept"})))
        (message,) = self.wait(mailbox.fetch([1], Item.FLAGS))
        self.assertEqual(message.flags, {"kept"})

    def test_numbers_between_flushes(self) -> None:
        """So many UIDs as a jump goes over are never given without a flush in between."""
        self.assertLess(UNFLUSHED * 8, JUMP)
        catalogue = self.store._backend.opener().catalogue(ALICE)  # type: ignore[attr-defined]
        committed = self.commits(catalogue)
        for _ in range(4):
            with catalogue.writing(UNFLUSHED // 2):
                pass
        self.assertEqual(committed, [False, False, True, False])

    def test_durable_at_once(self) -> None:
        """A jump of numbers, and a new mailbox, are on stable storage before anybody is told of them."""
        self.deliver(ALICE, octets=HELLO)
        catalogue = self.store._backend.opener().catalogue(ALICE)  # type: ignore[attr-defined]
        committed = self.commits(catalogue)
        self.outside("UPDATE mail_accounts SET started = 'before'")
        for name in ("", "New", ""):
            with catalogue.writing():
                if name:
                    catalogue.mailboxes.add(name, "L1", "F1")
        self.assertEqual(committed, [True, True, False])

    def test_octets_too_old(self) -> None:
        """Octets that were written long ago, or under another start of the server, are given to no message."""
        written = PostgresWritten(1, 1, None, None, since=time.monotonic(), started="now")
        self.assertTrue(written.placeable("now"))
        self.assertFalse(written.placeable("later"))
        written.since -= PLACE_SECONDS
        self.assertFalse(written.placeable("now"))

    def commits(self, catalogue: Catalogue) -> list[bool]:
        """Whether commits of a catalogue last, from now on."""
        committed: list[bool] = []
        session = catalogue._session
        self.addCleanup(session.close)
        commit = session.commit

        def noted(durable: bool = False) -> None:
            committed.append(durable)
            commit(durable)

        session.commit = noted  # type: ignore[method-assign]
        return committed

    def test_full_disk(self) -> None:
        """While the server's disk is full mail can be read, and what is new is not noted as seen."""
        self.deliver(ALICE, octets=HELLO)
        run = Session.run

        def full(session: Session, query: Any, values: Any = ()) -> int:
            if "first_recent" in query:
                raise DatabaseFault(errno.ENOSPC, "full")
            return run(session, query, values)

        patch = self.patch(Session, "run", full)
        mailbox = self.opened()
        self.assertEqual(set(self.wait(mailbox.snapshot()).recent), {1})
        patch.restore()
        self.assertEqual(set(self.wait(self.opened().snapshot()).recent), {1})
        self.assertEqual(set(self.wait(self.opened().snapshot()).recent), set())

    def test_connections_cut(self) -> None:
        """Connections that the server cut between two units of work are made again unnoticed."""
        self.deliver(ALICE, octets=HELLO)
        mailbox = self.opened()
        self.cut()
        self.assertEqual(self.contents(mailbox), [HELLO])
        self.cut()
        self.assertTrue(self.deliver(ALICE, octets=HELLO)[0].success)
        self.assertEqual(len(self.contents(mailbox)), 2)

    def test_cut_in_the_middle(self) -> None:
        """A connection cut in the middle of a delivery is a temporary failure, and leaves nothing."""
        self.deliver(ALICE, octets=HELLO)
        place = PostgresLayout.place

        def cut(layout: PostgresLayout, *arguments: Any) -> Any:
            self.cut()
            return place(layout, *arguments)

        patch = self.patch(PostgresLayout, "place", cut)
        (status,) = self.deliver(ALICE, octets=HELLO + b"again\r\n")
        self.assertFalse(status.success or status.permanent)
        patch.restore()
        self.assertEqual(self.contents(self.opened()), [HELLO])
        self.assertTrue(self.deliver(ALICE, octets=HELLO)[0].success)
        self.sound()

    def asked(self, query: str) -> Any:
        with psycopg.connect(self.address) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    def outside(self, statement: str) -> None:
        with psycopg.connect(self.address) as connection:
            connection.execute(statement.encode())


class _Threaded(TestCase):
    timeout = 60

    async def started(self, address: str) -> PostgresStore:
        options = PostgreSQLStoreOptions(address=Secret(address), threads=2, open_accounts=20)
        store = PostgresStore(describe, LocalHints(), reactor, options)  # type: ignore[arg-type]
        await store.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(store.stop()))
        return store

    async def eventually(self, happened: Any) -> None:
        for _ in range(1000):
            if happened():
                return
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]
        self.fail("it did not happen in time")


class HintsTests(_Threaded):
    """Nodes tell each other of changes."""

    async def test_across(self) -> None:
        """A session at one node hears at once of what comes in at another."""
        address = database(self)
        here, there = await self.started(address), await self.started(address)
        account = await here.account(ALICE)
        mailbox = await account.open(INBOX)
        await self.eventually(lambda: here._across._listening.connected)
        heard: list[None] = []
        mailbox.listen(lambda: heard.append(None))
        await deferLater(reactor, 0.05)  # type: ignore[arg-type]
        before = len(heard)
        await there.deliver([Delivery(ALICE, message(), INBOX)])
        await self.eventually(lambda: len(heard) > before)
        mailbox.close()
        after = len(heard)
        await there.deliver([Delivery(ALICE, message(1), INBOX)])
        await deferLater(reactor, 0.1)  # type: ignore[arg-type]
        self.assertEqual(len(heard), after)

    async def test_own_hints(self) -> None:
        """What a node itself tells it does not hear a second time."""
        address = database(self)
        hints = PostgresHints(address, LocalHints(), reactor)  # type: ignore[arg-type]
        hints.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(hints.stop()))
        await self.eventually(lambda: hints._listening is not None and hints._listening.connected)
        heard: list[None] = []
        hints.listen(ALICE, "F1", lambda: heard.append(None))
        hints.publish(ALICE, "F1")
        self.assertEqual(len(heard), 1)
        await self.eventually(lambda: not hints._busy)
        await deferLater(reactor, 0.1)  # type: ignore[arg-type]
        self.assertEqual(len(heard), 1)

    async def test_looks_after_a_break(self) -> None:
        """Whoever listens is told to look when the connection that listens was made anew."""
        address = database(self)
        hints = PostgresHints(address, LocalHints(), reactor)  # type: ignore[arg-type]
        heard: list[None] = []
        hints.listen(ALICE, "F1", lambda: heard.append(None))
        hints.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(hints.stop()))
        await self.eventually(lambda: len(heard) == 1)

    async def test_nobody_to_tell(self) -> None:
        """That other nodes cannot be told is no fault of the work that was done."""
        hints = PostgresHints("host=/nonexistent", LocalHints(), reactor)  # type: ignore[arg-type]
        for number in range(10):
            hints.publish(ALICE, f"F{number}")
        await self.eventually(lambda: not hints._busy)
        await hints.stop()


class TogetherTests(_Threaded):
    """Two nodes at the same time."""

    async def test_deliveries(self) -> None:
        """Two nodes deliver to the same accounts at once: nothing is lost, and no UID names two messages."""
        address = database(self)
        nodes = [await self.started(address) for _ in range(2)]
        work = [
            Deferred.fromCoroutine(
                node.deliver([Delivery(name, message(number), INBOX) for name in (ALICE, BOB)])
            )
            for number in range(30)
            for node in nodes
        ]
        for statuses in await gatherResults(work):
            self.assertTrue(all(status.success for status in statuses), statuses)
        for node in nodes:
            mailbox = await (await node.account(BOB)).open(INBOX)
            self.assertEqual(list((await mailbox.snapshot()).uids), list(range(1, 61)))


class AwayTests(_Threaded):
    """The server stops and starts again."""

    async def test_stop_and_start(self) -> None:
        """While the server is away everything fails for now; afterwards all goes on, with higher numbers."""
        server = postgres.Server()
        self.addCleanup(server.remove)
        server.start()
        address = server.database()
        store = await self.started(address)
        await store.deliver([Delivery(ALICE, message(), INBOX)])
        mailbox = await (await store.account(ALICE)).open(INBOX)
        server.stop()
        (status,) = await store.deliver([Delivery(ALICE, message(1), INBOX)])
        self.assertFalse(status.success or status.permanent)
        with self.assertRaises(MailframeError) as caught:
            await mailbox.snapshot()
        self.assertFalse(caught.exception.status.permanent)
        with self.assertRaises(OSError):
            await store.answers()
        server.start()
        self.assertIsNone(await store.answers())
        (status,) = await store.deliver([Delivery(ALICE, message(1), INBOX)])
        self.assertTrue(status.success)
        self.assertEqual(list((await mailbox.snapshot()).uids), [1, 2 + JUMP])
        await self.eventually(lambda: store._across._listening.connected)
