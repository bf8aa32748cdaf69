"""Roundcube, a webmail in PHP, in headless Chromium: a user's day in the browser, with pictures of it."""

from __future__ import annotations

import base64
import email
import imaplib
import json
import os
import time
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path

from .outside import ATTACHMENT, ClientCase
from .roundcube import Roundcube
from .service import BOB, PASSWORD, node, program, run, trust

PLACE = os.environ.get("MAILFRAME_NODE", "/opt/mailframe-interop/node")
SCRIPT = Path(__file__).with_name("roundcube.js")
PICTURES = Path(__file__).parents[2] / "build" / "interop"


def letter(name: str, text: str = "Hello.\n") -> EmailMessage:
    """A message about something."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "Bob <bob@example.test>"
    message["To"] = "roundcube@example.test"
    message["Subject"] = f"Grüße: {name}"
    message["Date"] = "Mon, 02 Nov 2026 10:00:00 +0100"
    message["Message-ID"] = f"<{name}@clients.example.test>"
    message.set_content(text)
    return message


class RoundcubeTests(ClientCase):
    """One day of one user."""

    account = "roundcube@example.test"
    timeout = 180

    def setUp(self) -> None:
        """Mail is there, and the webmail runs."""
        super().setUp()
        attached = letter("attached", "Schöne Grüße aus Köln.\n")
        attached.add_attachment(ATTACHMENT, "application", "octet-stream", filename="Übersicht.bin")
        messages = [
            attached,
            *map(letter, ("flagged", "moved", "deleted")),
            letter("other", "To be searched for.\n"),
        ]
        for message in messages:
            self.outside.append("INBOX", None, None, message.as_bytes())
        PICTURES.mkdir(parents=True, exist_ok=True)
        for picture in PICTURES.glob("roundcube-*.png"):
            picture.unlink()
        self.webmail = Roundcube(self.place)
        self.addCleanup(self.webmail.stop)
        self.webmail.start()

    def test_day(self) -> None:
        """Log in, read, fetch an attachment, flag, move, delete, search, and send a file."""
        sent_file = self.place / "Größe.bin"
        sent_file.write_bytes(ATTACHMENT)
        wanted = {
            "address": self.webmail.address, "user": self.account, "password": PASSWORD,
            "pictures": str(PICTURES), "file": str(sent_file), "chromium": program("chromium"),
        }  # fmt: skip
        environment = {**os.environ, "NODE_PATH": f"{PLACE}/node_modules"}
        seen = json.loads(run("node", SCRIPT, stdin=json.dumps(wanted).encode(), env=environment))
        self.assertNotIn("error", seen, f"{seen.get('error')}\n{seen.get('shown')}\n{self.webmail.errors()}")
        self.assertEqual(len(seen["list"]), 5)
        self.assertLessEqual({"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"}, set(seen["folders"]))
        self.assertIn("Schöne Grüße aus Köln.", seen["text"])
        self.assertEqual(base64.b64decode(seen["attachment"]), ATTACHMENT)
        self.assertEqual(len(seen["left"]), 3)
        self.assertEqual(seen["found"], ["Grüße: other"])
        self.assertEqual(seen["sent"], ["Größe, sent from a browser"])
        self.assertTrue(seen["gone"])
        self.check_outside()
        pictures = {
            picture.name for picture in PICTURES.glob("roundcube-*.png") if picture.stat().st_size > 5000
        }
        names = ("list", "message", "search", "compose", "sent")
        self.assertEqual(pictures, {f"roundcube-{name}.png" for name in names})

    def check_outside(self) -> None:
        """What was done in the browser is there for another client."""
        flags = {
            email.message_from_bytes(octets)["Message-ID"]: found for octets, found in self.rows("INBOX")
        }
        self.assertEqual(flags["<attached@clients.example.test>"], {"\\Seen"})
        self.assertIn("\\Flagged", flags["<flagged@clients.example.test>"])
        self.assertEqual(len(flags), 3)
        for mailbox, name in (("Archive", "moved"), ("Trash", "deleted")):
            ((octets, _),) = self.rows(mailbox)
            self.assertIn(f"<{name}@clients.example.test>".encode(), octets)
        ((octets, _),) = self.rows("Sent")
        sent = email.message_from_bytes(octets, policy=default)
        self.assertEqual(sent["To"], "bob@example.test")
        self.assertIn("schöne Grüße.\n.\n", sent.get_body(("plain",)).get_content().replace("\r\n", "\n"))
        (attachment,) = sent.iter_attachments()
        self.assertEqual((attachment.get_filename(), attachment.get_content()), ("Größe.bin", ATTACHMENT))
        self.assertEqual(self.received(sent["Message-ID"]).get_content(), ATTACHMENT)

    def received(self, message_id: str) -> EmailMessage:
        """The attachment as it came to Bob by way of submission; with what stood before it."""
        bob = imaplib.IMAP4_SSL("localhost", node().ports["imaps"], ssl_context=trust(), timeout=30)
        self.addCleanup(bob.logout)
        bob.login(BOB, PASSWORD)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            bob.select("INBOX")
            _, (found,) = bob.uid("SEARCH", "HEADER", "MESSAGE-ID", f'"{message_id}"')
            if found:
                _, rows = bob.uid("FETCH", found.decode(), "(BODY.PEEK[])")
                message = email.message_from_bytes(rows[0][1], policy=default)
                self.assertIn(
                    "schöne Grüße.\n.\n", message.get_body(("plain",)).get_content().replace("\r\n", "\n")
                )
                (attachment,) = message.iter_attachments()
                return attachment
            time.sleep(0.2)
        raise AssertionError("Bob did not get it")
