"""kill -9 of a worker, and of everything, while mail goes through the queue to another host."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time

from twisted.trial.unittest import TestCase

from tests.node.harness import Node

from .sink import Sink
from .storm import Storm, wait_until_answers

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "2"))
"""Rounds of each kind together: a few in every test run, fifty by ``make crash``."""
RECIPIENTS = ["alice@sink.test", "bob@elsewhere.test"]
WINDOW = 5.0
"""Seconds before a strike in which a host's answer may have been lost with the process that got it."""


class KillTests(TestCase):
    """Every message answered 250 by a router reaches the next host, whatever was killed meanwhile."""

    timeout = 90 + 30 * ROUNDS

    def setUp(self) -> None:
        """One queue for all rounds, and a next host that outlives them."""
        self.base = tempfile.mkdtemp(prefix="mailframe-crash-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.chance = random.Random(4865)
        self.accepted: set[str] = set()
        self.strikes: list[float] = []

    def node(self, sink: Sink) -> Node:
        """A router over the queue of the rounds before."""
        return Node(
            self.base,
            accounts={},
            roles=("router",),
            workers=2,
            extra={
                "role.router": ['networks = ["127.0.0.0/8"]'],
                "queue": [
                    'first_retry = "1s"', 'longest_retry = "2s"', 'closed_first = "1s"', 'closed_longest = "1s"',
                    'lease = "3s"', "first_deliveries = 20",
                ],
                "delivery.smarthost": [f'hosts = ["127.0.0.1:{sink.port}"]', 'tls = "none"', 'down_time = "0s"'],
                "routing": ['local = ""', 'default = "smarthost"'],
            },
        )  # fmt: skip

    def strike(self, node: Node, number: int, everything: bool) -> None:
        """One storm, struck after a random time."""
        storm = Storm(node.ports["router"], RECIPIENTS, f"round{number}")
        storm.start()
        try:
            deadline = time.monotonic() + 20
            while storm.count < 20 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(self.chance.uniform(0.0, 0.4))
            self.strikes.append(time.time())
            if everything:
                node.kill_everything()
            else:
                os.kill(self.chance.choice(node.worker_pids()), signal.SIGKILL)
        finally:
            storm.stop()
        self.assertGreaterEqual(storm.count, 20, "the storm never began")
        for names in storm.accepted.values():
            self.accepted |= names

    def run_rounds(self, sink: Sink) -> None:
        """Strike a worker in one round and everything in the next; then everything arrives."""
        sink.start()
        self.addCleanup(sink.stop)
        node = self.node(sink)
        self.addCleanup(lambda: node.stop())
        node.start()
        for number in range(ROUNDS):
            wait_until_answers(node.ports["router"])
            everything = number % 2 == 1
            self.strike(node, number, everything)
            if everything:
                node = self.node(sink)
                node.start()
            missing = sink.wait_for(self.accepted, 60)
            self.assertEqual(
                missing, set(), f"{len(missing)} accepted messages did not arrive:\n{node.tail()}"
            )
        node.stop()
        self.assertGreaterEqual(len(self.accepted), 20 * ROUNDS)

    def test_nothing_accepted_is_lost(self) -> None:
        """All accepted mail arrives, and twice only what was answered in the moment before a process was killed."""
        sink = Sink()
        self.run_rounds(sink)
        for name, times in sink.repeated().items():
            self.assertTrue(
                any(strike - WINDOW < times[0] < strike + 1.0 for strike in self.strikes),
                f"{name} came {len(times)} times without a reason",
            )

    def test_bad_host(self) -> None:
        """A next host that defers some mail, and hangs up after some without an answer, loses nothing either."""
        self.run_rounds(Sink(cut_every=17, defer_every=11))
