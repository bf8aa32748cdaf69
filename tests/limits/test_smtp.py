"""What one SMTP client can do to a running service."""

from __future__ import annotations

import time

from .service import ALICE, MEGABYTE, AbusedTests, flood


class SMTPAbuseTests(AbusedTests):
    """One service, one kind of abuse a test."""

    extra = {"role.mx": ["idle_commands_limit = 0"]}

    def test_ten_thousand_recipients(self) -> None:
        """Recipients past the limit get 452 4.5.3, and the message goes to the others; who goes on is sent away."""
        with self.smtp() as session:
            session.ehlo()
            session.mail("joe@sender.test")
            session.sock.sendall(b"RCPT TO:<alice@example.test>\r\n" * 1500)
            replies = [session.getreply() for _ in range(1500)]
            self.assertEqual([code for code, _ in replies], [250] * 1000 + [452] * 500)
            self.assertTrue(replies[-1][1].startswith(b"4.5.3 "), replies[-1])
            self.assertEqual(session.data(b"Subject: many\r\n\r\nx\r\n")[0], 250)
        flooding = b"EHLO client.test\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<alice@example.test>\r\n" * 10_000
        codes = [line[:3] for line in flood(self.connect("smtp", b"220 "), flooding).split(b"\r\n")]
        # A thousand are forgiven, the hundredth that is counted as an error is the last.
        self.assertEqual((codes.count(b"452"), codes[-2:]), (1099, [b"421", b""]))
        self.assert_bounded(20 * MEGABYTE)

    def test_megabyte_line(self) -> None:
        """A command line of 1 MB gets one 500 and is passed over; for one of 2 MB the connection ends."""
        for size, last in ((MEGABYTE - 10, b"221 "), (2 * MEGABYTE, b"421 ")):
            line = b"NOOP " + b"x" * size + b"\r\n"
            answer = flood(self.connect("smtp", b"220 "), line + b"QUIT\r\n").split(b"\r\n")
            self.assertEqual([words[:4] for words in answer], [b"500 ", last, b""])
        self.assert_bounded(5 * MEGABYTE)

    def test_pipelined_noops(self) -> None:
        """200,000 pipelined NOOPs get 200,000 replies in bounded memory, though the client reads late."""
        connection = self.connect("smtp", b"220 ")
        answer = flood(connection, b"NOOP\r\n" * 200_000 + b"QUIT\r\n")
        lines = answer.split(b"\r\n")
        self.assertEqual(len(lines), 200_002)
        self.assertTrue(all(line.startswith(b"250 ") for line in lines[:200_000]))
        self.assertTrue(lines[200_000].startswith(b"221 "), lines[200_000])
        self.assert_bounded(10 * MEGABYTE)

    def test_others_are_served_in_a_flood(self) -> None:
        """While one client sends NOOPs without end, and reads, the mail of others is taken without delay."""
        connection = self.connect("smtp", b"220 ")
        connection.setblocking(False)
        slowest, request, unsent = 0.0, b"NOOP\r\n" * 20_000, b""
        for _ in range(5):
            for _ in range(200):
                try:
                    unsent = (unsent or request)[connection.send(unsent or request) :]
                    connection.recv(MEGABYTE)
                except BlockingIOError:
                    pass
            began = time.monotonic()
            self.send(b"Subject: in between\r\n\r\nx\r\n")
            slowest = max(slowest, time.monotonic() - began)
        self.assertLess(slowest, 3.0)
        self.assert_bounded(10 * MEGABYTE)

    def test_hundred_megabytes(self) -> None:
        """A message of 100 MB is refused by SIZE, or read to its end and refused; the session goes on."""
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
        self.assert_bounded(15 * MEGABYTE)
