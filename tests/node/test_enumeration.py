"""Whoever tries passwords learns neither from what is said nor from how long it takes which accounts there are."""

from __future__ import annotations

import random
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from math import sqrt

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.passwords import make_hash
from mailframe.directory.sqlite import SQLiteDirectory

from .harness import Node

TRIES = 60
"""Of each kind; each name once, so that nothing is delayed for failures before it."""
FAR = 5.0
"""Standard deviations: by chance, less than one run in a million is as far."""


def distance(some: Sequence[float], others: Sequence[float]) -> float:
    """How far two samples are from being one, in standard deviations (Mann and Whitney's test, without ties)."""
    above = sum((one > other) + (one == other) / 2 for one in some for other in others)
    expected = len(some) * len(others) / 2
    return (above - expected) / sqrt(expected * (len(some) + len(others) + 1) / 6)


class DistanceTests(SynchronousTestCase):
    """The yardstick itself."""

    def test_alike(self) -> None:
        """Two samples of one kind are near each other, whatever outliers there are."""
        rng = random.Random(1)
        some, others = ([rng.expovariate(1) ** 3 for _ in range(TRIES)] for _ in range(2))
        self.assertLess(abs(distance(some, others)), FAR)

    def test_tenth(self) -> None:
        """A tenth more is seen where times vary by a twentieth."""
        rng = random.Random(1)
        some = [rng.gauss(1.0, 0.05) for _ in range(TRIES)]
        others = [rng.gauss(1.1, 0.05) for _ in range(TRIES)]
        self.assertLess(distance(some, others), -FAR)


class EnumerationTests(SynchronousTestCase):
    """Logins with wrong passwords, at a real node, known and unknown names in turn."""

    timeout = 120

    def test_argon2(self) -> None:
        """Where passwords are kept by a scheme that costs much, it is paid for unknown names, too."""
        self.assert_alike("ARGON2ID")

    def test_fast_hash(self) -> None:
        """Where passwords are kept by a fast scheme, unknown names cost no more than that."""
        self.assert_alike("SSHA256")

    def assert_alike(self, scheme: str) -> None:
        """The same words in the same time."""
        node = self.node(scheme)
        # Some come by first, as they do on any day: strangers are like those.
        for number in range(TRIES, TRIES + 10):
            self.attempt(node, f"user{number}@example.test")
        times: dict[str, list[float]] = {"user": [], "nobody": []}
        said = set()
        for number in range(TRIES):
            kinds = list(times)
            random.shuffle(kinds)
            for kind in kinds:
                answer, seconds = self.attempt(node, f"{kind}{number}@example.test")
                said.add(answer)
                times[kind].append(seconds)
        self.assertEqual({b"a NO [AUTHENTICATIONFAILED]"}, {answer[:27] for answer in said})
        self.assertEqual(1, len(said), said)
        self.assertLess(abs(distance(times["user"], times["nobody"])), FAR)

    def node(self, scheme: str) -> Node:
        """A store with accounts."""
        base = tempfile.mkdtemp(prefix="mailframe-enumeration-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        node = Node(base, {"owner@example.test": "right"}, ("store",), 1)
        self.addCleanup(node.stop)
        node.start()
        directory = SQLiteDirectory(str(node.data / "directory.sqlite"), None)
        kept = make_hash("right", scheme)
        for number in range(TRIES + 10):
            directory.add_account(f"user{number}@example.test", kept)
        return node

    def attempt(self, node: Node, name: str) -> tuple[bytes, float]:
        """One wrong password on a connection of its own: what is said, and after how many seconds."""
        with socket.create_connection(("127.0.0.1", node.ports["imap"]), timeout=20) as connection:
            with connection.makefile("rb") as lines:
                lines.readline()
                begin = time.perf_counter()
                connection.sendall(b'a LOGIN "%s" "wrong"\r\n' % name.encode())
                answer = lines.readline()
                return answer, time.perf_counter() - begin
