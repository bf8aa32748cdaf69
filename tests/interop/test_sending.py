"""Mail from real senders arrives, by every way in."""

from __future__ import annotations

import imaplib
import secrets
import time

from twisted.trial.unittest import TestCase

from . import service
from .service import BOB, CAROL, PASSWORD, node, run


def arrived(token: str, account: str = CAROL) -> bytes | None:
    """The message with this token in its subject, or None."""
    client = imaplib.IMAP4("127.0.0.1", node().ports["imap"])
    try:
        client.login(account, PASSWORD)
        client.select("INBOX", readonly=True)
        _, (uids,) = client.uid("SEARCH", "SUBJECT", token)
        if not uids:
            return None
        _, rows = client.uid("FETCH", uids.split()[-1].decode(), "(BODY.PEEK[])")
        return rows[0][1]
    finally:
        client.logout()


class SwaksTests(TestCase):
    """swaks, the administrators' own test program."""

    skip = service.SKIP
    timeout = 120

    def swaks(self, *options: str, ok: tuple[int, ...] = (0,)) -> tuple[str, str]:
        """Send one message with a token as its subject; the token and the transcript."""
        token = secrets.token_hex(8)
        transcript = run(
            "swaks",
            "--helo",
            "client.test",
            "--header",
            f"Subject: {token}",
            "--timeout",
            "20",
            *options,
            ok=ok,
        ).decode()
        return token, transcript

    def assert_arrives(self, token: str) -> bytes:
        """It is in carol's INBOX at once: 250 means stored."""
        octets = arrived(token)
        self.assertIsNotNone(octets)
        return octets

    def smtp(self, port: str) -> tuple[str, ...]:
        """Options that name a listener."""
        return ("--server", "127.0.0.1", "--port", str(node().ports[port]))

    def test_plain(self) -> None:
        """In clear, to the exchanger."""
        token, _ = self.swaks(*self.smtp("smtp"), "--from", "joe@sender.test", "--to", CAROL)
        self.assertIn(b"Return-Path: <joe@sender.test>", self.assert_arrives(token))

    def test_starttls(self) -> None:
        """After STARTTLS; the trace field says so."""
        token, _ = self.swaks(*self.smtp("smtp"), "--tls", "--from", "joe@sender.test", "--to", CAROL)
        self.assertIn(b"with ESMTPS", self.assert_arrives(token))

    def test_pipelined(self) -> None:
        """With PIPELINING."""
        token, _ = self.swaks(*self.smtp("smtp"), "--pipeline", "--from", "joe@sender.test", "--to", CAROL)
        self.assert_arrives(token)

    def test_login_mechanisms(self) -> None:
        """Submission with AUTH PLAIN and LOGIN after STARTTLS, and with TLS from the start."""
        for mechanism in ("PLAIN", "LOGIN"):
            for way in (("--tls", *self.smtp("submission")), ("--tls-on-connect", *self.smtp("submissions"))):
                token, _ = self.swaks(*way, "--auth", mechanism, "--auth-user", BOB, "--auth-password", PASSWORD,
                                      "--from", BOB, "--to", CAROL)  # fmt: skip
                self.assertIn(b"with ESMTPSA", self.assert_arrives(token))

    def test_wrong_password(self) -> None:
        """A wrong password is refused with 535 5.7.8."""
        _, transcript = self.swaks("--tls", *self.smtp("submission"), "--auth", "PLAIN", "--auth-user", BOB,
                                   "--auth-password", "wrong", "--from", BOB, "--to", CAROL, ok=(28,))  # fmt: skip
        self.assertIn("535 5.7.8", transcript)

    def test_no_login_no_submission(self) -> None:
        """Without a login the relay takes nothing."""
        _, transcript = self.swaks("--tls", *self.smtp("submission"), "--from", BOB, "--to", CAROL, ok=(23,))
        self.assertIn("530 5.7.0", transcript)

    def test_lmtp(self) -> None:
        """By LMTP to the store."""
        token, _ = self.swaks(
            *self.smtp("lmtp"), "--protocol", "LMTP", "--from", "joe@sender.test", "--to", CAROL
        )
        self.assert_arrives(token)

    def test_unknown_recipient(self) -> None:
        """An unknown mailbox is refused in session."""
        _, transcript = self.swaks(
            *self.smtp("smtp"), "--from", "joe@sender.test", "--to", "nobody@example.test", ok=(24,)
        )
        self.assertIn("550 5.1.1", transcript)

    def test_foreign_recipient(self) -> None:
        """The exchanger relays for nobody."""
        _, transcript = self.swaks(
            *self.smtp("smtp"), "--from", "joe@sender.test", "--to", "x@elsewhere.test", ok=(24,)
        )
        self.assertRegex(transcript, r"5\d\d 5\.7\.1")


class CurlSendsTests(TestCase):
    """curl as a sender."""

    skip = service.SKIP

    def test_curl_submits(self) -> None:
        """curl logs in over TLS and submits a message."""
        token = secrets.token_hex(8)
        run(
            "curl", "--silent", "--show-error", "--cacert", str(node().certificate), "--user", f"{BOB}:{PASSWORD}",
            "--mail-from", BOB, "--mail-rcpt", CAROL, "--upload-file", "-", "--crlf",
            f"smtps://localhost:{node().ports['submissions']}",
            stdin=f"Subject: {token}\nFrom: {BOB}\n\nHello.\n.\nBye.\n".encode(),
        )  # fmt: skip
        deadline = time.monotonic() + 5
        octets = None
        while octets is None and time.monotonic() < deadline:
            octets = arrived(token)
        self.assertIsNotNone(octets)
        self.assertTrue(octets.endswith(b"Hello.\r\n.\r\nBye.\r\n"))
