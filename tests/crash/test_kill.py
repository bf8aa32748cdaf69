"""kill -9 of a worker, and of everything, in the middle of a delivery storm."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time

from twisted.trial.unittest import TestCase

from tests.node.harness import Node

from .storm import Storm, present, wait_until_answers

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "2"))
"""Rounds of each kind together: a few in every test run, fifty by ``make crash``."""
ACCOUNTS = [f"user{number}@example.test" for number in range(3)]
PASSWORD = "wonderland-2580"


class KillTests(TestCase):
    """Every message answered 250 is in its mailbox after a crash, under a UID that never changes."""

    timeout = 60 + 30 * ROUNDS

    def setUp(self) -> None:
        """One data directory for all rounds: each start has the crash before to recover from."""
        self.base = tempfile.mkdtemp(prefix="mailframe-crash-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.accepted: dict[str, set[str]] = {account: set() for account in ACCOUNTS}
        self.seen: dict[str, tuple[int, dict[int, str]]] = {}
        self.chance = random.Random(2580)

    def node(self) -> Node:
        """A node over the data of the rounds before."""
        return Node(self.base, accounts=dict.fromkeys(ACCOUNTS, PASSWORD), roles=("mx", "store"), workers=2)

    def check(self, node: Node) -> None:
        """Everything answered 250 is there; UIDs still name the messages they named."""
        for account in ACCOUNTS:
            validity, found = present(node.ports["imap"], account, PASSWORD)
            missing = self.accepted[account] - set(found.values())
            self.assertEqual(missing, set(), f"{len(missing)} accepted messages of {account} are gone")
            if account in self.seen:
                old_validity, old = self.seen[account]
                self.assertEqual(validity, old_validity, "UIDVALIDITY changed")
                self.assertEqual({uid: found.get(uid) for uid in old}, old, "a UID names another message")
            self.seen[account] = (validity, found)

    def storm(self, node: Node, number: int, strike: str) -> None:
        """One storm, struck after a random time."""
        storm = Storm(node.ports["smtp"], ACCOUNTS, f"round{number}")
        storm.start()
        try:
            deadline = time.monotonic() + 20
            while storm.count < 20 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(self.chance.uniform(0.0, 0.4))
            if strike == "everything":
                node.kill_everything()
            else:
                os.kill(self.chance.choice(node.worker_pids()), signal.SIGKILL)
                before = storm.count
                while storm.count < before + 20 and time.monotonic() < deadline:
                    time.sleep(0.01)
        finally:
            storm.stop()
        for account, names in storm.accepted.items():
            self.accepted[account] |= names
        self.assertGreaterEqual(storm.count, 20, "the storm never began")

    def test_nothing_accepted_is_lost(self) -> None:
        """Kill a worker in one round and everything in the next; all accepted mail is there each time."""
        node = self.node()
        self.addCleanup(lambda: node.stop())
        node.start()
        for number in range(ROUNDS):
            wait_until_answers(node.ports["smtp"])
            strike = ("worker", "everything")[number % 2]
            self.storm(node, number, strike)
            if strike == "everything":
                node = self.node()
                node.start()
            wait_until_answers(node.ports["imap"])
            self.check(node)
        node.stop()
        total = sum(len(names) for names in self.accepted.values())
        self.assertGreaterEqual(total, 20 * ROUNDS)
