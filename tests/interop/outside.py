"""A look at an account from outside: what a program said it did must be there for another client, too."""

from __future__ import annotations

import contextlib
import imaplib
import re
import shutil
import smtplib
import tempfile
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import TestCase

from . import service
from .service import PASSWORD, node, trust

ATTACHMENT = bytes(range(256)) * 40


def letter(name: str) -> bytes:
    """A message with CRLF line ends; the same octets for the same name."""
    return (
        f"From: Bob <bob@example.test>\r\nTo: Clients <clients@example.test>\r\n"
        f"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {name}\r\nDate: Mon, 02 Nov 2026 10:00:00 +0100\r\n"
        f"Message-ID: <{name}@clients.example.test>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"This is {name}.\r\n.\r\n..dots\r\nSchöne Grüße.\r\n"
    ).encode()


def name_of(octets: bytes) -> str:
    """The name that `letter` was asked for."""
    found = re.search(rb"^Message-ID: <([\w-]+)@", octets, re.M | re.I)
    return found[1].decode() if found else ""


def counted(command: str) -> int:
    """How many of these commands the node has answered, in all its workers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{node().ports['status']}/metrics", timeout=10) as page:
        text = page.read().decode()
    found = re.findall(rf'^mailframe_imap_commands_total{{command="{command}"}} (\S+)$', text, re.M)
    return int(sum(map(float, found)))


class ClientCase(TestCase):
    """One program, one account, and a session that looks on.

    Attributes:
        account: whose mail it is.
        place: a directory that is gone afterwards.
        outside: a session of ours, logged in.
    """

    skip = service.SKIP
    timeout = 120
    account: ClassVar[str] = ""

    def setUp(self) -> None:
        """An empty account."""
        self.place = Path(tempfile.mkdtemp(prefix="mailframe-client-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.outside = imaplib.IMAP4_SSL("localhost", node().ports["imaps"], ssl_context=trust(), timeout=30)
        self.addCleanup(self.leave)
        self.outside.login(self.account, PASSWORD)
        self.clean()

    def leave(self) -> None:
        """Nothing is left for the next test."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self.clean()
            self.outside.logout()

    def clean(self) -> None:
        """Empty all mailboxes, and remove what the server did not make."""
        for name, attributes in sorted(self.mailboxes().items(), reverse=True):
            if name != "INBOX" and not attributes & {"\\Drafts", "\\Sent", "\\Junk", "\\Trash", "\\Archive"}:
                self.outside.delete(f'"{name}"')
            elif self.outside.select(f'"{name}"')[0] == "OK":
                self.outside.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
                self.outside.close()

    def mailboxes(self) -> dict[str, set[str]]:
        """All mailboxes with their attributes."""
        found = {}
        for row in self.outside.list()[1]:
            matched = re.fullmatch(rb'\(([^)]*)\) "." "?([^"]*)"?', row)
            found[matched[2].decode()] = set(matched[1].decode().split())
        return found

    def fill(self, mailbox: str, *names: str, flags: str = "") -> None:
        """Put letters into a mailbox, which is made where it is missing."""
        if mailbox not in self.mailboxes():
            self.assertEqual(self.outside.create(f'"{mailbox}"')[0], "OK")
            self.outside.subscribe(f'"{mailbox}"')
        for name in names:
            kind, _ = self.outside.append(f'"{mailbox}"', flags, None, letter(name))
            self.assertEqual(kind, "OK")

    def deliver(self, *names: str) -> None:
        """Letters that come in by SMTP."""
        with smtplib.SMTP("127.0.0.1", node().ports["smtp"], "client.test", timeout=60) as sender:
            for name in names:
                options = ["BODY=8BITMIME"]
                sender.sendmail("joerg@sender.test", [self.account], letter(name), mail_options=options)

    def rows(self, mailbox: str) -> list[tuple[bytes, set[str]]]:
        """Octets and flags of all messages, in their order."""
        kind, data = self.outside.select(f'"{mailbox}"', readonly=True)
        self.assertEqual(kind, "OK", data)
        _, rows = self.outside.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])")
        self.outside.unselect()
        answers: list[Any] = [row for row in rows if isinstance(row, tuple)]
        return [
            (row[1], {flag.decode() for flag in imaplib.ParseFlags(row[0])} - {"\\Recent"}) for row in answers
        ]

    def flags(self, mailbox: str) -> dict[str, set[str]]:
        """Flags by the name of the letter; each is there once."""
        rows = self.rows(mailbox)
        found = {name_of(octets): flags for octets, flags in rows}
        self.assertEqual(len(found), len(rows), "a message is there twice")
        return found

    def assert_letters(self, mailbox: str, *names: str) -> None:
        """Just these letters are there, octet for octet."""
        self.assertEqual(sorted(octets for octets, _ in self.rows(mailbox)), sorted(map(letter, names)))
