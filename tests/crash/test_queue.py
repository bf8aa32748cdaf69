"""kill -9 of a worker, and of everything, while mail goes through the queue to another host."""

from __future__ import annotations

import os
import signal
import time

from tests.node.harness import Node

from .cases import ROUNDS, RouterCase
from .sink import Sink
from .storm import wait_until_answers


class KillTests(RouterCase):
    """Every message answered 250 by a router reaches the next host, whatever was killed meanwhile."""

    def strike(self, node: Node, number: int, everything: bool) -> None:
        """One storm, struck after a random time."""
        with self.storm(node, f"round{number}"):
            now = time.time()
            if everything:
                node.kill_everything()
            else:
                os.kill(self.chance.choice(node.worker_pids()), signal.SIGKILL)
            self.struck(now)

    def run_rounds(self, sink: Sink) -> None:
        """Strike a worker in one round and everything in the next; then everything arrives."""
        node = self.node(sink)
        node.start()
        for number in range(ROUNDS):
            wait_until_answers(node.ports["router"])
            everything = number % 2 == 1
            self.strike(node, number, everything)
            if everything:
                node = self.node(sink)
                node.start()
            self.check_arrived(sink, node)
        node.stop()
        self.assertGreaterEqual(len(self.accepted), 20 * ROUNDS)
        self.assertTrue(any(name.endswith("its sender") for name in self.accepted), "nobody was refused")

    def test_nothing_accepted_is_lost(self) -> None:
        """All accepted mail arrives, and twice only what was answered in the moment before a process was killed."""
        sink = self.sink()
        self.run_rounds(sink)
        self.check_repeated(sink)

    def test_bad_host(self) -> None:
        """A next host that defers some mail, and hangs up after some without an answer, loses nothing either."""
        self.run_rounds(self.sink(cut_every=17, defer_every=11))
