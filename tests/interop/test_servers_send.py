"""Postfix and Exim send to us, as strangers' servers do."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import TestCase

from . import service
from .exim import Exim
from .postfix import Postfix
from .service import CAROL, DAVE, node
from .test_sending import arrived

BODIES = {
    "plain": b"Hello.\n",
    "dots": b".\n..\n...\n.end\n",
    "eight bits": "Grüße aus Köln\n".encode(),
    "long": b"x" * 900 + b"\n" + b"line\n" * 40_000,
    "none": b"",
}


def message(token: str, body: bytes) -> bytes:
    """A message with a token as its subject, lines ended as a sendmail command wants them."""
    head = (
        f"From: joe@sender.test\nTo: {CAROL}\nSubject: {token}\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    )
    return head.encode() + body


class ServerCase(TestCase):
    """A server that sends to us."""

    skip = service.SKIP
    timeout = 180

    def base(self) -> Path:
        """A directory of its own."""
        base = Path(tempfile.mkdtemp(prefix="mailframe-peer-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        return base

    def arrives(self, token: str, body: bytes, account: str = CAROL) -> bytes:
        """The message is in the INBOX with this very body; returned whole."""
        for _ in range(200):
            octets = arrived(token, account)
            if octets is not None:
                break
            self.pause()
        else:
            self.fail(f"{token} did not arrive:\n{self.peer.log()[-3000:]}")
        self.assertEqual(octets.partition(b"\r\n\r\n")[2], body.replace(b"\n", b"\r\n"))
        return octets

    def pause(self) -> None:
        """A moment for the others; the tests have no reactor of their own to serve."""
        time.sleep(0.1)


class PostfixSendsTests(ServerCase):
    """Postfix: pipelined, by DATA, with DSN parameters, in clear and by STARTTLS."""

    def setUp(self) -> None:
        """One that sends everything to our exchanger."""
        self.peer = Postfix(
            self.base(),
            f"[127.0.0.1]:{node().ports['smtp']}",
            "smtp_tls_security_level = may\nsmtp_tls_loglevel = 1\n",
        )
        self.peer.start()
        self.addCleanup(self.peer.stop)

    def test_bodies(self) -> None:
        """Whatever the text, it arrives as it was, by STARTTLS."""
        for name, body in BODIES.items():
            token = secrets.token_hex(8)
            self.peer.send(message(token, body), "joe@sender.test", [CAROL])
            octets = self.arrives(token, body)
            self.assertIn(b"with ESMTPS", octets, name)

    def test_two_recipients(self) -> None:
        """Two recipients have one transaction and a copy each."""
        token = secrets.token_hex(8)
        self.peer.send(message(token, b"both\n"), "joe@sender.test", [CAROL, DAVE])
        self.arrives(token, b"both\n")
        self.arrives(token, b"both\n", DAVE)

    def test_unknown_recipient(self) -> None:
        """An unknown mailbox is refused in session, so the sender hears of it at once."""
        self.peer.send(message("x", b"x\n"), "joe@sender.test", ["nobody@example.test", CAROL])
        line = self.peer.wait_for_log("nobody@example.test>, ")
        self.assertIn("dsn=5.1.1", line)
        self.assertIn("status=bounced", line)

    def test_relaying(self) -> None:
        """Mail for somebody elsewhere is refused."""
        self.peer.send(message("x", b"x\n"), "joe@sender.test", ["victim@elsewhere.test"])
        self.assertIn("dsn=5.7.1", self.peer.wait_for_log("victim@elsewhere.test>, "))

    def test_internationalised(self) -> None:
        """A message whose sender has letters beyond ASCII in the address."""
        token = secrets.token_hex(8)
        self.peer.send(message(token, b"x\n"), "jörg@sender.test", [CAROL])
        self.assertIn("jörg@sender.test".encode(), self.arrives(token, b"x\n"))


class EximSendsTests(ServerCase):
    """Exim: pipelined, by BDAT, and by DATA where it is told so."""

    def peer_with(self, transport: str) -> Exim:
        """One that sends everything to our exchanger."""
        peer = Exim(self.base(), ("127.0.0.1", node().ports["smtp"]), transport=transport)
        peer.start()
        self.addCleanup(peer.stop)
        self.peer = peer
        return peer

    def test_chunks(self) -> None:
        """By BDAT, whatever the text, it arrives as it was."""
        peer = self.peer_with("hosts_try_chunking = *\n")
        for body in BODIES.values():
            token = secrets.token_hex(8)
            peer.send(message(token, body), "joe@sender.test", [CAROL])
            self.arrives(token, body)
        # Exim marks a delivery by BDAT with a K.
        delivered = [line for line in peer.log().splitlines() if f"=> {CAROL}" in line]
        self.assertTrue(delivered)
        for line in delivered:
            self.assertRegex(line, r" K( |$)")

    def test_data(self) -> None:
        """By DATA, too."""
        peer = self.peer_with("hosts_try_chunking =\n")
        token = secrets.token_hex(8)
        peer.send(message(token, BODIES["dots"]), "joe@sender.test", [CAROL])
        self.arrives(token, BODIES["dots"])

    def test_without_pipelining(self) -> None:
        """One command at a time, in clear."""
        peer = self.peer_with("hosts_try_chunking = *\nhosts_avoid_pipelining = *\nhosts_avoid_tls = *\n")
        token = secrets.token_hex(8)
        peer.send(message(token, b"x\n"), "joe@sender.test", [CAROL, DAVE])
        self.assertNotIn(b"with ESMTPS", self.arrives(token, b"x\n"))
        self.arrives(token, b"x\n", DAVE)

    def test_unknown_recipient(self) -> None:
        """With BDAT behind it in the pipeline, a refused recipient does not confuse anybody."""
        peer = self.peer_with("hosts_try_chunking = *\n")
        token = secrets.token_hex(8)
        peer.send(message(token, b"x\n"), "joe@sender.test", ["nobody@example.test", CAROL])
        self.arrives(token, b"x\n")
        self.assertIn("550 5.1.1", peer.log())
