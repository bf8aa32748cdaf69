"""Tests of ``mailframe send`` and ``read``."""

from __future__ import annotations

import json
import os
import ssl

from mailframe.tls.development import make_certificate

from .runner import ALICE, BOB, CommandTestCase
from .servers import IMAP, SMTP, Server, tcp

FIRST = b"From: Joe <joe@sender.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: x\r\n\r\nfirst\r\n"
SECOND = "From: bob@example.test\r\nSubject: Two\r\n\r\nzweite Grüße\r\n".encode()


class MailCommandTestCase(CommandTestCase):
    """A configuration is there, and servers on other ports."""

    def setUp(self) -> None:
        """Make it."""
        super().setUp()
        self.make_service()

    def context(self) -> ssl.SSLContext:
        """A server's, with a new certificate of this service."""
        files = make_certificate(os.path.join(self.config.parent, "tls"), ["localhost"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        return context

    def serve(self, talk: object, secure: bool = False) -> str:
        """Start a server; its port."""
        context = self.context() if secure else None
        server = Server(tcp(), talk, context)  # type: ignore[arg-type]
        self.addCleanup(server.stop)
        return str(server.port)


class SendTests(MailCommandTestCase):
    """A test message goes out by SMTP."""

    def test_message(self) -> None:
        """A message is made from options; the server's reply is shown."""
        smtp = SMTP()
        port = self.serve(smtp.talk)
        result = self.on_service(
            "send",
            "--port",
            port,
            "--to",
            ALICE,
            "--from",
            BOB,
            "--subject",
            "Grüße\nX",
            "--body",
            "Hallö\n.\n",
        )
        self.assertIn("kept as 0123456789ABCDEF", result.stdout)
        self.assertIn(f"mail FROM:<{BOB}>", smtp.commands[1])
        (message,) = smtp.messages
        self.assertIn(b"To: alice@example.test\r\n", message)
        self.assertIn(b"Message-ID: <", message)

    def test_default_sender(self) -> None:
        """Without a sender it comes from this node, with a text of its own."""
        smtp = SMTP()
        self.on_service("send", "--port", self.serve(smtp.talk), "--to", ALICE)
        self.assertIn("mail FROM:<test@mail.example.test>", smtp.commands[1])

    def test_file(self) -> None:
        """A whole message is sent as it is, with the line ends of mail, as often as wanted."""
        path = self.place / "message.eml"
        path.write_bytes(SECOND.replace(b"\r\n", b"\n"))
        smtp = SMTP()
        port = self.serve(smtp.talk)
        result = self.on_service("send", "--port", port, "--to", ALICE, "--file", str(path), "--count", "3")
        self.assertEqual([SECOND] * 3, smtp.messages)
        self.assertIn("took 3", result.stdout)
        self.assertTrue(any("BODY=8BITMIME" in command.upper() for command in smtp.commands))

    def test_login(self) -> None:
        """With a user it logs in first; a wrong password is told as the server says."""
        smtp = SMTP()
        port = self.serve(smtp.talk)
        self.on_service("send", "--port", port, "--to", ALICE, "--user", BOB, stdin="pässword\n")
        self.assertIn("AUTH PLAIN AGJvYkBleGFtcGxlLnRlc3QAcMOkc3N3b3Jk", smtp.commands)
        result = self.on_service(
            "send", "--port", port, "--to", ALICE, "--user", BOB, "--password", "wrong", code=1
        )
        self.assertIn("refused: 535 5.7.8 wrong", result.stderr)

    def test_tls(self) -> None:
        """Our own development certificate is trusted; another is not."""
        smtp = SMTP()
        port = self.serve(smtp.talk, secure=True)
        self.on_service("send", "--port", port, "--tls", "--to", ALICE)
        make_certificate(os.path.join(self.config.parent, "tls"), ["localhost"])
        result = self.on_service("send", "--port", port, "--tls", "--to", ALICE, code=1)
        self.assertIn("--insecure", result.stderr)
        self.on_service("send", "--port", port, "--tls", "--to", ALICE, "--insecure")
        self.assertEqual(2, len(smtp.messages))

    def test_starttls(self) -> None:
        """STARTTLS is used where it is offered, before the login, unless forbidden."""
        smtp = SMTP(self.context())
        arguments = ("send", "--port", self.serve(smtp.talk), "--to", ALICE, "--user", BOB, "--password", "x")
        self.on_service(*arguments)
        self.assertEqual(["STARTTLS", "ehlo", "AUTH"], [one.split()[0] for one in smtp.commands[1:4]])
        smtp.commands.clear()
        self.on_service(*arguments, "--no-starttls")
        self.assertNotIn("STARTTLS", smtp.commands)
        self.assertEqual(2, len(smtp.messages))

    def test_refused(self) -> None:
        """What the server refuses is told with its reply; a server that is not there is exit code 3."""
        smtp = SMTP()
        port = self.serve(smtp.talk)
        result = self.on_service("send", "--port", port, "--to", "nobody@example.test", code=1)
        self.assertEqual("refused: 550 5.1.1 No such mailbox here\n", result.stderr)
        result = self.on_service("send", "--port", port, "--starttls", "--to", ALICE, code=1)
        self.assertIn("STARTTLS", result.stderr)
        closed = tcp()
        port = str(closed.getsockname()[1])
        closed.close()
        self.on_service("send", "--port", port, "--to", ALICE, code=3)
        self.on_service("send", "--port", port, "--to", "alice", code=1)


class ReadTests(MailCommandTestCase):
    """A message is read back by IMAP."""

    def read(self, *arguments: str, code: int = 0, password: str = "pässword") -> object:
        """Run ``read`` against a server with two messages."""
        port = self.serve(IMAP(FIRST, SECOND).talk, secure=True)
        return self.on_service("read", ALICE, "--port", port, *arguments, stdin=f"{password}\n", code=code)

    def test_newest(self) -> None:
        """The newest message is printed."""
        self.assertEqual(SECOND.decode().replace("\r\n", "\n"), self.read().stdout)  # type: ignore[attr-defined]

    def test_list(self) -> None:
        """Or the list, with decoded subjects."""
        text = self.read("--list").stdout  # type: ignore[attr-defined]
        self.assertIn("Grüße", text)
        rows = json.loads(self.read("--json", "--count", "1").stdout)  # type: ignore[attr-defined]
        self.assertEqual(
            [
                {
                    "uid": 102,
                    "date": "",
                    "from": BOB,
                    "subject": "Two",
                    "size": len(SECOND),
                    "flags": ["\\Seen"],
                }
            ],
            rows,
        )

    def test_empty(self) -> None:
        """An empty mailbox is said to be."""
        port = self.serve(IMAP().talk, secure=True)
        arguments = ("read", ALICE, "--port", port, "--password", "pässword")
        self.assertIn("is empty", self.on_service(*arguments).stderr)
        self.assertEqual([], self.json_of(*arguments))

    def test_refused(self) -> None:
        """A wrong password or mailbox is told as the server says."""
        self.assertIn("wrong password", self.read(code=1, password="x").stderr)  # type: ignore[attr-defined]
        told = self.read("--mailbox", "Nowhere", code=1).stderr  # type: ignore[attr-defined]
        self.assertIn("No such mailbox", told)

    def test_not_running(self) -> None:
        """Nobody there is exit code 3."""
        closed = tcp()
        port = str(closed.getsockname()[1])
        closed.close()
        self.on_service("read", ALICE, "--port", port, "--password", "x", code=3)
