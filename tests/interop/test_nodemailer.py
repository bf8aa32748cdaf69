"""nodemailer submits mail, as web applications do."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from . import service
from .service import BOB, CAROL, DAVE, PASSWORD, node, run
from .test_sending import arrived

PLACE = os.environ.get("MAILFRAME_NODE", "/opt/mailframe-interop/node")
SCRIPT = Path(__file__).with_name("nodemailer.js")


class NodemailerTests(TestCase):
    """Submission by a JavaScript program."""

    skip = service.SKIP
    timeout = 120

    def submit(self, message: Any, port: str = "submissions", **options: Any) -> list[dict[str, Any]]:
        """Send one message or several in one session; what nodemailer says of each."""
        transport = {
            "host": "localhost",
            "port": node().ports[port],
            "secure": port == "submissions",
            "requireTLS": port == "submission",
            "tls": {"ca": node().certificate.read_text()},
            "auth": {"user": BOB, "pass": PASSWORD},
            **options,
        }
        said = run(
            "node",
            SCRIPT,
            stdin=json.dumps({"transport": transport, "message": message}).encode(),
            env={**os.environ, "NODE_PATH": f"{PLACE}/node_modules"},
        )
        return json.loads(said)

    def message(self, **fields: Any) -> dict[str, Any]:
        """A message with a subject of its own."""
        return {
            "from": BOB,
            "to": CAROL,
            "subject": secrets.token_hex(8),
            "text": "Hello.\n..dots\n",
            **fields,
        }

    def test_both_ports(self) -> None:
        """With TLS from the start and by STARTTLS."""
        for port in ("submissions", "submission"):
            message = self.message()
            (answer,) = self.submit(message, port)
            self.assertEqual(answer.get("accepted"), [CAROL], answer)
            octets = arrived(message["subject"])
            self.assertIsNotNone(octets)
            self.assertIn(b"with ESMTPSA", octets)

    def test_attachment_and_letters(self) -> None:
        """An attachment of a megabyte and a subject beyond ASCII."""
        token = secrets.token_hex(8)
        message = self.message(
            subject=f"Grüße {token}",
            text="Grüße\n",
            attachments=[{"filename": "größe.bin", "content": "QUJD" * 250_000, "encoding": "base64"}],
        )
        (answer,) = self.submit(message)
        self.assertEqual(answer.get("accepted"), [CAROL], answer)
        octets = arrived(token)
        self.assertIsNotNone(octets)
        self.assertGreater(len(octets), 1_000_000)

    def test_a_session_of_many(self) -> None:
        """A pool sends several messages over one connection."""
        messages = [self.message() for _ in range(5)]
        answers = self.submit(messages, pool=True, maxConnections=1)
        for message, answer in zip(messages, answers, strict=True):
            self.assertEqual(answer.get("accepted"), [CAROL], answer)
            self.assertIsNotNone(arrived(message["subject"]))

    def test_blind_copy(self) -> None:
        """A blind copy is delivered, and nobody sees to whom."""
        message = self.message(bcc=DAVE)
        (answer,) = self.submit(message)
        self.assertEqual(sorted(answer["accepted"]), [CAROL, DAVE])
        for account in (CAROL, DAVE):
            octets = arrived(message["subject"], account)
            self.assertIsNotNone(octets)
            self.assertNotIn(b"\r\nBcc:", octets)
        self.assertNotIn(DAVE.encode(), arrived(message["subject"], CAROL) or b"")

    def test_login_method(self) -> None:
        """Whichever mechanism it is told to use."""
        for method in ("PLAIN", "LOGIN"):
            (answer,) = self.submit(self.message(), authMethod=method)
            self.assertEqual(answer.get("accepted"), [CAROL], (method, answer))

    def test_wrong_password(self) -> None:
        """A wrong password is an error that names the code."""
        (answer,) = self.submit(self.message(), auth={"user": BOB, "pass": "wrong"})
        self.assertEqual(answer["error"], "EAUTH")
        self.assertIn("535 5.7.8", answer["response"])

    def test_some_recipients_refused(self) -> None:
        """An unknown recipient does not keep the mail from the others."""
        message = self.message(to=[CAROL, "nobody@example.test"])
        (answer,) = self.submit(message)
        self.assertEqual((answer["accepted"], answer["rejected"]), ([CAROL], ["nobody@example.test"]))
        self.assertIsNotNone(arrived(message["subject"]))
