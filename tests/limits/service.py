"""One service to abuse, and what all tests ask of it: it still serves, and it has not grown."""

from __future__ import annotations

import resource
import selectors
import shutil
import smtplib
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.node.harness import Node

ALICE = "alice@example.test"
PASSWORD = "wonderland-2580"
MEGABYTE = 1024 * 1024


def resident(pids: Sequence[int], key: str = "VmHWM") -> int:
    """Octets of memory the processes hold, at their highest so far."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                total += int(line.split()[1]) * 1024
    return total


def flood(connection: socket.socket, request: bytes, late: float = 1.0, seconds: float = 60.0) -> bytes:
    """Send everything as fast as it is taken, begin to read late, and read until the server closes.

    Raises:
        AssertionError: the server did not close in time.
    """
    deadline, begin = time.monotonic() + seconds, time.monotonic() + late
    connection.setblocking(False)
    answer, unsent = bytearray(), memoryview(request)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_WRITE)
        while time.monotonic() < deadline:
            reading = time.monotonic() >= begin
            wanted = (selectors.EVENT_WRITE if unsent else 0) | (selectors.EVENT_READ if reading else 0)
            if wanted:
                selector.modify(connection, wanted)
            ready = selector.select(0.05) if wanted else time.sleep(0.02)
            for _, events in ready or ():
                if events & selectors.EVENT_WRITE:
                    unsent = unsent[connection.send(unsent[:65536]) :]
                if events & selectors.EVENT_READ:
                    piece = connection.recv(65536)
                    if not piece:
                        return bytes(answer)
                    answer += piece
    raise AssertionError(f"not closed after {seconds} s; {len(answer)} octets came: {bytes(answer[-200:])!r}")


class AbusedTests(TestCase):
    """A service that one client treats badly."""

    extra: Mapping[str, Sequence[str]] = {}
    """More configuration, as the node takes it."""

    def setUp(self) -> None:
        """A service that has served once, so that its memory has settled."""
        base = tempfile.mkdtemp(prefix="mailframe-limits-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.node = Node(base, accounts={ALICE: PASSWORD}, roles=("mx", "store"), workers=1, extra=self.extra)
        self.addCleanup(self.node.stop)
        self.node.start()
        self.send(b"Subject: first\r\n\r\nx\r\n")
        self.before = resident(self.node.worker_pids())

    def smtp(self) -> smtplib.SMTP:
        """A session."""
        return smtplib.SMTP("127.0.0.1", self.node.ports["smtp"], "client.test", timeout=60)

    def connect(self, port: str, greeting: bytes) -> socket.socket:
        """A connection that has been greeted."""
        connection = socket.create_connection(("127.0.0.1", self.node.ports[port]), 30)
        self.addCleanup(connection.close)
        said = connection.recv(1000)
        self.assertTrue(said.startswith(greeting), said)
        return connection

    def send(self, message: bytes) -> None:
        """One message to alice."""
        with self.smtp() as session:
            session.sendmail("joe@sender.test", [ALICE], message)

    def assert_bounded(self, octets: int) -> None:
        """The service grew by less than so many octets and still serves."""
        self.send(b"Subject: still here\r\n\r\nx\r\n")
        grown = resident(self.node.worker_pids()) - self.before
        self.assertLess(grown, octets, f"grew by {grown / MEGABYTE:.1f} MB")

    def assert_last_words(self, port: str, greeting: bytes, request: bytes, expected: bytes) -> None:
        """The whole request is sent; the answer to it is one line, which arrives, and the connection ends."""
        connection = self.connect(port, greeting)
        try:
            connection.sendall(request)
        except OSError as error:
            self.fail(f"the reply was lost: {error}")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        self.assertTrue(answer.startswith(expected), answer[:200])
        self.assertEqual(answer.count(b"\r\n"), 1, answer[:200])


def room_for(descriptors: int) -> None:
    """Let this process, the client, have so many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
