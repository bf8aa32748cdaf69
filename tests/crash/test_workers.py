"""Workers that sleep longer than their lease, and workers that are replaced, while mail goes through the queue."""

from __future__ import annotations

import os
import signal
import time

from .cases import LONG, ROUNDS, RouterCase

LEASE = 3.0
UNDER_WAY = 2 * 20
"""Deliveries that a worker has under way at a time, and those whose end it is just writing down."""


class WorkerTests(RouterCase):
    """Others take over the work of a worker, and it leaves to them what they took."""

    skip = LONG

    def test_asleep(self) -> None:
        """What a stopped worker had is sent by others; when it wakes it sends nothing again but what it was at."""
        sink = self.sink()
        node = self.node(sink)
        node.start()
        for number in range((ROUNDS + 9) // 10):
            before = set(sink.repeated())
            with self.storm(node, f"round{number}"):
                pid, now = self.chance.choice(node.worker_pids()), time.time()
                os.kill(pid, signal.SIGSTOP)
                time.sleep(LEASE + 2.0)
                os.kill(pid, signal.SIGCONT)
                self.struck(now)
                time.sleep(0.5)
            self.check_arrived(sink, node)
            repeated = set(sink.repeated()) - before
            messages = {name.partition(" ")[0] for name in repeated}
            self.assertLessEqual(len(messages), UNDER_WAY, "more came twice than was under way")
        self.check_repeated(sink)

    def test_replaced(self) -> None:
        """A reload in the middle of a storm loses nothing, and sends nothing twice."""
        sink = self.sink()
        node = self.node(sink, extra={"node": ['drain_time = "2s"']})
        node.start()
        with self.storm(node, "reload") as storm:
            for _ in range((ROUNDS + 9) // 10):
                old = node.worker_pids()
                self.assertTrue(node.ask("reload", 60).get("ok"), node.tail())
                self.wait_for_mail(storm, 20)
                for pid in old:
                    node.wait_gone(pid, 30)
        self.check_arrived(sink, node)
        self.assertEqual(sink.repeated(), {})
