"""curl, which scripts use: single commands of IMAP and POP3 by URL."""

from __future__ import annotations

import re
from pathlib import Path

from .outside import ClientCase, letter
from .service import PASSWORD, node, run


class CurlTests(ClientCase):
    """Each call is a session of its own."""

    account = "curl@example.test"

    def curl(self, scheme: str, path: str, *options: str | Path, ok: tuple[int, ...] = (0,)) -> bytes:
        """Call it; what it printed."""
        url = f"{scheme}://localhost:{node().ports[scheme]}/{path}"
        user = f"{self.account}:{PASSWORD}"
        return run(
            "curl", "-sS", "--ssl-reqd", "--cacert", node().certificate, "-u", user, *options, url, ok=ok
        )

    def test_list(self) -> None:
        """Mailboxes, and what EXAMINE says of one."""
        self.fill("Desk", "one", "two")
        self.assertIn(b'"/" Desk\r\n', self.curl("imaps", "").replace(b'"Desk"', b"Desk"))
        self.assertIn(b"* 2 EXISTS", self.curl("imaps", "", "-X", "EXAMINE Desk"))
        self.assertIn(b"MESSAGES 2", self.curl("imap", "", "-X", "STATUS Desk (MESSAGES)"))

    def test_fetch(self) -> None:
        """A whole message, by UID and by number, a section, and a part of one."""
        self.fill("Desk", "one", "two")
        for scheme in ("imap", "imaps"):
            self.assertEqual(self.curl(scheme, "Desk;UID=2"), letter("two"))
            self.assertEqual(self.curl(scheme, "Desk;MAILINDEX=1"), letter("one"))
        head, _, body = letter("one").partition(b"\r\n\r\n")
        self.assertEqual(self.curl("imaps", "Desk;UID=1/;SECTION=TEXT"), body)
        self.assertEqual(self.curl("imaps", "Desk;UID=1/;SECTION=HEADER"), head + b"\r\n\r\n")
        subject = self.curl("imaps", "Desk;UID=1/;SECTION=HEADER.FIELDS%20(SUBJECT)")
        self.assertRegex(subject, rb"^Subject: [^\r]* one\r\n\r\n$")
        validity = re.search(rb"UIDVALIDITY (\d+)", self.curl("imaps", "", "-X", "EXAMINE Desk"))[1].decode()
        self.assertEqual(self.curl("imaps", f"Desk;UIDVALIDITY={validity};UID=2"), letter("two"))
        # 78: there is no such message, or the mailbox is another one by now.
        self.assertEqual(self.curl("imaps", f"Desk;UIDVALIDITY={int(validity) + 1};UID=2", ok=(78,)), b"")
        self.curl("imaps", "Desk;UID=9", ok=(78,))

    def test_search(self) -> None:
        """SEARCH by query."""
        self.fill("Desk", "one", "two", "three")
        self.assertIn(b"* SEARCH 3\r\n", self.curl("imaps", "Desk?SUBJECT%20three"))
        self.assertIn(b"* SEARCH 1 2 3\r\n", self.curl("imaps", "Desk?ALL"))

    def test_append_and_remove(self) -> None:
        """-T appends; STORE, UID MOVE and EXPUNGE are sent as they are given."""
        self.fill("Desk")
        self.fill("Done")
        for name in ("one", "two"):
            file = self.place / name
            file.write_bytes(letter(name))
            self.curl("imaps", "Desk", "-T", file)
        self.assert_letters("Desk", "one", "two")
        self.curl("imaps", "Desk", "-X", "STORE 1 +FLAGS (\\Flagged)")
        self.assertIn("\\Flagged", self.flags("Desk")["one"])
        self.curl("imaps", "Desk", "-X", "UID MOVE 2 Done")
        self.assert_letters("Done", "two")
        self.curl("imaps", "Desk", "-X", "STORE 1 +FLAGS (\\Deleted)")
        self.curl("imaps", "Desk", "-X", "EXPUNGE")
        self.assertEqual(self.rows("Desk"), [])
        self.curl("imaps", "Missing", "-T", self.place / "one", ok=(25,))

    def test_pop3(self) -> None:
        """LIST, UIDL, RETR, TOP, DELE."""
        self.fill("INBOX", "one", "two", "three")
        for scheme in ("pop3", "pop3s"):
            listed = self.curl(scheme, "").split()
            self.assertEqual(
                [int(size) for size in listed[1::2]], [len(letter(n)) for n in ("one", "two", "three")]
            )
            self.assertEqual(self.curl(scheme, "2"), letter("two"))
        uids = dict(row.split() for row in self.curl("pop3s", "", "-X", "UIDL").splitlines())
        self.assertEqual(len(set(uids.values())), 3)
        head = letter("three").partition(b"\r\n\r\n")[0]
        self.assertEqual(self.curl("pop3s", "", "-X", "TOP 3 0").rstrip(), head.rstrip())
        self.curl("pop3s", "1", "-X", "DELE", "-I")
        self.assert_letters("INBOX", "two", "three")
        after = dict(row.split() for row in self.curl("pop3s", "", "-X", "UIDL").splitlines())
        self.assertEqual([after[b"1"], after[b"2"]], [uids[b"2"], uids[b"3"]])

    def test_refused(self) -> None:
        """A wrong password is its error 67, in both protocols."""
        for scheme in ("imaps", "pop3s"):
            self.curl(scheme, "", "-u", f"{self.account}:wrong", ok=(67,))
