"""OfflineIMAP keeps an account and a tree of Maildirs alike, both ways."""

from __future__ import annotations

import os
from pathlib import Path

from .outside import ClientCase, counted, letter, name_of
from .service import PASSWORD, node, run


class OfflineIMAPTests(ClientCase):
    """A tree here, an account there, changed on both sides in turn."""

    account = "offlineimap@example.test"

    def setUp(self) -> None:
        """Both are empty."""
        super().setUp()
        self.near = self.place / "mail"
        self.rc = self.place / "offlineimaprc"
        self.rc.write_text(
            f"[general]\naccounts = a\nmetadata = {self.place}/metadata\nui = quiet\n"
            "[Account a]\nlocalrepository = near\nremoterepository = far\n"
            f"[Repository near]\ntype = Maildir\nlocalfolders = {self.near}\nsep = /\nutf8foldernames = no\n"
            f"[Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = {node().ports['imaps']}\nssl = yes\n"
            f"sslcacertfile = {node().certificate}\nremoteuser = {self.account}\nremotepass = {PASSWORD}\n"
            "usecompression = yes\nmaxconnections = 2\n"
            "folderfilter = lambda name: name in ('INBOX', 'Desk', 'Desk/2026', 'Made here')\n"
        )

    def synchronise(self) -> None:
        """One run."""
        run(
            "offlineimap", "-o", "-c", self.rc,
            env={"HOME": str(self.place), "PATH": os.environ["PATH"] + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    def files(self, mailbox: str) -> dict[str, Path]:
        """Local files by the name in the message."""
        found: dict[str, Path] = {}
        for part in ("new", "cur"):
            for file in (self.near / mailbox / part).iterdir():
                name = name_of(file.read_bytes())
                self.assertNotIn(name, found, "a message is there twice")
                found[name] = file
        return found

    def put(self, mailbox: str, name: str, flags: str = "") -> None:
        """A new local file, as a local mail program puts it there."""
        folder = self.near / mailbox
        for part in ("cur", "new", "tmp"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "cur" / f"1.{name}.near:2,{flags}").write_bytes(letter(name).replace(b"\r\n", b"\n"))

    def flag(self, mailbox: str, name: str, flags: str) -> None:
        """Other flags on a local file."""
        file = self.files(mailbox)[name]
        file.rename(self.near / mailbox / "cur" / (file.name.partition(":")[0] + f":2,{flags}"))

    def assert_alike(self, mailbox: str, expected: dict[str, set[str]]) -> None:
        """Both sides have these messages, with these flags and the text as it was."""
        letters = {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D"}
        self.assertEqual(self.flags(mailbox), expected)
        near = self.files(mailbox)
        self.assertEqual(set(near), set(expected))
        for name, file in near.items():
            _, _, here = file.name.partition(":2,")
            self.assertEqual(set(here), {letters[flag] for flag in expected[name]}, name)
            body = letter(name).replace(b"\r\n", b"\n").partition(b"\n\n")[2]
            self.assertEqual(file.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[2], body)
        for octets, _ in self.rows(mailbox):
            # It marks what it appends where the server could not tell UIDs; ours can.
            self.assertEqual(octets, letter(name_of(octets)))

    def test_both_ways(self) -> None:
        """Messages, flags, expunges and mailboxes travel from either side to the other, compressed."""
        before = counted("compress")
        self.fill("INBOX", "one", "two", flags="(\\Seen)")
        self.fill("Desk", "three")
        self.fill("Desk/2026", "four")
        self.synchronise()
        self.assert_alike("INBOX", {"one": {"\\Seen"}, "two": {"\\Seen"}})
        self.assert_alike("Desk", {"three": set()})
        self.assert_alike("Desk/2026", {"four": set()})
        self.assertGreater(counted("compress"), before)

        self.put("INBOX", "five", "FS")
        self.put("Made here", "six")
        self.flag("INBOX", "one", "FRS")
        self.outside.select("Desk")
        self.outside.store("1", "+FLAGS", "(\\Flagged)")
        self.outside.unselect()
        self.synchronise()
        flags = {
            "one": {"\\Seen", "\\Flagged", "\\Answered"},
            "two": {"\\Seen"},
            "five": {"\\Flagged", "\\Seen"},
        }
        self.assert_alike("INBOX", flags)
        self.assert_alike("Desk", {"three": {"\\Flagged"}})
        self.assert_alike("Made here", {"six": set()})

        # One goes on either side; one is moved there.
        self.files("INBOX")["two"].unlink()
        self.outside.select("INBOX")
        uid = self.outside.uid("SEARCH", "HEADER", "Message-ID", "one@")[1][0].decode()
        self.outside.uid("MOVE", uid, "Desk")
        self.outside.unselect()
        self.synchronise()
        self.assert_alike("INBOX", {"five": {"\\Flagged", "\\Seen"}})
        self.assert_alike("Desk", {"three": {"\\Flagged"}, "one": {"\\Seen", "\\Flagged", "\\Answered"}})
        self.synchronise()
        self.assert_alike("INBOX", {"five": {"\\Flagged", "\\Seen"}})
