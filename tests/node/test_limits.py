"""Limits of a whole node: two workers count like one, and remember over reloads, deaths and restarts."""

from __future__ import annotations

import os
import poplib
import shutil
import signal
import smtplib
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from twisted.trial.unittest import TestCase

from .harness import Node

ALICE = "alice@example.test"
PASSWORD = "wonderland-2580"


class LimitsCase(TestCase):
    """A node with two workers; this machine is like any other to it."""

    extra: Mapping[str, Sequence[str]] = {}
    roles: Sequence[str] = ("mx", "store")

    def setUp(self) -> None:
        """It serves."""
        base = tempfile.mkdtemp(prefix="mailframe-limits-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.node = Node(base, accounts={ALICE: PASSWORD}, roles=self.roles, workers=2, extra=self.extra)
        self.addCleanup(self.node.stop)
        self.node.start()

    def connect(self) -> tuple[socket.socket, bytes]:
        """A connection to port 25, and the code it is greeted with; b"" when it was cut."""
        connection = socket.create_connection(("127.0.0.1", self.node.ports["smtp"]), 10)
        self.addCleanup(connection.close)
        try:
            return connection, connection.recv(1000)[:3]
        except ConnectionError:
            return connection, b""

    @contextmanager
    def held(self, worker: int) -> Iterator[None]:
        """Connections that are made meanwhile are taken by the other worker."""
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)

    def sessions(self) -> dict[int, int]:
        """Open SMTP sessions of each worker."""
        return {
            int(worker["pid"]): int(worker["sessions"].get("mx", 0))
            for worker in self.node.ask("status")["workers"]
        }


class ConnectionsTests(LimitsCase):
    """Open connections."""

    extra = {"role.mx": ["connections_limit_per_network = 6", "exempt_networks = []"]}

    def test_all_workers(self) -> None:
        """With two workers a limit of six connections is six in all; those of a killed worker count no more."""
        one, other = self.node.worker_pids()
        with self.held(other):
            opened = [self.connect() for _ in range(3)]
        with self.held(one):
            opened += [self.connect() for _ in range(7)]
        self.assertEqual([b"220"] * 6 + [b"421"] * 4, [code for _, code in opened])
        shared = {one: 3, other: 3}
        deadline = time.monotonic() + 10
        while self.sessions() != shared:
            self.assertLess(time.monotonic(), deadline, f"they have {self.sessions()}")
            time.sleep(0.05)
        killed = one
        os.kill(killed, signal.SIGKILL)
        self.node.wait_gone(killed)
        # Its place is given up when the parent has noticed; nobody gets in for another reason.
        deadline = time.monotonic() + 10
        admitted = 0
        while admitted < 3 and time.monotonic() < deadline:
            admitted += self.connect()[1] == b"220"
            time.sleep(0.02)
        self.assertEqual(3, admitted)
        self.assertEqual(b"421", self.connect()[1])
        for connection, _ in opened:
            connection.close()
        while self.connect()[1] != b"220":
            self.assertLess(time.monotonic(), deadline, "places were not given back")
            time.sleep(0.02)


class AmountsTests(LimitsCase):
    """Messages in an hour."""

    extra = {"role.mx": ["messages_per_hour = 7", "exempt_networks = []"]}

    def messages(self, count: int) -> list[int]:
        """Begin so many messages, each in a connection of its own that stays; the codes."""
        codes = []
        for _ in range(count):
            session = smtplib.SMTP("127.0.0.1", self.node.ports["smtp"], "client.test", timeout=10)
            self.addCleanup(session.close)
            session.ehlo()
            codes.append(session.mail("joe@sender.test")[0])
        return codes

    def test_all_workers(self) -> None:
        """The hourly limit is for all workers together, holds over a reload, and over a restart of the node."""
        self.assertEqual([250] * 3, self.messages(3))
        old = set(self.node.worker_pids())
        self.node.ask("reload")
        self.assertEqual([250] * 4 + [450] * 4, self.messages(8))
        self.assertTrue(set(self.node.worker_pids()) - old, "the reload made no new workers")
        for pid in self.node.worker_pids():
            os.kill(pid, signal.SIGKILL)
        for pid in old:
            self.node.wait_gone(pid)
        self.node.wait_for("running")
        self.assertEqual([450], self.messages(1))
        self.node.stop()
        self.node.start()
        self.assertEqual([450], self.messages(1))


class LoginsTests(LimitsCase):
    """Failed logins."""

    roles = ("store",)
    extra = {
        "authenticator.password": [
            "account_attempts = 4",
            'first_delay = "400ms"',
            "trusted_networks = []",
        ],
        "role.store.pop3_options": ["exempt_networks = []"],
    }

    def guess(self) -> float:
        """One wrong password, in a connection of its own that stays; seconds until the answer."""
        client = poplib.POP3("127.0.0.1", self.node.ports["pop3"], 20)
        self.addCleanup(client.close)
        client.user(ALICE)
        begin = time.monotonic()
        self.assertRaises(poplib.error_proto, client.pass_, "wrong")
        return time.monotonic() - begin

    def test_all_workers(self) -> None:
        """Guesses at one worker slow down those at the other."""
        one, other = self.node.worker_pids()
        with self.held(other):
            waited = [self.guess() for _ in range(5)]
        with self.held(one):
            waited += [self.guess() for _ in range(2)]
        self.assertGreater(waited[5], 0.7, waited)
        self.assertGreater(waited[6], 1.5, waited)
        # One line a failure, with the session it happened in; workers write them a moment later.
        deadline = time.monotonic() + 10
        while len(lines := self.lines("of 'alice@")) < 7 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(7, len(lines), lines)
        self.assertTrue(all("session_id" in line for line in lines), lines)

    def lines(self, text: str) -> list[str]:
        """The log's lines that have a text."""
        return [line for line in self.node.log.read_text().splitlines() if text in line]
