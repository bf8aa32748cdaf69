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

    def setUp(self) -> None:
        """The other one has a directory of its own."""
        super().setUp()
        with self.config.open("a") as file:
            file.write('\n[store.mbox]\ndirectory = "mail-mbox"\n')

    def test_same_place(self) -> None:
        """Two stores in one directory are refused before either is touched."""
        whole = self.config.read_text()
        self.config.write_text(whole.replace('directory = "mail-mbox"', ""))
        result = self.on_service("mailbox", "convert", ALICE, "--to", "mbox", "--restart", code=1)
        self.assertIn("Both stores would lie in", result.stderr)

    def test_refusals(self) -> None:
        """The same backend, no account at all and a backend without a memory are refused."""
        for words, arguments in (
            ("is maildir already", ("--to", "maildir", ALICE)),
            ("Name accounts", ("--to", "memory")),
            ("seen by its own process only", ("--to", "memory", ALICE)),
            ("no store plugin", ("--to", "nonesuch", ALICE)),
        ):
            self.assertIn(words, self.on_service("mailbox", "convert", *arguments, code=1).stderr)

    def test_there_and_back(self) -> None:
        """An account goes to mbox files and, after mail came there, back; the files are compared octet by octet."""
        self.on_service("import", ALICE, str(self.old))
        dry = self.json_of("mailbox", "convert", ALICE, "--to", "mbox", "--dry-run")
        self.assertEqual(dry[0]["messages"], 2)
        (facts,) = self.json_of("mailbox", "convert", ALICE, "--to", "mbox", "--verify")
        self.assertEqual((facts["messages"], facts["differences"]), (2, []))
        (facts,) = self.json_of("mailbox", "convert", ALICE, "--to", "mbox", "--verify")
        self.assertEqual(facts["messages"], 0)
        (facts,) = self.json_of(
            "mailbox", "convert", ALICE, "--from", "mbox", "--to", "maildir", "--restart", "--verify"
        )
        self.assertEqual((facts["messages"], facts["differences"]), (2, []))

    def test_no_mail(self) -> None:
        """An account without mail is told of, and the others are converted all the same."""
        self.on_service("import", ALICE, str(self.old))
        result = self.on_service("mailbox", "convert", "--all", "--to", "mbox", code=1)
        self.assertIn(f"{ALICE}: converted 2 messages", result.stdout)
        self.assertIn(f"{BOB} has no mail in the maildir store", result.stderr)

    def test_other_mail(self) -> None:
        """An account of the new store that has mail of its own is left alone."""
        self.on_service("import", ALICE, str(self.old))
        self.on_service("mailbox", "convert", ALICE, "--to", "mbox")
        other = self.config.read_text().replace('backend = "maildir"', 'backend = "mbox"')
        changed = self.place / "service" / "mbox.toml"
        changed.write_text(other)
        self.run_command("import", ALICE, str(self.old), "--into", "Own", "--config", str(changed))
        result = self.on_service("mailbox", "convert", ALICE, "--to", "mbox", code=1)
        self.assertIn("mail of this account that is not the old one's, in Own", result.stderr)
        self.on_service("mailbox", "convert", ALICE, "--to", "mbox", "--delete", "--verify")
