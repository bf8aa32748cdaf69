"""Tests of ``mailframe mailbox texts``."""

from __future__ import annotations

import json

from .runner import ALICE, BOB, CommandTestCase

MESSAGE = "From a@b Mon Nov  2 10:00:00 2026\nSubject: {0}\n\nmessage {0}\n\n"


class TextsTests(CommandTestCase):
    """An account with a hundred messages."""

    def setUp(self) -> None:
        """Make it."""
        super().setUp()
        self.make_service()
        old = self.place / "old.mbox"
        old.write_text("".join(map(MESSAGE.format, range(100))))
        self.on_service("import", ALICE, str(old))

    def test_fill(self) -> None:
        """An administrator sees what is missing in an index, and puts it in."""
        self.assertEqual(
            [
                (row["account"], row["messages"], row["missing"])
                for row in self.json_of("mailbox", "texts", ALICE)
            ],
            [(ALICE, 0, 100)],
        )
        (row,) = self.json_of("mailbox", "texts", "--all", "--fill")
        self.assertEqual((row["account"], row["messages"], row["missing"]), (ALICE, 100, 0))
        self.assertGreater(row["octets"], 0)
        self.assertIn("octets", self.on_service("mailbox", "texts", ALICE).stdout)

    def test_status(self) -> None:
        """The figures of a mailbox have those of the account's index with them."""
        before = json.loads(self.on_service("mailbox", "status", ALICE).stdout)["texts"]
        self.assertEqual((before["messages"], before["missing"]), (0, 100))
        self.on_service("mailbox", "texts", ALICE, "--fill")
        after = json.loads(self.on_service("mailbox", "status", ALICE, "INBOX").stdout)["texts"]
        self.assertEqual((after["messages"], after["missing"]), (100, 0))
        self.assertGreater(after["octets"], 100 * len(MESSAGE))

    def test_switched_off(self) -> None:
        """Where no texts are kept, that is said."""
        with self.config.open("a") as file:
            file.write("\n[store.maildir]\nfull_text = false\n")
        self.assertIn("full_text is false", self.on_service("mailbox", "texts", ALICE, code=1).output)
        self.assertIsNone(json.loads(self.on_service("mailbox", "status", ALICE).stdout)["texts"])

    def test_no_account(self) -> None:
        """An account without mail has no index, and gets none."""
        self.assertIn("no mail", self.on_service("mailbox", "texts", BOB, code=1).stderr)
