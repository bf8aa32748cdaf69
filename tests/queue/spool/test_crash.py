"""kill -9 of processes that share one queue in SQLite."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.queue.spool.sqlite.spool import SQLiteSpool
from mailframe.queue.values import Selection, State

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "2"))
ROOT = Path(__file__).resolve().parents[3]


class KillTests(SynchronousTestCase):
    """Whatever dies at whatever instant: what the spool took is there, whole, or was delivered."""

    timeout = 60 + 10 * ROUNDS

    def setUp(self) -> None:
        """One queue for all rounds."""
        self.path = tempfile.mkdtemp(prefix="mailframe-spool-")
        self.addCleanup(shutil.rmtree, self.path, ignore_errors=True)
        self.chance = random.Random(7)
        self.accepted: set[str] = set()
        self.delivering: list[str] = []

    def workers(self, number: int) -> list[subprocess.Popen[str]]:
        """Two processes on the same queue."""
        return [
            subprocess.Popen(
                [sys.executable, "-m", "tests.queue.spool.worker", self.path, f"{number}-{which}"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            for which in range(2)
        ]

    def ended(self, worker: subprocess.Popen[str]) -> int:
        """Kill it, and hear what it had said; how many lines."""
        worker.kill()
        said, _ = worker.communicate()
        lines = [line.split() for line in said.splitlines() if line.count(" ") == 1]
        self.accepted |= {queue_id for word, queue_id in lines if word == "accepted"}
        self.delivering += [queue_id for word, queue_id in lines if word == "delivering"]
        return len(lines)

    def ask(self, coroutine):
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def check(self) -> None:
        """Nothing is lost; all that nobody works on any more is to be had at once, though leases last an hour."""
        spool = SQLiteSpool(self.path, None)
        self.ask(spool.start())
        self.ask(spool.take_over())
        listed = self.ask(spool.listing(Selection(), limit=100_000))
        kept = {one.message.queue_id for one in listed}
        self.assertEqual(self.accepted - kept - set(self.delivering), set())
        for one in listed:
            self.assertNotIn(State.LEASED, [recipient.state for recipient in one.recipients])
            content = self.ask(spool.content(one.message.queue_id))
            octets = content.octets()
            content.body.discard()
            self.assertEqual(len(octets), one.message.size)
            self.assertEqual(octets, octets[:1] * one.message.size)
        self.assertEqual(os.listdir(os.path.join(self.path, "runners")), [])
        self.ask(spool.stop())

    def test_storm(self) -> None:
        """Both are killed, one a little before the other, which takes up its work; then others go on."""
        for number in range(ROUNDS):
            first, second = self.workers(number)
            self.addCleanup(first.kill)
            self.addCleanup(second.kill)
            for worker in (first, second):
                # They are at work; how long it takes to start is the machine's matter.
                assert worker.stdout is not None
                self.accepted.add(worker.stdout.readline().split()[1])
            time.sleep(0.3 + self.chance.random())
            counts = [self.ended(first)]
            time.sleep(self.chance.random() * 0.3)
            counts.append(self.ended(second))
            self.assertGreater(min(counts), 10)
            self.check()
        # Delivered twice is only what was under way when a process died: at most one for each that was killed.
        twice = len(self.delivering) - len(set(self.delivering))
        self.assertLessEqual(twice, 2 * ROUNDS)
