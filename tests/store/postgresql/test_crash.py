"""The server is killed at random moments, as by a lost power supply: what was answered for is there afterwards.

A server that is killed loses what it has not flushed, because its log is in its own memory until then. So does one
of whose backends one is killed: it ends all of them and begins anew, under the start time it had.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from typing import Any

import psycopg
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailframe.config.types import Secret
from mailframe.database.postgres_session import DatabaseFault
from mailframe.message.content import Content
from mailframe.message.status import MailframeError
from mailframe.store.hints import LocalHints
from mailframe.store.postgresql.backend import session_of
from mailframe.store.postgresql.checking import differences
from mailframe.store.postgresql.options import PostgreSQLStoreOptions
from mailframe.store.postgresql.store import PostgresStore
from mailframe.store.values import INBOX, Delivery, NewMessage, Span
from mailframe.testing.store import describe
from tests import postgres

ACCOUNTS = [f"user{number}@example.test" for number in range(4)]
ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "3"))


class KilledServerTests(TestCase):
    """Two nodes deliver, append and read while their server is killed again and again."""

    timeout = 60 + 20 * ROUNDS

    async def test_killed(self) -> None:
        """Every acknowledged message is there, and no UID that a client saw names another message."""

        def kill(server: postgres.Server) -> None:
            process = server._process
            assert process is not None
            process.send_signal(signal.SIGQUIT)
            process.wait(30)

        await self.kill_again_and_again(kill, postgres.Server.start)

    async def test_backend_killed(self) -> None:
        """The same where only one of the server's processes is killed, as for want of memory."""
        await self.kill_again_and_again(kill_backend, lambda server: None)

    async def kill_again_and_again(
        self, kill: Callable[[postgres.Server], None], start: Callable[[postgres.Server], None]
    ) -> None:
        server = postgres.Server()
        self.addCleanup(server.remove)
        server.start()
        address = server.database()
        nodes = [await self.started(address) for _ in range(2)]
        chance = random.Random(7)
        storm = Storm(nodes)
        for _ in range(ROUNDS):
            working = storm.begin()
            await deferLater(reactor, chance.uniform(0.15, 0.6))  # type: ignore[arg-type]
            kill(server)
            storm.going = False
            await working
            start(server)
            await answering(address)
            await storm.check(self)
        # Refused messages that could not be taken back: they come twice when their clients try again.
        self.flushLoggedErrors(DatabaseFault)
        self.assertGreater(len(storm.acknowledged), 20)
        self.assertGreater(len(storm.seen), 20)
        session = session_of(address)
        self.addCleanup(session.close)
        self.assertFalse(differences(session, octets=True))

    async def started(self, address: str) -> PostgresStore:
        options = PostgreSQLStoreOptions(address=Secret(address), threads=2, open_accounts=20)
        store = PostgresStore(describe, LocalHints(), reactor, options)  # type: ignore[arg-type]
        await store.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(store.stop()))
        return store


def kill_backend(server: postgres.Server) -> None:
    """Kill one of the server's processes."""
    with psycopg.connect(server.address("postgres")) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


async def answering(address: str) -> None:
    """Wait until the server takes connections again."""
    while True:
        await deferLater(reactor, 0.05)  # type: ignore[arg-type]
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            continue
        return


class Storm:
    """What is done, what was acknowledged, and what was seen."""

    def __init__(self, nodes: list[PostgresStore]) -> None:
        self.nodes = nodes
        self.number = 0
        self.going = False
        self.acknowledged: set[tuple[str, bytes]] = set()
        self.seen: dict[tuple[str, int, int], bytes] = {}

    def begin(self) -> Deferred[Any]:
        """Work until `going` is False."""
        self.going = True
        works = [
            work(node) for node in self.nodes for work in (self.delivering, self.appending, self.reading)
        ]
        return gatherResults([Deferred.fromCoroutine(work) for work in works])

    def message(self) -> tuple[bytes, NewMessage]:
        self.number += 1
        octets = b"Subject: %d\r\n\r\n" % self.number + b"text\r\n" * (self.number % 50)
        return octets, NewMessage(Content.of(octets), queue_id="Q")

    async def delivering(self, node: PostgresStore) -> None:
        while self.going:
            octets, message = self.message()
            statuses = await node.deliver([Delivery(name, message, INBOX) for name in ACCOUNTS])
            for name, status in zip(ACCOUNTS, statuses, strict=True):
                if status.success:
                    self.acknowledged.add((name, octets))

    async def appending(self, node: PostgresStore) -> None:
        while self.going:
            octets, message = self.message()
            try:
                account = await node.account(ACCOUNTS[0])
                await account.append(INBOX, [message])
            except MailframeError:
                continue
            self.acknowledged.add((ACCOUNTS[0], octets))

    async def reading(self, node: PostgresStore) -> None:
        while self.going:
            for name in ACCOUNTS[:2]:
                try:
                    await self.look(node, name, 10)
                except MailframeError:
                    continue

    async def look(self, node: PostgresStore, name: str, last: int | None = None) -> set[bytes]:
        """See what the last UIDs name, and compare it with what they named before."""
        mailbox = await (await node.account(name)).open(INBOX)
        uids = list((await mailbox.snapshot()).uids)[-last if last else 0 :]
        found = set()
        for uid, octets in zip(uids, await mailbox.read([Span(uid) for uid in uids]), strict=True):
            if octets is not None:
                found.add(octets)
                named = self.seen.setdefault((name, mailbox.uidvalidity, uid), octets)
                assert named == octets, f"{uid} of {name} named {named!r}, and names {octets!r} now"
        mailbox.close()
        return found

    async def check(self, case: TestCase) -> None:
        """All that was acknowledged is there."""
        for name in ACCOUNTS:
            there = await self.look(self.nodes[0], name)
            lost = {octets for who, octets in self.acknowledged if who == name} - there
            case.assertFalse(lost, f"{len(lost)} messages of {name}")
