"""Tests of ``mailframe mailbox check`` and ``mailframe mailbox repair``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import apsw

from tests.docs.pages import DOCS, commands

from .runner import ALICE, BOB, CommandTestCase

MESSAGE = "From a@b Mon Nov  2 10:00:00 2026\nSubject: {0}\n\nmessage {0}\n\n"


class CheckTests(CommandTestCase):
    """An account with thirty messages."""

    def setUp(self) -> None:
        """Make it."""
        super().setUp()
        self.make_service()
        old = self.place / "old.mbox"
        old.write_text("".join(map(MESSAGE.format, range(30))))
        self.on_service("import", ALICE, str(old))
        (self.catalogue,) = self.config.parent.rglob("alice/*.sqlite")

    def execute(self, statement: str) -> None:
        """Change the catalogue behind everybody's back."""
        connection = apsw.Connection(str(self.catalogue))
        connection.execute(statement)
        connection.close()

    def test_sound(self) -> None:
        """An account at work is sound; reading everything says how much was read."""
        (row,) = self.json_of("mailbox", "check", ALICE)
        self.assertEqual((row["account"], row["messages"], row["wrong"], row["octets"]), (ALICE, 30, 0, 0))
        (row,) = self.json_of("mailbox", "check", "--all", "--octets")
        self.assertEqual((row["messages"], row["differences"]), (30, []))
        self.assertGreater(row["octets"], 30 * 20)

    def test_wrong_figures(self) -> None:
        """What is wrong is told, with exit code 1, and is put right by repair."""
        self.execute("UPDATE mailboxes SET messages = 99, uidnext = 1 WHERE name = 'INBOX'")
        result = self.on_service("mailbox", "check", ALICE, code=1)
        self.assertIn(f"{ALICE}: INBOX: figures", result.stdout)
        self.assertIn(f"{ALICE}: 2 things are wrong.", result.output)
        found = json.loads(self.on_service("mailbox", "check", ALICE, "--json", code=1).stdout)
        self.assertEqual([one["kind"] for one in found[0]["differences"]], ["figures", "numbers"])
        self.assertIn("figures, put right", self.on_service("mailbox", "repair", ALICE).stdout)
        self.assertEqual(self.json_of("mailbox", "check", ALICE)[0]["wrong"], 0)
        self.assertEqual(self.json_of("mailbox", "list", ALICE)[0]["messages"], 30)

    def test_damaged_file(self) -> None:
        """A damaged catalogue is told, and made anew; the damaged file stays, and all mail is there."""
        octets = self.catalogue.read_bytes()
        self.catalogue.write_bytes(octets[:8192] + b"\x5a" * (len(octets) - 8192))
        result = self.on_service("mailbox", "check", ALICE, code=1)
        self.assertIn("mailframe mailbox repair makes it anew", result.stdout)
        result = self.on_service("mailbox", "repair", ALICE)
        self.assertIn("the file was made anew", result.stdout)
        self.assertEqual(self.json_of("mailbox", "list", ALICE)[0]["messages"], 30)
        self.assertTrue([name for name in os.listdir(self.catalogue.parent) if "damaged" in name])

    def test_rebuild(self) -> None:
        """A file that is whole is made anew when that is wanted, and loses nothing."""
        before = self.json_of("mailbox", "list", ALICE)
        (row,) = self.json_of("mailbox", "repair", ALICE, "--rebuild", "--octets")
        self.assertEqual((row["rows_kept"]["messages"], row["tables_with_losses"], row["left"]), (30, [], 0))
        self.assertTrue(Path(row["damaged_file"]).exists())
        self.assertEqual(self.json_of("mailbox", "list", ALICE), before)

    def test_page(self) -> None:
        """The commands of the page do what it says."""
        lines = [
            line.replace("alice@example.org", ALICE).split() for line in commands(DOCS / "mailboxes.rst")
        ]
        wanted = [line[1:] for line in lines if line[2] in ("check", "repair")]
        self.assertEqual(len(wanted), 4)
        for words in wanted:
            self.on_service(*words)

    def test_nobody(self) -> None:
        """An account without mail is not made; accounts must be named."""
        self.assertIn(f"{BOB} has no mail", self.on_service("mailbox", "check", BOB, code=1).output)
        self.assertIn("Name accounts", self.on_service("mailbox", "repair", code=1).output)
