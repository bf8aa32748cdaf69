"""Tests of ``mailframe mailbox adopt``."""

from __future__ import annotations

import json

from .runner import ALICE, BOB, CommandTestCase


class AdoptionCommandTestCase(CommandTestCase):
    """Dovecot has kept ALICE's mail so far."""

    def setUp(self) -> None:
        """A service that has not run yet, and Dovecot's tree where it has its accounts."""
        super().setUp()
        self.make_service()
        self.tree = self.config.parent / "data" / "mail" / "example.test" / "alice"
        for folder in ("", ".Work"):
            for name in ("cur", "new", "tmp"):
                (self.tree / folder / name).mkdir(parents=True)
            (self.tree / folder / "cur" / "1600000001.a.host:2,Sa").write_bytes(b"Subject: a\n\none\n")
            (self.tree / folder / "new" / "1600000002.b.host").write_bytes(b"Subject: b\n\ntwo\n")
            listed = "3 V1234567 N9 G3085f01b7f11094c501100008c4a11c1\n7 Pold :1600000001.a.host\n"
            (self.tree / folder / "dovecot-uidlist").write_text(listed)
            (self.tree / folder / "dovecot-keywords").write_text("0 Important\n")
        (self.tree / "subscriptions").write_text("V\t2\n\nWork\n")


class AdoptTests(AdoptionCommandTestCase):
    """What would be taken over is told of, and taken over."""

    def files(self) -> list[str]:
        """What is there."""
        return sorted(str(path) for path in self.tree.rglob("*"))

    def test_dry_run(self) -> None:
        """It says what would be taken over, and changes nothing."""
        before = self.files()
        (found,) = self.json_of("mailbox", "adopt", ALICE, "--dry-run")
        self.assertEqual(self.files(), before)
        self.assertEqual((found["account"], found["known"], found["subscriptions"]), (ALICE, False, ["Work"]))
        inbox, work = found["folders"]
        expected = {
            "mailbox": "INBOX", "folder": "", "program": "dovecot", "known": False, "uidvalidity": 1234567,
            "uidnext": 9, "messages": 2, "uids_kept": 1, "keywords": ["Important"], "uidls_kept": 1,
        }  # fmt: skip
        self.assertEqual(inbox, expected)
        self.assertEqual((work["mailbox"], work["uidls_kept"], work["uids_kept"]), ("Work", 0, 1))
        shown = self.on_service("mailbox", "adopt", "--all", "--dry-run").stdout
        for word in ("dovecot", "1234567", "Important", "subscribed: Work", "would be taken over"):
            self.assertIn(word, shown)

    def test_adopt(self) -> None:
        """What was announced is done; a second time there is nothing to do."""
        self.assertIn("  taken over", self.on_service("mailbox", "adopt", ALICE).stdout)
        status = self.json_of_status("Work")
        self.assertEqual((status["uidvalidity"], status["uidnext"], status["messages"]), (1234567, 10, 2))
        self.assertIn("known already", self.on_service("mailbox", "adopt", ALICE).stdout)
        (found,) = self.json_of("mailbox", "adopt", ALICE, "--dry-run")
        self.assertEqual((found["known"], found["subscriptions"]), (True, None))
        self.assertTrue(all(folder["known"] for folder in found["folders"]))

    def json_of_status(self, name: str) -> dict[str, int]:
        """The figures of a mailbox."""

        found: dict[str, int] = json.loads(self.on_service("mailbox", "status", ALICE, name).stdout)
        return found

    def test_refused(self) -> None:
        """Nobody's Maildir, another backend and an option that says no are told of, each with its reason."""
        self.assertIn(f"no Maildir of {BOB}", self.on_service("mailbox", "adopt", BOB, code=1).stderr)
        self.assertIn("Name accounts", self.on_service("mailbox", "adopt", code=1).stderr)
        text = self.config.read_text()
        self.config.write_text(text + "\n[store.maildir]\nadopt = false\n")
        self.assertIn("adopt is false", self.on_service("mailbox", "adopt", ALICE, code=1).stderr)
        self.config.write_text(text.replace('backend = "maildir"', 'backend = "memory"', 1))
        self.assertIn("Only Maildirs", self.on_service("mailbox", "adopt", ALICE, code=1).stderr)
