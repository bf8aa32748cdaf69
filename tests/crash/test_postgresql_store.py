"""Whole nodes whose mail lies in one PostgreSQL database: both serve it, one is killed, the database goes away."""

from __future__ import annotations

import imaplib
import os
import smtplib
import time

from click.testing import CliRunner

from mailframe.cli.app import mailframe
from tests import postgres
from tests.node.harness import Node

from . import test_kill
from .cases import LONG
from .storm import Storm, wait_until_answers

ALICE, BOB, _ = test_kill.ACCOUNTS
PASSWORD = test_kill.PASSWORD
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


class PostgresNodeTests(test_kill.KillTests):
    """Every message answered 250 is in its mailbox, whichever node took it and whichever is asked."""

    def setUp(self) -> None:
        """A server of its own, as it is stopped: other tests share theirs."""
        super().setUp()
        self.server = postgres.Server()
        self.addCleanup(self.server.remove)
        self.server.start()
        self.address = self.server.database()

    def node(self, name: str = "one") -> Node:
        """A node over the database; what it has on its own disk is not shared."""
        base = os.path.join(self.base, name)
        os.makedirs(base, exist_ok=True)
        sections = {
            "store": ['backend = "postgresql"'],
            "store.postgresql": [f'address = "{self.address}"'],
            "sharing": [],
            # Nobody looks without a hint.
            "role.store.imap_options": ['poll_interval = "1h"'],
        }
        accounts = dict.fromkeys(test_kill.ACCOUNTS, PASSWORD)
        return Node(base, accounts=accounts, roles=("mx", "store"), workers=2, extra=sections)

    def both(self) -> tuple[Node, Node]:
        """Two nodes that serve."""
        one, other = self.node("one"), self.node("other")
        for node in (one, other):
            self.addCleanup(node.stop)
            node.start()
        return one, other

    def reader(self, node: Node, account: str) -> imaplib.IMAP4:
        """A client that is logged in."""
        reader = imaplib.IMAP4("127.0.0.1", node.ports["imap"], timeout=20)
        self.addCleanup(reader.shutdown)
        reader.login(account, PASSWORD)
        return reader

    def test_together(self) -> None:
        """What is done at one node is seen at the other at once."""
        one, other = self.both()
        self.check_told(one, other)
        self.check_shared(one, other)

    def check_told(self, one: Node, other: Node) -> None:
        """Mail that comes in by LMTP at one node is told at once to who idles at the other, and read there."""
        reader = self.reader(other, ALICE)
        reader.select()
        self.assertEqual(reader.uid("SEARCH", "ALL")[1], [b""])
        reader.send(b"I IDLE\r\n")
        self.assertTrue(reader.readline().startswith(b"+"))
        with smtplib.LMTP("127.0.0.1", one.ports["lmtp"]) as client:
            client.sendmail("joe@sender.test", [ALICE], MESSAGE)
        while (line := reader.readline()) != b"* 1 EXISTS\r\n":
            self.assertTrue(line.startswith(b"* "), line)
        reader.send(b"DONE\r\n")
        while not reader.readline().startswith(b"I OK"):
            pass
        (_, octets), _ = reader.fetch("1", "(BODY.PEEK[])")[1]
        self.assertTrue(octets.endswith(MESSAGE), octets)

    def check_shared(self, one: Node, other: Node) -> None:
        """A mailbox that is shared at one node is listed and read at the other, and not when that is over."""
        bob = self.reader(other, BOB)
        name = f'"Other Users/{ALICE}/INBOX"'
        for rights, seen in (("lr", True), ("none", False)):
            command = ["mailbox", "access", ALICE, "INBOX", BOB, rights, "--config", str(one.configuration)]
            result = CliRunner().invoke(mailframe, command)
            self.assertEqual(result.exit_code, 0, result.output)
            listed = [line for line in bob.list()[1] if ALICE.encode() in (line or b"")]
            self.assertEqual(any(line.endswith(name.encode()) for line in listed), seen, listed)
            self.assertEqual(bob.select(name, readonly=True)[0], "OK" if seen else "NO")

    def test_nothing_accepted_is_lost(self) -> None:
        """Kill a worker in one round and the node in the next; all accepted mail is there each time."""
        super().test_nothing_accepted_is_lost()

    test_nothing_accepted_is_lost.skip = LONG  # type: ignore[attr-defined]

    def test_away(self) -> None:
        """While the database is away mail is refused for now; when it is back, all goes on by itself."""
        one, other = self.both()
        storms = [
            Storm(node.ports["smtp"], test_kill.ACCOUNTS, f"n{n}") for n, node in enumerate((one, other))
        ]
        for storm in storms:
            storm.start()
        try:
            self.until(lambda: all(storm.count >= 20 for storm in storms))
            before = sum(storm.refused for storm in storms)
            self.server.stop()
            self.until(lambda: sum(storm.refused for storm in storms) > before)
            self.server.start()
            counts = [storm.count for storm in storms]
            self.until(lambda: all(storm.count >= c + 20 for storm, c in zip(storms, counts, strict=True)))
        finally:
            for storm in storms:
                storm.stop()
        for storm in storms:
            for account, names in storm.accepted.items():
                self.accepted[account] |= names
        for node in (one, other):
            wait_until_answers(node.ports["imap"])
            self.check(node)

    test_away.skip = LONG  # type: ignore[attr-defined]

    def until(self, happened) -> None:
        """Wait for something."""
        deadline = time.monotonic() + 30
        while not happened():
            self.assertLess(time.monotonic(), deadline, "it did not happen in time")
            time.sleep(0.02)
