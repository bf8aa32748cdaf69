"""The program of «Embedding a role» takes mail and gives it out."""

from __future__ import annotations

import imaplib
import runpy
import smtplib
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.ports import free_port

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "embedded.py"


def send_and_read(smtp_port: int, imap_port: int) -> bytes:
    """Send one message and read it back."""
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=10) as session:
        session.sendmail("joe@sender.test", ["alice@example.test"], b"Subject: Hello\r\n\r\nIs this on?\r\n")
    client = imaplib.IMAP4("127.0.0.1", imap_port, timeout=10)
    client.login("alice@example.test", "wonderland")
    client.select("INBOX")
    _, rows = client.fetch("1", "(BODY[])")
    client.logout()
    return rows[0][1]


class EmbeddedExampleTests(TestCase):
    """Two roles in one program, over real sockets."""

    timeout = 60

    async def test_mail_comes_out_by_imap(self) -> None:
        """What is sent by SMTP is read by IMAP."""
        ports = free_port(), free_port()
        program = runpy.run_path(str(EXAMPLE))
        service = program["make_service"](reactor, *ports, "wonderland")
        service.startService()
        try:
            for role in service:
                await role.ready()
            octets = await deferToThread(send_and_read, *ports)
        finally:
            await service.stopService()
        self.assertTrue(octets.endswith(b"Subject: Hello\r\n\r\nIs this on?\r\n"), octets)
        self.assertIn(b"by mx.example.test", octets)
