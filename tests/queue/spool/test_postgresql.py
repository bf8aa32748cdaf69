"""The queue in a PostgreSQL database, with a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin, ProxyFacts, ProxyTLS, TLSFacts
from mailframe.message.status import MailframeError, Status
from mailframe.queue.interfaces import ISpool, ISpoolRecords, IWakes
from mailframe.queue.spool.postgresql.rows import (
    MESSAGE,
    message_of,
    message_row,
    recipient_of,
    recipient_row,
    status_of,
    status_text,
)
from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.queue.values import (
    Claim,
    ClaimRequest,
    Place,
    QueuedMessage,
    QueuedRecipient,
    State,
)
from mailframe.testing.spool.fixture import ALL, NOW, ids, message
from tests import postgres
from tests.strategies import addresses


class PostgreSQLCase(TestCase):
    """A spool on a database of its own, and a clock that only the test moves."""

    timeout = 30

    async def setUp(self) -> None:
        self.address = postgres.database(self)
        self.now = NOW
        self.spool = await self.another()
        self.runner = await self.spool.enlist(60)

    async def another(self, address: str = "") -> PostgreSQLSpool:
        spool = PostgreSQLSpool(
            address or self.address, reactor, lambda: self.now, connections=2, lease_seconds=lambda: self.now
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        return spool

    async def claimed(self, request: ClaimRequest = ALL) -> Sequence[Claim]:
        return await self.spool.claim(self.runner, request)


class KeepingTests(PostgreSQLCase):
    """What was added is there, is given out once, and is gone when all is done."""

    async def test_interfaces(self) -> None:
        """It is a spool with records, and wakes."""
        for interface in (ISpool, ISpoolRecords, IWakes):
            verifyObject(interface, self.spool)

    async def test_damaged(self) -> None:
        """Content that is not all there is a fault for now, never half a message."""
        new = message("a.test", content=Content.of(b"x" * 600_000))
        await self.spool.add(new)
        await self.spool.database.run(
            lambda connection: connection.execute("DELETE FROM spool_content WHERE piece = 2")
        )
        with self.assertRaises(MailframeError) as caught:
            await self.spool.content(new.message.queue_id)
        self.assertTrue(caught.exception.status.temporary)


class LeaseTests(PostgreSQLCase):
    """What a dead runner had is taken up by others."""

    async def test_database_clock(self) -> None:
        """Without a clock of its own for leases, a node goes by the database's."""
        spool = PostgreSQLSpool(self.address, reactor, lambda: 0.0, connections=1)
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        runner, short = await spool.enlist(60), await spool.enlist(-1)
        await spool.take_over()
        self.assertTrue(await spool.renew(runner, 60))
        self.assertFalse(await spool.renew(short, 60))

    async def test_killed(self) -> None:
        """A node that is killed while it holds leases loses nothing: another one gets all that it had."""
        for _ in range(5):
            await self.spool.add(message("a.test"))
        process = subprocess.Popen(
            [sys.executable, "-c", NODE, self.address],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.addCleanup(process.stdout.close)
        line = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        self.assertEqual(line, b"claimed 5\n")
        self.assertEqual(list(await self.claimed()), [])
        self.now += 30
        self.assertEqual(await self.spool.take_over(), 5)
        self.assertEqual(len(await self.claimed()), 5)


NODE = f"""
import asyncio, sys, time
from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.queue.values import ClaimRequest
async def main():
    spool = PostgreSQLSpool(sys.argv[1], None, lambda: {NOW}, lease_seconds=lambda: {NOW})
    await spool.start()
    runner = await spool.enlist(30)
    print("claimed", len(await spool.claim(runner, ClaimRequest("normal", 100, 100))), flush=True)
    time.sleep(60)
from twisted.internet.defer import Deferred
Deferred.fromCoroutine(main()).addErrback(print)
"""


class AwayTests(TestCase):
    """The database goes away and comes back."""

    timeout = 60

    async def test_stopped_and_started(self) -> None:
        """While the server is down all is refused for now; when it is back all goes on, and nothing is lost."""
        server = postgres.Server()
        self.addCleanup(server.remove)
        server.start()
        spool = PostgreSQLSpool(server.address("postgres"), reactor, lambda: NOW, connections=2)
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        woken: list[None] = []
        spool.watch(lambda: woken.append(None))
        await spool.start()
        runner = await spool.enlist(600)
        kept = message("a.test")
        await spool.add(kept)
        server.stop()
        for _ in range(3):
            with self.assertRaises(MailframeError) as caught:
                await spool.add(message("b.test"))
            self.assertTrue(caught.exception.status.temporary)
        server.start()
        claims = await spool.claim(runner, ALL)
        self.assertEqual(ids(claims), [kept.message.queue_id])
        woken.clear()
        while not woken:
            # The listening connection comes back by itself.
            await deferLater(reactor, 0.05)

    async def test_restarted_between(self) -> None:
        """A server that was started again between two questions is not noticed."""
        server = postgres.Server()
        self.addCleanup(server.remove)
        server.start()
        spool = PostgreSQLSpool(server.address("postgres"), reactor, lambda: NOW, connections=2)
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        await spool.add(message("a.test"))
        server.stop()
        server.start()
        await spool.add(message("a.test"))
        self.assertEqual((await spool.usage()).messages, 2)


class WakingTests(PostgreSQLCase):
    """Nodes hear of each other's mail."""

    async def test_woken(self) -> None:
        """Another node is told when there is something to do."""
        other = await self.another()
        heard: Deferred[None] = Deferred()
        while other._listening is None or not other._listening.connected:
            await deferLater(reactor, 0.01)
        other.watch(lambda: None if heard.called else heard.callback(None))
        await self.spool.add(message("a.test"))
        await heard


def _texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


class RowTests(SynchronousTestCase):
    """What is written comes back as it was, through the database itself."""

    def setUp(self) -> None:
        self.address = postgres.database(self)

    @settings(max_examples=40)
    @given(
        st.lists(addresses(smtputf8=True), min_size=1, max_size=4),
        st.none() | addresses(smtputf8=True),
        st.dictionaries(_texts(), st.none() | _texts(), max_size=3),
        _texts(),
    )
    def test_there_and_back(self, paths, sender, parameters, text: str) -> None:
        """Addresses, parameters and facts of any kind survive."""
        proxy = ProxyFacts("192.0.2.9", tls=ProxyTLS(True, text), extensions=((1, b"\x00\xff"),))
        origin = Origin(
            "S", text, helo=text, tls=TLSFacts("TLSv1.3", text, 128), attributes={text: text}, proxy=proxy
        )
        mail = QueuedMessage("Q", Envelope(sender, [], parameters), origin, 1.5, 2.5, 3, 4, text, text)
        self.assertEqual(message_of(_selected(message_row(mail))), mail)
        for number, path in enumerate(paths):
            status = Status((4, 2, 1), text, "WORD", 451)
            recipient = QueuedRecipient(
                number,
                Recipient(path, parameters),
                Place(text),
                State.HELD,
                1.0,
                float("inf"),
                3,
                True,
                status,
                text,
                9.0,
            )
            row = recipient_row("Q", 3, recipient, None)
            back = recipient_of((row[1], row[4], row[3], row[5], row[6], row[7], *row[9:17]))
            self.assertEqual(back, recipient)

    @given(st.text(max_size=20))
    def test_status(self, text: str) -> None:
        """A status of any text can be kept."""
        status = status_of(status_text(Status((5, 0, 0), text)))
        assert status is not None
        status.text.encode()
        self.assertNotIn("\x00", status.text)


def _selected(row: tuple) -> tuple:
    """The columns of `MESSAGE`: the row without the text that patterns are compared with."""
    assert MESSAGE.count(",") == len(row) - 2
    return (row[0], *row[2:])
