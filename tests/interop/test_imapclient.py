"""IMAPClient, which many Python programs use: a day's work with it."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

from .outside import ClientCase, counted, letter
from .service import PASSWORD, node, trust

PLACE = os.environ.get("MAILFRAME_PYTHON", "/opt/mailframe-interop/python")


class IMAPClientTests(ClientCase):
    """One client over TLS."""

    account = "imapclient@example.test"

    def setUp(self) -> None:
        """Logged in."""
        super().setUp()
        sys.path.append(PLACE)
        self.addCleanup(sys.path.remove, PLACE)
        self.client = self.session()

    def session(self) -> Any:
        """A new session."""
        from imapclient import IMAPClient

        client = IMAPClient("localhost", node().ports["imaps"], ssl_context=trust(), timeout=30)
        self.addCleanup(client.shutdown)
        client.login(self.account, PASSWORD)
        return client

    def test_mailboxes(self) -> None:
        """Names with umlauts, children, subscriptions, and the mailboxes with a special use."""
        for name in ("Entwürfe & mehr", "Plans", "Plans/2026", "日本語"):
            self.client.create_folder(name)
        names = {name for _, _, name in self.client.list_folders()}
        self.assertLessEqual({"Entwürfe & mehr", "Plans", "Plans/2026", "日本語", "INBOX"}, names)
        self.client.rename_folder("Plans", "Ideas")
        self.assertTrue(self.client.folder_exists("Ideas/2026"))
        self.assertFalse(self.client.folder_exists("Plans/2026"))
        self.client.subscribe_folder("日本語")
        self.assertIn("日本語", {name for _, _, name in self.client.list_sub_folders()})
        self.client.delete_folder("Entwürfe & mehr")
        self.assertLessEqual({"Ideas", "Ideas/2026", "&ZeVnLIqe-"}, set(self.mailboxes()))
        self.assertFalse([name for name in self.mailboxes() if name.startswith("Entw")])
        self.assertIsNotNone(self.client.find_special_folder(b"\\Sent"))
        self.assertEqual(self.client.namespace().personal[0], ("", "/"))

    def test_messages(self) -> None:
        """APPEND, FETCH, flags, labels of its own, SEARCH, SORT, THREAD, COPY, MOVE, EXPUNGE."""
        self.client.create_folder("Done")
        at = datetime(2026, 11, 2, 10, tzinfo=UTC)
        for name in ("one", "two", "three", "four"):
            answer = self.client.append("INBOX", letter(name), flags=[b"\\Draft"], msg_time=at)
            self.assertIn(b"APPENDUID", answer)
        self.assertEqual(self.client.select_folder("INBOX")[b"EXISTS"], 4)
        uids = self.client.search("ALL")
        data = self.client.fetch(uids, ["FLAGS", "ENVELOPE", "RFC822.SIZE", "INTERNALDATE", "BODY.PEEK[]"])
        for uid, name in zip(uids, ("one", "two", "three", "four"), strict=True):
            row = data[uid]
            self.assertEqual(row[b"BODY[]"], letter(name))
            self.assertEqual(row[b"RFC822.SIZE"], len(letter(name)))
            self.assertEqual(row[b"ENVELOPE"].message_id, f"<{name}@clients.example.test>".encode())
            self.assertEqual(row[b"INTERNALDATE"].astimezone(UTC).replace(tzinfo=UTC), at)
        self.client.remove_flags(uids, [b"\\Draft"])
        self.client.add_flags(uids[0], [b"\\Flagged", b"$Work"])
        self.client.set_flags(uids[1], [b"\\Seen"])
        self.assertEqual(self.client.search(["KEYWORD", "$Work"]), [uids[0]])
        self.assertEqual(
            self.client.search(["TEXT", "Schöne", "UNSEEN"], charset="UTF-8"), [uids[0], *uids[2:]]
        )
        self.assertEqual(self.client.sort("SUBJECT"), [uids[3], uids[0], uids[2], uids[1]])
        self.assertEqual(len(self.client.thread("REFERENCES")), 4)
        self.client.copy(uids[0], "Done")
        self.client.move(uids[1], "Done")
        self.client.delete_messages(uids[2])
        self.client.expunge([uids[2]])
        self.assert_letters("INBOX", "one", "four")
        self.assert_letters("Done", "one", "two")
        self.assertEqual(self.flags("INBOX"), {"one": {"\\Flagged", "$Work"}, "four": set()})
        self.assertEqual(self.flags("Done"), {"one": {"\\Flagged", "$Work"}, "two": {"\\Seen"}})
        self.assertEqual(
            self.client.folder_status("Done", ["MESSAGES", "UNSEEN"]), {b"MESSAGES": 2, b"UNSEEN": 1}
        )

    def test_idle(self) -> None:
        """It is told at once of mail that came in."""
        before = counted("idle")
        self.client.select_folder("INBOX")
        self.client.idle()
        self.deliver("news")
        until, told = time.monotonic() + 5, []
        while (1, b"EXISTS") not in told and time.monotonic() < until:
            told += self.client.idle_check(timeout=1)
        self.assertIn((1, b"EXISTS"), told)
        self.client.idle_done()
        self.client.noop()
        self.assertGreater(counted("idle"), before)

    def test_quota_and_identity(self) -> None:
        """QUOTA and ID are answered in the shape that it reads."""
        self.assertIn("name", {key.decode() if isinstance(key, bytes) else key for key in self._identity()})
        self.assertTrue(self.client.has_capability("QUOTA"))
        self.client.get_quota_root("INBOX")

    def test_own_quota(self) -> None:
        """Limits of one's own are set, kept and taken off again."""
        from imapclient.imapclient import Quota

        self.assertTrue(self.client.has_capability("QUOTASET"))
        limits = [Quota("", "STORAGE", 0, 1000), Quota("", "MESSAGE", 0, 7)]
        for found in (self.client.set_quota(limits), self.session().get_quota()):
            self.assertEqual(
                [(one.resource, one.limit) for one in found], [("STORAGE", 1000), ("MESSAGE", 7)]
            )
        self.assertEqual(self.client._imap.setquota('""', "()"), ("OK", [None]))

    def _identity(self) -> list[Any]:
        rows = self.client.id_({"name": "IMAPClient"})
        return list(rows[0])

    def test_wrong_password(self) -> None:
        """A wrong password is its own kind of error."""
        from imapclient import IMAPClient
        from imapclient.exceptions import LoginError

        client = IMAPClient("localhost", node().ports["imaps"], ssl_context=trust(), timeout=30)
        self.addCleanup(client.shutdown)
        self.assertRaises(LoginError, client.login, self.account, "wrong")
