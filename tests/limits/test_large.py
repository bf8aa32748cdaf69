"""Large mail that is permitted goes in and comes out in bounded memory."""

from __future__ import annotations

import hashlib
import imaplib
import poplib

from .service import ALICE, MEGABYTE, PASSWORD, AbusedTests

LINE = b"x" * 76 + b"\r\n"
TEXT = LINE * (100 * MEGABYTE // len(LINE))


class LargeMailTests(AbusedTests):
    """A limit of 120 MB, and a message of 100 MB."""

    extra = {
        "role.mx": ['size_limit = "120 MB"'],
        "role.store.imap_options": ['append_limit = "120 MB"'],
    }

    def test_a_hundred_megabytes(self) -> None:
        """A permitted message of 100 MB is taken by SMTP and given by IMAP and POP3, octet for octet."""
        self.send(b"Subject: large\r\n\r\n" + TEXT)
        client = imaplib.IMAP4("127.0.0.1", self.node.ports["imap"], timeout=60)
        client.login(ALICE, PASSWORD)
        client.select(readonly=True)
        _, (uids,) = client.uid("SEARCH", "LARGER", str(90 * MEGABYTE))
        self.assertEqual(len(uids.split()), 1)
        _, rows = client.uid("FETCH", uids.split()[0].decode(), "(BODY.PEEK[TEXT])")
        self.assertEqual(hashlib.sha256(rows[0][1]).digest(), hashlib.sha256(TEXT).digest())
        client.logout()
        self.assert_bounded(25 * MEGABYTE)

    def test_a_slow_reader(self) -> None:
        """A client that asks for 100 MB and does not read costs a window, not a message."""
        self.send(b"Subject: large\r\n\r\n" + TEXT)
        client = poplib.POP3("127.0.0.1", self.node.ports["pop3"], timeout=60)
        client.user(ALICE)
        client.pass_(PASSWORD)
        reader = imaplib.IMAP4("127.0.0.1", self.node.ports["imap"], timeout=60)
        reader.login(ALICE, PASSWORD)
        reader.select(readonly=True)
        client.sock.sendall(b"RETR 2\r\n")
        reader.send(b"a FETCH 2 BODY.PEEK[]\r\n")
        self.assertEqual(client.sock.recv(3), b"+OK")
        self.assertEqual(reader.sock.recv(3), b"* 2")
        self.assert_bounded(25 * MEGABYTE)
        client.sock.close()
        reader.sock.close()
        self.assert_bounded(25 * MEGABYTE)
