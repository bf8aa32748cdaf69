"""Notices and reverse-paths of recipients, held against Postfix's."""

from __future__ import annotations

import email
import re
import shutil
import smtplib
import tempfile
from pathlib import Path

from flufl.bounce import all_failures
from twisted.trial.unittest import TestCase

from mailframe.message import verp
from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.dsn import Action, RecipientReport
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.queue.notice_settings import NoticeSettings
from mailframe.queue.notices import Notices
from mailframe.queue.values import QueuedMessage

from . import service
from .postfix import Postfix

LIST = "list@lists.test"
ALICE = "alice@peer.test"
_RETURN_PATH = re.compile(rb"^Return-Path: <(.*)>$", re.MULTILINE)


class PostfixTests(TestCase):
    """A Postfix that lets anybody here ask for XVERP."""

    skip = service.SKIP
    timeout = 180

    def setUp(self) -> None:
        """Start it."""
        base = Path(tempfile.mkdtemp(prefix="mailframe-peer-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.peer = Postfix(
            base, settings="smtpd_authorized_verp_clients = 127.0.0.1\nenable_original_recipient = no\n"
        )
        self.peer.start()
        self.addCleanup(self.peer.stop)

    def test_verp(self) -> None:
        """Postfix makes the same reverse-paths as we do, whatever the sender chose."""
        recipients = ["carol@peer.test", "dave@peer.test"]
        for number, value in enumerate((None, "-=", "=+", "+=", "--")):
            word = f"number {number}".encode()
            option = "XVERP" if value is None else f"XVERP={value}"
            with smtplib.SMTP("127.0.0.1", self.peer.port) as client:
                client.ehlo()
                self.assertTrue(client.has_extn("xverp"))
                client.sendmail(LIST, recipients, b"Subject: " + word + b"\r\n\r\nHello.\r\n", [option])
            envelope = Envelope(parse_mailbox(LIST), [], {"XVERP": value})
            for address in recipients:
                ours = verp.reverse_path(envelope, Recipient(parse_mailbox(address)))
                octets = self.peer.received_with(address.partition("@")[0], word)
                found = _RETURN_PATH.search(octets)
                assert found is not None
                assert ours is not None
                self.assertEqual(found[1], bytes(ours))

    def test_verp_refused(self) -> None:
        """What Postfix refuses as XVERP, we refuse; and the other way round."""
        with smtplib.SMTP("127.0.0.1", self.peer.port) as client:
            client.ehlo()
            for value in ("a=", "+", "+=-", "+=", "==", "@="):
                code, _ = client.docmd("MAIL", f"FROM:<{LIST}> XVERP={value}")
                client.docmd("RSET")
                try:
                    verp.parse_delimiters(value)
                except ValueError:
                    self.assertEqual(code, 501, value)
                else:
                    self.assertEqual(code, 250, value)

    def test_notice(self) -> None:
        """A notice of ours arrives through Postfix as it was."""
        for sender, octets in (
            (ALICE, b"Subject: plain\r\n\r\nHello.\r\n"),
            (ALICE, "Subject: Grüße\r\n\r\nGrüße\r\n.\r\n".encode()),
        ):
            message = QueuedMessage("Q1", Envelope(parse_mailbox(sender)), Origin("S", "192.0.2.1"), 1.0, 2.0)
            report = RecipientReport(
                Recipient(parse_mailbox("bob@example.net")),
                Action.FAILED,
                Status((5, 1, 1), "No"),
                "mx",
                "550 5.1.1 No",
            )
            (notice,) = Notices("mx.example.test", NoticeSettings(), lambda: 3.0).make(
                message, [report], Content.of(octets)
            )
            options = [
                key if value is None else f"{key}={value}"
                for key, value in notice.envelope.parameters.items()
            ]
            with smtplib.SMTP("127.0.0.1", self.peer.port) as client:
                client.sendmail("", [sender], notice.content.octets(), options, ["NOTIFY=NEVER"])
            arrived = self.peer.received_with("alice", notice.queue_id.encode())
            body = notice.content.octets().replace(b"\r\n", b"\n")
            self.assertTrue(arrived.endswith(body.partition(b"\n\n")[2]))
            self.assertEqual(all_failures(email.message_from_bytes(arrived))[1], {b"bob@example.net"})

    def test_fields(self) -> None:
        """Of the same failure Postfix tells programs nothing that we leave out, but for where it had the message from."""
        self.peer.send(
            b"Subject: to nobody\n\nHello.\n",
            ALICE,
            ["nobody@peer.test"],
            ["-N", "failure", "-R", "full"],
        )
        theirs = email.message_from_bytes(self.peer.received_with("alice", b"to nobody"))
        envelope = Envelope(parse_mailbox(ALICE), [], {"RET": "FULL"})
        recipient = Recipient(parse_mailbox("nobody@peer.test"), {"ORCPT": "rfc822;nobody@peer.test"})
        report = RecipientReport(recipient, Action.FAILED, Status((5, 1, 1), "unknown user"), attempted=1.0)
        message = QueuedMessage("Q1", envelope, Origin("S", "192.0.2.1"), 1.0, 2.0)
        (notice,) = Notices("mx.example.test", NoticeSettings(), lambda: 3.0).make(
            message, [report], Content.of(b"Subject: to nobody\r\n\r\nHello.\r\n")
        )
        ours = email.message_from_bytes(notice.content.octets())
        for group in (0, 1):
            said = {name.lower() for name in _status(theirs)[group] if not name.lower().startswith("x-")}
            self.assertEqual(said - {name.lower() for name in _status(ours)[group]}, set())
        self.assertEqual(_status(theirs)[1]["Action"], _status(ours)[1]["Action"])
        self.assertEqual(
            [part.get_content_type() for part in theirs.walk()],
            [part.get_content_type() for part in ours.walk()],
        )


def _status(notice: email.message.Message) -> list[email.message.Message]:
    """The groups of fields of a notice."""
    (part,) = [part for part in notice.walk() if part.get_content_type() == "message/delivery-status"]
    return part.get_payload()
