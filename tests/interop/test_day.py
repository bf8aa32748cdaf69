"""A whole day of an IMAP user, with Python's imaplib, and what another session sees of it."""

from __future__ import annotations

import contextlib
import imaplib
import re
import secrets
import smtplib
import socket
import time
from collections.abc import Callable

from twisted.trial.unittest import TestCase

from . import service
from .service import DAVE, PASSWORD, node, trust

MESSAGE = (
    b"From: Bob <bob@example.test>\r\nTo: Dave <dave@example.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= %d\r\n"
    b"Date: Mon, 02 Nov 2026 10:%02d:00 +0100\r\nMessage-ID: <%d@day.example.test>\r\n\r\nNumber %d.\r\n.\r\nEnd.\r\n"
)


def message(number: int) -> bytes:
    """One message; same number, same octets."""
    return MESSAGE % (number, number, number, number)


class DayTests(TestCase):
    """One account in two sessions: one works, one watches."""

    skip = service.SKIP
    timeout = 120

    def setUp(self) -> None:
        """Two sessions over TLS."""
        self.client = self.session()
        self.watcher = self.session()

    def session(self) -> imaplib.IMAP4:
        """A session of dave's."""
        client = imaplib.IMAP4_SSL("localhost", node().ports["imaps"], ssl_context=trust(), timeout=30)
        self.addCleanup(self.end, client)
        client.login(DAVE, PASSWORD)
        return client

    def end(self, client: imaplib.IMAP4) -> None:
        """Log out, unless that was done or cannot be done any more."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            client.logout()

    def do(self, call: Callable[..., tuple[str, list[object]]], *arguments: str | bytes) -> list[object]:
        """A command that must be answered OK; the data that comes with it."""
        kind, data = call(*arguments)
        self.assertEqual(kind, "OK", (arguments, data))
        return data

    def mailboxes(self) -> dict[str, set[str]]:
        """All mailboxes with their attributes."""
        found = {}
        for row in self.do(self.client.list):
            attributes, name = re.fullmatch(rb'\(([^)]*)\) "." "?([^"]*)"?', row).groups()
            found[name.decode()] = set(attributes.decode().split())
        return found

    def uids(self, *criteria: str) -> list[str]:
        """UIDs by SEARCH."""
        return self.do(self.client.uid, "SEARCH", *criteria)[0].decode().split()

    def flags(self, client: imaplib.IMAP4) -> dict[str, set[str]]:
        """Flags by UID."""
        rows = self.do(client.uid, "FETCH", "1:*", "(UID FLAGS)")
        found = {}
        for row in filter(None, rows):
            flags = imaplib.ParseFlags(row)
            found[re.search(rb"UID (\d+)", row)[1].decode()] = {flag.decode() for flag in flags} - {
                "\\Recent"
            }
        return found

    def append(self, mailbox: str, number: int, flags: str = "") -> str:
        """APPEND; the UID that it tells."""
        data = self.do(self.client.append, mailbox, flags, '"02-Nov-2026 10:00:00 +0100"', message(number))
        return re.search(rb"APPENDUID \d+ (\d+)", data[0])[1].decode()

    def test_mailboxes(self) -> None:
        """CREATE, RENAME with children, SUBSCRIBE, DELETE, STATUS; names with umlauts and blanks."""
        for name in ("Plans", "Plans/2026", "Plans/Entw&APw-rfe", '"Old things"'):
            self.do(self.client.create, name)
        self.assertEqual(self.client.create("Plans")[0], "NO")
        self.append("Plans/2026", 1, "(\\Seen)")
        self.append("Plans/2026", 2)
        validity = self.do(self.client.status, "Plans/2026", "(UIDVALIDITY)")
        self.do(self.client.rename, "Plans", "Ideas")
        names = self.mailboxes()
        self.assertLessEqual({"Ideas", "Ideas/2026", "Ideas/Entw&APw-rfe", "Old things", "INBOX"}, set(names))
        self.assertNotIn("Plans/2026", names)
        status = self.do(self.client.status, "Ideas/2026", "(MESSAGES UNSEEN UIDNEXT)")[0]
        self.assertIn(b"MESSAGES 2", status)
        self.assertIn(b"UNSEEN 1", status)
        self.assertIn(b"UIDNEXT 3", status)
        after = self.do(self.client.status, "Ideas/2026", "(UIDVALIDITY)")
        self.assertEqual(after[0].split()[-1], validity[0].split()[-1], "RENAME keeps UIDVALIDITY")
        self.do(self.client.subscribe, "Ideas/2026")
        self.assertIn(b"Ideas/2026", b"".join(self.do(self.client.lsub)))
        self.do(self.client.unsubscribe, "Ideas/2026")
        for name in ("Ideas/2026", "Ideas/Entw&APw-rfe", "Ideas", '"Old things"'):
            self.do(self.client.delete, name)
        self.assertFalse({name for name in self.mailboxes() if name.startswith(("Ideas", "Old"))})
        self.assertEqual(self.client.delete("INBOX")[0], "NO")

    def test_special_use(self) -> None:
        """Clients find Drafts, Sent, Junk and Trash by their use."""
        self.assertIn(b"SPECIAL-USE", self.do(self.client.capability)[0])
        uses = {
            use: name
            for name, attributes in self.mailboxes().items()
            for use in attributes & {"\\Drafts", "\\Sent", "\\Junk", "\\Trash"}
        }
        self.assertEqual(set(uses), {"\\Drafts", "\\Sent", "\\Junk", "\\Trash"})
        for name in uses.values():
            self.do(self.client.select, f'"{name}"')

    def test_messages(self) -> None:
        """APPEND, flags, SEARCH, COPY, UID MOVE, EXPUNGE, seen alike by a second session."""
        for name in ("Desk", "Done"):
            self.do(self.client.create, name)
        uids = [self.append("Desk", number) for number in range(10)]
        self.do(self.client.select, "Desk")
        self.do(self.watcher.select, "Desk")
        self.assertEqual(uids, self.uids("ALL"))
        for number, uid in enumerate(uids):
            rows = self.do(self.client.uid, "FETCH", uid, "(RFC822.SIZE BODY.PEEK[])")
            self.assertEqual(rows[0][1], message(number))
            self.assertIn(b"RFC822.SIZE %d" % len(message(number)), rows[0][0])

        self.do(self.client.uid, "STORE", f"{uids[0]}:{uids[2]}", "+FLAGS", "(\\Seen $Important)")
        self.do(self.client.uid, "STORE", uids[1], "-FLAGS", "(\\Seen)")
        self.do(self.client.uid, "STORE", uids[3], "FLAGS", "(\\Flagged \\Answered)")
        self.do(self.watcher.noop)
        expected: dict[str, set[str]] = {uid: set() for uid in uids} | {
            uids[0]: {"\\Seen", "$Important"}, uids[1]: {"$Important"}, uids[2]: {"\\Seen", "$Important"},
            uids[3]: {"\\Flagged", "\\Answered"},
        }  # fmt: skip
        self.assertEqual(self.flags(self.client), expected)
        self.assertEqual(self.flags(self.watcher), expected)

        self.assertEqual(self.uids("SEEN"), [uids[0], uids[2]])
        self.assertEqual(self.uids("KEYWORD", "$Important", "UNSEEN"), [uids[1]])
        self.assertEqual(self.uids("BODY", '"Number 7."'), [uids[7]])
        self.assertEqual(self.uids("HEADER", "Message-ID", "<4@day.example.test>"), [uids[4]])
        self.assertEqual(self.uids("SENTSINCE", "2-Nov-2026", "SENTBEFORE", "3-Nov-2026"), uids)
        self.assertEqual(self.uids("SINCE", "3-Nov-2026"), [])

        self.do(self.client.uid, "COPY", f"{uids[0]},{uids[3]}", "Done")
        self.assertRegex(self.client.untagged_responses.get("COPYUID", [b""])[0], rb"^\d+ %s,%s 1:2$" % (
            uids[0].encode(), uids[3].encode()))  # fmt: skip
        self.do(self.client.uid, "MOVE", f"{uids[4]}:{uids[6]}", "Done")
        self.do(self.client.uid, "STORE", uids[9], "+FLAGS", "(\\Deleted)")
        self.do(self.client.expunge)
        left = [uid for number, uid in enumerate(uids) if number not in (4, 5, 6, 9)]
        self.assertEqual(self.uids("ALL"), left)
        self.do(self.watcher.noop)
        self.assertEqual(list(self.flags(self.watcher)), left)

        self.do(self.client.select, "Done")
        moved = self.do(self.client.uid, "FETCH", "1:*", "(BODY.PEEK[])")
        bodies = [row[1] for row in moved if isinstance(row, tuple)]
        self.assertEqual(bodies, [message(number) for number in (0, 3, 4, 5, 6)])
        self.assertEqual(
            list(self.flags(self.client).values()),
            [{"\\Seen", "$Important"}, {"\\Flagged", "\\Answered"}, set(), set(), set()],
        )
        for name in ("Done", "Desk"):
            self.do(self.client.delete, name)

    def test_idle(self) -> None:
        """A message that arrives by SMTP, and a flag another session sets, are told to an idling client at once."""
        for worker in range(4):
            # Whichever workers the two connections fall to.
            with self.subTest(worker=worker):
                self._idle()

    def _idle(self) -> None:
        client = self.session()
        self.do(client.select, "INBOX")
        before = int(client.untagged_responses["EXISTS"][0])
        client.send(b"idle1 IDLE\r\n")
        self.assertTrue(client.readline().startswith(b"+ "))
        with smtplib.SMTP("127.0.0.1", node().ports["smtp"], "client.test", timeout=30) as sender:
            began = time.monotonic()
            subject = secrets.token_hex(8)
            sender.sendmail("joe@sender.test", [DAVE], f"Subject: {subject}\r\n\r\nwake up\r\n".encode())
        self._until(client, b"* %d EXISTS" % (before + 1))
        self.assertLess(time.monotonic() - began, 3.0)
        self.do(self.client.select, "INBOX")
        self.do(self.client.store, str(before + 1), "+FLAGS", "(\\Flagged)")
        self._until(client, b"* %d FETCH" % (before + 1), b"\\Flagged")
        self.do(self.client.store, str(before + 1), "+FLAGS", "(\\Deleted)")
        self.do(self.client.expunge)
        self._until(client, b"* %d EXPUNGE" % (before + 1))
        client.send(b"DONE\r\n")
        self._until(client, b"idle1 OK")
        client.logout()

    def _until(self, client: imaplib.IMAP4, *words: bytes) -> None:
        client.sock.settimeout(5)
        try:
            while True:
                line = client.readline()
                self.assertTrue(line, "the connection ended")
                if all(word in line for word in words):
                    return
        except TimeoutError:
            self.fail(f"{words} was not told within 5 s")

    def test_two_writers(self) -> None:
        """Two sessions append at once, thirty each: each message has a UID of its own, and all are there."""
        self.do(self.client.create, "Both")
        sockets: list[socket.socket] = [self.client.sock, self.watcher.sock]
        for session in sockets:
            session.sendall(b"".join(
                b"t%d APPEND Both {%d+}\r\n%b\r\n" % (number, len(message(number)), message(number)) for number in range(30)
            ))  # fmt: skip
        found = []
        for session in sockets:
            answer = b""
            while answer.count(b"\r\n") < 30 or not re.search(rb"^t29 ", answer, re.M):
                answer += session.recv(65536)
            found += re.findall(rb"^t\d+ OK \[APPENDUID \d+ (\d+)\]", answer, re.M)
        self.assertEqual(sorted(map(int, found)), list(range(1, 61)))
        checker = self.session()
        self.assertEqual(checker.select("Both"), ("OK", [b"60"]))
        checker.close()
        self.do(checker.delete, "Both")
