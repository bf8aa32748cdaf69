"""A router whose mail goes to a sink: what must have arrived there, and what may have come twice."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from twisted.trial.unittest import TestCase

from tests.node.harness import Node

from .sink import Sink
from .storm import Storm

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "2"))
"""Rounds of each kind together: a few in every test run, fifty by ``make crash``."""
ASKED = "MAILFRAME_CRASH_ROUNDS" in os.environ
LONG = None if ASKED else "storms that wait for leases and disks are for `make crash`"
"""Why long tests are left out."""
RECIPIENTS = ["alice@sink.test", "bob@elsewhere.test"]
WINDOW = 5.0
"""Seconds before a strike in which a host's answer may have been lost with the process that got it."""
QUICK = [
    'first_retry = "1s"',
    'longest_retry = "2s"',
    'closed_first = "1s"',
    'closed_longest = "1s"',
    'lease = "3s"',
    "first_deliveries = 20",
]


class RouterCase(TestCase):
    """One directory for all rounds, and a next host that outlives them.

    Attributes:
        base: the directory.
        chance: the same each time.
        accepted: what is to arrive.
        strikes: when something was killed, stopped or away, from and to.
    """

    timeout = 90 + 30 * ROUNDS

    def setUp(self) -> None:
        """Begin with nothing."""
        self.base = tempfile.mkdtemp(prefix="mailframe-crash-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.chance = random.Random(4865)
        self.accepted: set[str] = set()
        self.strikes: list[tuple[float, float]] = []

    def sink(self, **manners: int) -> Sink:
        """A next host."""
        sink = Sink(**manners)
        sink.start()
        self.addCleanup(sink.stop)
        return sink

    def node(
        self,
        sink: Sink,
        base: str = "",
        extra: Mapping[str, Sequence[str]] | None = None,
        queue: Sequence[str] = (),
    ) -> Node:
        """A router over the queue of those before it."""
        sections: dict[str, list[str]] = {
            "role.router": ['networks = ["127.0.0.0/8"]'],
            "queue": [*QUICK, *queue],
            "delivery.smarthost": [f'hosts = ["127.0.0.1:{sink.port}"]', 'tls = "none"', 'down_time = "0s"'],
            "routing": ['local = ""', 'default = "smarthost"'],
        }
        sections.update((name, list(lines)) for name, lines in (extra or {}).items())
        node = Node(base or self.base, accounts={}, roles=("router",), workers=2, extra=sections)
        self.addCleanup(lambda: node.stop())
        return node

    @contextmanager
    def storm(self, node: Node, label: str, at_least: int = 20) -> Iterator[Storm]:
        """A storm that has begun; what was accepted in it is to arrive."""
        storm = Storm(node.ports["router"], RECIPIENTS, label, mixed=True)
        storm.start()
        try:
            self.wait_for_mail(storm, at_least)
            time.sleep(self.chance.uniform(0.0, 0.4))
            yield storm
        finally:
            storm.stop()
            self.accepted |= storm.expected()
        self.assertGreaterEqual(storm.count, at_least, "the storm never began")

    def wait_for_mail(self, storm: Storm, count: int, seconds: float = 20.0) -> None:
        """Until so many more messages were accepted."""
        count += storm.count
        deadline = time.monotonic() + seconds
        while storm.count < count and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertGreaterEqual(storm.count, count, "no mail is taken")

    def struck(self, since: float) -> None:
        """Something was done to processes, from then until now."""
        self.strikes.append((since, time.time()))

    def check_arrived(self, sink: Sink, node: Node, seconds: float = 60.0) -> None:
        """All accepted mail is there, sooner or later."""
        missing = sink.wait_for(self.accepted, seconds)
        some = sorted(missing)[:5]
        self.assertEqual(missing, set(), f"{len(missing)} did not arrive, such as {some}:\n{node.tail()}")

    def check_repeated(self, sink: Sink) -> None:
        """What came twice first came in the moment before something was killed."""
        for name, times in sink.repeated().items():
            self.assertTrue(
                any(since - WINDOW < times[0] < until + 1.0 for since, until in self.strikes),
                f"{name} came {len(times)} times without a reason",
            )
