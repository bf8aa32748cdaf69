"""What one client can do to a running service: errors are clean, memory stays bounded, others are served."""

from __future__ import annotations

import imaplib
import shutil
import smtplib
import socket
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.node.harness import Node

ALICE = "alice@example.test"
PASSWORD = "wonderland-2580"
MEGABYTE = 1024 * 1024


def resident(pids: list[int]) -> int:
    """Octets of memory the processes hold, at their highest so far."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * 1024
    return total


class AbuseTests(TestCase):
    """One service, one kind of abuse a test."""

    def setUp(self) -> None:
        """A service that has served once, so that its memory has settled."""
        self.base = tempfile.mkdtemp(prefix="mailframe-limits-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.node = Node(self.base, accounts={ALICE: PASSWORD}, roles=("mx", "store"), workers=1)
        self.addCleanup(self.node.stop)
        self.node.start()
        self.send(b"Subject: first\r\n\r\nx\r\n")
        self.before = resident(self.node.worker_pids())

    def smtp(self) -> smtplib.SMTP:
        """A session."""
        return smtplib.SMTP("127.0.0.1", self.node.ports["smtp"], "client.test", timeout=60)

    def connect(self) -> socket.socket:
        """A connection that has been greeted."""
        connection = socket.create_connection(("127.0.0.1", self.node.ports["smtp"]), 30)
        self.addCleanup(connection.close)
        self.assertTrue(connection.recv(1000).startswith(b"220 "))
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

    def test_hundred_megabytes(self) -> None:
        """A message of 100 MB is refused by SIZE, or read to its end and refused; a permitted one of 40 MB is kept."""
        with self.smtp() as session:
            session.ehlo()
            limit = int(session.esmtp_features["size"])
            self.assertEqual(session.docmd(f"MAIL FROM:<joe@sender.test> SIZE={limit + 1}")[0], 552)
            session.mail("joe@sender.test")
            session.rcpt(ALICE)
            self.assertEqual(session.docmd("DATA")[0], 354)
            line = b"x" * 76 + b"\r\n"
            piece = line * 10_000
            sent = 0
            while sent < 100 * MEGABYTE:
                session.sock.sendall(piece)
                sent += len(piece)
            session.sock.sendall(b".\r\n")
            code, text = session.getreply()
            self.assertEqual(code, 552 if sent > limit else 250, text)
            self.assertEqual(session.noop()[0], 250)
        self.send(b"Subject: large\r\n\r\n" + line * (40 * MEGABYTE // len(line)))
        client = imaplib.IMAP4("127.0.0.1", self.node.ports["imap"], timeout=60)
        client.login(ALICE, PASSWORD)
        client.select()
        _, (uids,) = client.uid("SEARCH", "LARGER", str(30 * MEGABYTE))
        self.assertEqual(len(uids.split()), 1)
        _, rows = client.uid("FETCH", uids.split()[0].decode(), "(BODY.PEEK[TEXT])")
        self.assertEqual(len(rows[0][1]), 40 * MEGABYTE // len(line) * len(line))
        client.logout()
        self.assert_bounded(40 * MEGABYTE)

    def test_ten_thousand_recipients(self) -> None:
        """Recipients past the limit get 452 4.5.3, one reply each, and the message goes to the others."""
        with self.smtp() as session:
            session.ehlo()
            session.mail("joe@sender.test")
            codes = []
            for _ in range(20):
                session.sock.sendall(b"RCPT TO:<alice@example.test>\r\n" * 500)
                codes += [session.getreply()[0] for _reply in range(500)]
            self.assertEqual(len(codes), 10_000)
            accepted = codes.count(250)
            self.assertGreaterEqual(accepted, 100)
            self.assertEqual(codes, [250] * accepted + [452] * (10_000 - accepted))
            self.assertEqual(session.data(b"Subject: many\r\n\r\nx\r\n")[0], 250)
        self.assert_bounded(20 * MEGABYTE)

    def test_megabyte_line(self) -> None:
        """A command line of 1 MB gets one 500 and the connection ends."""
        connection = self.connect()
        try:
            connection.sendall(b"NOOP " + b"x" * MEGABYTE + b"\r\n")
        except OSError as error:
            self.fail(f"the reply was lost: {error}")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        self.assertTrue(answer.startswith(b"500 5.5."), answer[:200])
        self.assertEqual(answer.count(b"\r\n"), 1)
        self.assert_bounded(5 * MEGABYTE)

    def test_pipelined_noops(self) -> None:
        """200,000 pipelined NOOPs get 200,000 replies, in bounded memory, though the client reads late."""
        connection = self.connect()
        connection.setblocking(False)
        request, replies, asked = b"NOOP\r\n" * 200_000, 0, 0
        deadline = time.monotonic() + 120
        pause = time.monotonic() + 1.0
        while replies < 200_000 and time.monotonic() < deadline:
            progress = False
            if asked < len(request):
                try:
                    asked += connection.send(request[asked : asked + 65536])
                    progress = True
                except BlockingIOError:
                    pass
            if time.monotonic() > pause:
                try:
                    replies += connection.recv(65536).count(b"250 ")
                    progress = True
                except BlockingIOError:
                    pass
            if not progress:
                time.sleep(0.001)
        self.assertGreaterEqual(replies, 199_000)
        self.assert_bounded(10 * MEGABYTE)

    def test_half_open_sessions(self) -> None:
        """A thousand sessions that greet and stall: each is held or told 421, and memory stays small."""
        connections, refused = [], 0
        for _ in range(1000):
            connection = socket.create_connection(("127.0.0.1", self.node.ports["smtp"]), 30)
            connections.append(connection)
            connection.sendall(b"EHLO half")
        for connection in connections:
            if connection.recv(100).startswith(b"421 "):
                refused += 1
        self.assertLess(refused, 1000)
        grown = resident(self.node.worker_pids()) - self.before
        self.assertLess(grown, 40 * MEGABYTE)
        for connection in connections:
            connection.close()
        time.sleep(0.3)
        self.assert_bounded(40 * MEGABYTE)
