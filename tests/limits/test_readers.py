"""What one IMAP or POP3 client can do to a running service."""

from __future__ import annotations

import contextlib

from .service import ALICE, MEGABYTE, PASSWORD, AbusedTests, flood


class IMAPAbuseTests(AbusedTests):
    """One service, one kind of abuse a test."""

    extra = {"role.store.imap_options": ["commands_per_second = 0"]}

    def test_too_much_before_login(self) -> None:
        """A line of 1 MB, and literals that nobody could keep, get one BYE or BAD; what follows is no command."""
        self.assert_last_words("imap", b"* OK", b"a NOOP " + b"x" * MEGABYTE + b"\r\n", b"* BYE")
        self.assert_last_words("imap", b"* OK", b"a LOGIN {" + b"9" * 30 + b"+}\r\n", b"* BYE")
        for size in (b"100000000+", b"4294967296+"):
            request = b"a LOGIN {" + size + b"}\r\n" + b"b NOOP\r\n" * 100_000
            self.assert_last_words("imap", b"* OK", request, b"* BYE")
        connection = self.connect("imap", b"* OK")
        connection.sendall(b"a LOGIN {100000000}\r\n")
        self.assertTrue(connection.recv(1000).startswith(b"a BAD [TOOBIG]"))
        self.assert_bounded(5 * MEGABYTE)

    def test_too_much_after_login(self) -> None:
        """Line, literal, number of literals and command are bounded after login too."""
        connection = self.connect("imap", b"* OK")
        connection.sendall(f"a LOGIN {ALICE} {PASSWORD}\r\n".encode())
        self.assertIn(b"a OK", connection.recv(4000))
        answer = flood(
            connection,
            b"b SEARCH TEXT {40000000+}\r\n" + b"x" * 40_000_000 + b"\r\n"
            b"c SEARCH" + b" TEXT {10+}\r\n0123456789" * 5000 + b"\r\n"
            b"d SEARCH" + b" TEXT {30000+}\r\n" * 1 + b"y" * 30_000 + b"\r\n"
            b"e NOOP\r\n"
            b"f APPEND INBOX {99999999999}\r\n"
            b"g SEARCH " + b"(" * 60_000 + b"\r\n"
            b"h NOOP\r\n" + b"i NOOP " + b"x" * MEGABYTE + b"\r\n",
            late=0.2,
        )
        tagged = [line for line in answer.split(b"\r\n") if not line.startswith(b"* ")]
        self.assertEqual(
            [b" ".join(line.split()[:2]) for line in tagged if line],
            [b"b BAD", b"c BAD", b"d BAD", b"e OK", b"f NO", b"g BAD", b"h OK"],
        )
        self.assertIn(b"* BYE", answer)
        self.assert_bounded(8 * MEGABYTE)

    def test_pipelined_noops(self) -> None:
        """100,000 pipelined NOOPs are answered in order, in bounded memory, though the client reads late."""
        connection = self.connect("imap", b"* OK")
        connection.sendall(f"a LOGIN {ALICE} {PASSWORD}\r\n".encode())
        self.assertIn(b"a OK", connection.recv(4000))
        request = b"".join(b"n%d NOOP\r\n" % number for number in range(100_000))
        answer = flood(connection, request + b"z LOGOUT\r\n")
        tags = [line.split()[0] for line in answer.split(b"\r\n") if line.startswith(b"n")]
        self.assertEqual(tags, [b"n%d" % number for number in range(100_000)])
        self.assertIn(b"z OK", answer)
        self.assert_bounded(10 * MEGABYTE)

    def test_stranger_in_a_hurry(self) -> None:
        """A stranger's 100,000 commands wait where they are, and others are served meanwhile."""
        stranger = self.connect("imap", b"* OK")
        stranger.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(100):
                stranger.sendall(b"n NOOP\r\n" * 1000)
        for _ in range(20):
            connection = self.connect("imap", b"* OK")
            connection.sendall(f"a LOGIN {ALICE} {PASSWORD}\r\n".encode())
            self.assertIn(b"a OK", connection.recv(4000))
            connection.close()
        stranger.settimeout(5)
        self.assertLess(stranger.recv(1_000_000).count(b"n OK"), 500)
        self.assert_bounded(5 * MEGABYTE)


class POP3AbuseTests(AbusedTests):
    """The same by POP3."""

    extra = {"role.store.pop3_options": ["commands_per_second = 0"]}

    def test_too_much(self) -> None:
        """A line of 1 MB gets one -ERR; 100,000 pipelined commands are answered in bounded memory."""
        self.assert_last_words("pop3", b"+OK", b"USER " + b"x" * MEGABYTE + b"\r\n", b"-ERR")
        connection = self.connect("pop3", b"+OK")
        connection.sendall(f"USER {ALICE}\r\nPASS {PASSWORD}\r\n".encode())
        said = b""
        while said.count(b"\r\n") < 2:
            said += connection.recv(1000)
        self.assertEqual(said.count(b"+OK"), 2, said)
        answer = flood(connection, b"NOOP\r\n" * 100_000 + b"QUIT\r\n")
        self.assertEqual(answer.count(b"\r\n"), 100_001)
        self.assertEqual(answer.count(b"+OK"), 100_001)
        self.assert_bounded(10 * MEGABYTE)

    def test_nonsense(self) -> None:
        """100,000 lines of nonsense in one go: the client reads at last why the connection ends."""
        connection = self.connect("pop3", b"+OK")
        try:
            connection.sendall(b"NONSENSE\r\n" * 100_000)
        except OSError as error:
            self.fail(f"the reply was lost: {error}")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        self.assertEqual(answer.split(b"\r\n")[19:], [b"-ERR Too many errors", b""])
        self.assert_bounded(5 * MEGABYTE)
