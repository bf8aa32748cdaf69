"""Tests of ``mailframe import``, ``export`` and ``mailbox convert``."""

from __future__ import annotations

import tarfile

from .runner import ALICE, BOB, CommandTestCase

OLD = (
    b"From a@b Mon Nov  2 10:00:00 2026\nSubject: 1\n\none\n\n"
    b"From c@d Mon Nov  2 11:00:00 2026\nStatus: RO\nSubject: 2\n\ntwo\n"
)


class TransferCommandTestCase(CommandTestCase):
    """A service with two accounts, and an mbox file of another program."""

    def setUp(self) -> None:
        """Make them."""
        super().setUp()
        self.make_service()
        self.old = self.place / "old.mbox"
        self.old.write_bytes(OLD)


class ImportExportTests(TransferCommandTestCase):
    """Mail goes in and out of a service that does not run."""

    def test_mbox(self) -> None:
        """A file is imported; a second time nothing comes twice."""
        result = self.on_service("import", ALICE, str(self.old), "--into", "Old/mail", "--verify")
        self.assertIn("imported 2 messages", result.stdout)
        facts = self.json_of("import", ALICE, str(self.old), "--into", "Old/mail")
        self.assertEqual(facts["messages"], 0)
        self.assertEqual((facts["mailboxes"][0]["name"], facts["mailboxes"][0]["kept"]), ("Old/mail", 2))

    def test_archive(self) -> None:
        """An archive of one account is another account's mail, with UIDs; what is in it can be looked at by tar."""
        self.on_service("import", ALICE, str(self.old))
        archive = self.place / "alice.tar"
        facts = self.json_of("export", ALICE, str(archive), "--verify")
        self.assertEqual((facts["messages"], facts["differences"]), (2, []))
        with tarfile.open(archive) as container:
            self.assertIn("end.json", container.getnames())
        facts = self.json_of("import", BOB, str(archive), "--verify")
        inbox = next(one for one in facts["mailboxes"] if one["name"] == "INBOX")
        self.assertEqual((inbox["messages"], inbox["uids_kept"]), (2, True))

    def test_maildir(self) -> None:
        """A Maildir tree goes out and comes in."""
        self.on_service("import", ALICE, str(self.old))
        tree = self.place / "tree"
        self.on_service("export", ALICE, str(tree), "--format", "maildir", "--mailbox", "INBOX")
        self.assertTrue((tree / "dovecot-uidlist").exists())
        self.assertEqual(self.json_of("import", BOB, str(tree), "--dry-run")["messages"], 2)
        self.assertEqual(self.json_of("import", BOB, str(tree))["messages"], 2)
        self.assertIn(
            "there already", self.on_service("export", ALICE, str(tree), "--format", "maildir", code=1).stderr
        )

    def test_damaged_archive(self) -> None:
        """A dry import proves an archive; a damaged one is told of."""
        self.on_service("import", ALICE, str(self.old))
        archive = self.place / "alice.tar"
        self.on_service("export", ALICE, str(archive))
        octets = bytearray(archive.read_bytes())
        octets[octets.index(b"one\r\n")] ^= 1
        archive.write_bytes(octets)
        self.assertIn("damaged", self.on_service("import", BOB, str(archive), "--dry-run", code=1).stderr)

    def test_standard_output(self) -> None:
        """An archive can go through a pipe; nothing else is written there."""
        self.on_service("import", ALICE, str(self.old))
        result = self.on_service("export", ALICE, "-")
        self.assertTrue(result.stdout_bytes.startswith(b"archive.json\0"))
        self.assertTrue(result.stdout_bytes.endswith(bytes(1024)))

    def test_refusals(self) -> None:
        """What cannot be done is told in a sentence."""
        for words, arguments in (
            ("There is no", ("import", ALICE, str(self.place / "missing"))),
            ("without a password", ("import", ALICE, "imaps://alice:secret@host.test")),
            ("has no mail here", ("export", "nobody@example.test", "x.tar")),
            ("Only an archive", ("export", ALICE, "-", "--format", "mbox")),
            ("cannot be read twice", ("import", ALICE, "-", "--verify")),
        ):
            self.assertIn(words, self.on_service(*arguments, code=1).stderr)

    def test_nobody_answers(self) -> None:
        """A server that is not there is told of."""
        result = self.on_service("import", ALICE, "imaps://a@127.0.0.1:1", stdin="secret\n", code=1)
        self.assertIn("Nobody answers at 127.0.0.1:1", result.stderr)
        self.assertNotIn("secret", result.output)


class ConvertTests(TransferCommandTestCase):
    """Accounts go to another backend."""

    def test_refusals(self) -> None:
        """The same backend, no account at all and a backend without a memory are refused."""
        for words, arguments in (
            ("is maildir already", ("--to", "maildir", ALICE)),
            ("Name accounts", ("--to", "memory")),
            ("seen by its own process only", ("--to", "memory", ALICE)),
            ("unknown", ("--to", "nonesuch", ALICE)),
        ):
            self.assertIn(words, self.on_service("mailbox", "convert", *arguments, code=1).stderr)
