"""Two nodes that share a queue in PostgreSQL: one is killed, and the database goes away and comes back."""

from __future__ import annotations

import os
import time

from tests import postgres
from tests.node.harness import Node

from .cases import LONG, ROUNDS, RouterCase
from .sink import Sink

LEASE = 3.0


class SharedQueueTests(RouterCase):
    """All accepted mail arrives, whichever node took it, and twice only what was just being sent."""

    skip = LONG

    def setUp(self) -> None:
        """A server of its own, as it is stopped: other tests share theirs."""
        super().setUp()
        self.server = postgres.Server()
        self.addCleanup(self.server.remove)
        self.server.start()
        self.address = self.server.database()

    def shared(self, sink: Sink, name: str) -> Node:
        """A node over the shared queue."""
        base = os.path.join(self.base, name)
        os.makedirs(base, exist_ok=True)
        spool = {"spool": ['backend = "postgresql"'], "spool.postgresql": [f'address = "{self.address}"']}
        return self.node(sink, base, spool)

    def test_killed(self) -> None:
        """A node that is killed while it holds leases leaves its work to the other one."""
        sink = self.sink()
        stays = self.shared(sink, "stays")
        stays.start()
        for number in range((ROUNDS + 9) // 10):
            dies = self.shared(sink, "dies")
            dies.start()
            with self.storm(dies, f"dies{number}"), self.storm(stays, f"stays{number}") as other:
                now = time.time()
                dies.kill_everything()
                self.struck(now)
                self.wait_for_mail(other, 20)
            self.check_arrived(sink, stays)
        self.check_repeated(sink)

    def test_away(self) -> None:
        """While the database is away no mail is accepted; when it is back, all goes on by itself."""
        sink = self.sink()
        nodes = [self.shared(sink, name) for name in ("one", "other")]
        for node in nodes:
            node.start()
        for number in range((ROUNDS + 9) // 10):
            with self.storm(nodes[0], f"one{number}") as one, self.storm(nodes[1], f"other{number}") as other:
                now = time.time()
                self.server.stop()
                # Longer than leases, so that they are over when it comes back.
                time.sleep(LEASE + 1.0)
                self.server.start()
                self.struck(now)
                self.wait_for_mail(one, 20)
                self.wait_for_mail(other, 20)
            for node in nodes:
                self.check_arrived(sink, node)
        self.check_repeated(sink)
