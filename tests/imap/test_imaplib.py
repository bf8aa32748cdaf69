"""The standard library's client over a real socket."""

from __future__ import annotations

import imaplib
import time

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.testing.imap import CLEAR, factory

from .mail import ALICE, MIXED, PASSWORDS, PLAIN, store_with


class ImaplibTests(TestCase):
    """imaplib gets along with the server."""

    async def setUp(self):
        """Listen on the loopback address."""
        from twisted.internet import reactor

        server = factory(store_with(), PASSWORDS, CLEAR, reactor)
        self.port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    async def test_day(self):
        """A client logs in, stores, looks, searches, copies, idles not, and leaves."""
        await deferToThread(self.day, self.port.getHost().port)

    def day(self, port):
        with imaplib.IMAP4("127.0.0.1", port, timeout=10) as client:
            self.assertIn("IDLE", client.capabilities)
            client.login(ALICE, "secret")
            self.check(client.select("INBOX"), [b"0"])
            now = imaplib.Time2Internaldate(time.time())
            for message in (PLAIN, MIXED, b"x" * 3_000_000):
                self.assertEqual(client.append("INBOX", "(\\Flagged)", now, message)[0], "OK")
            self.check(client.noop())
            self.check(client.search(None, "FLAGGED", "SUBJECT", '"outer"'), [b"2"])
            typ, data = client.fetch("1:3", "(UID RFC822.SIZE BODY.PEEK[])")
            self.assertEqual(typ, "OK")
            self.assertEqual(
                [part[1] for part in data if isinstance(part, tuple)],
                [PLAIN, MIXED, b"x" * 3_000_000 + b"\r\n"],
            )
            self.check(
                client.store("1", "+FLAGS", "\\Deleted"), [b"1 (FLAGS (\\Flagged \\Deleted \\Recent))"]
            )
            self.check(client.copy("2", "Archive"))
            self.check(client.expunge(), [b"1"])
            self.check(client.uid("MOVE", "2:3", "Trash"))
            self.check(client.status("Trash", "(MESSAGES)"), [b"Trash (MESSAGES 2)"])
            self.check(client.create("Entw&APw-rfe"))
            self.check(client.list('""', "Entw*"), [b'(\\HasNoChildren) "/" Entw&APw-rfe'])
            self.check(client.delete("Entw&APw-rfe"))
            self.check(client.close())

    def check(self, answer, data=None):
        self.assertEqual(answer[0], "OK", answer)
        if data is not None:
            self.assertEqual(answer[1], data)
