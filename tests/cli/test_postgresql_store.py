"""Commands beside a service whose mail lies in a PostgreSQL database."""

from __future__ import annotations

import json

import psycopg

from mailframe.store.postgresql import sweeping
from tests.store.postgresql.fixture import database

from .runner import ALICE, BOB, CommandTestCase

OLD = b"From a@b Mon Nov  2 10:00:00 2026\nSubject: 1\n\none\n\nFrom c@d Mon Nov  2 11:00:00 2026\nSubject: 2\n\ntwo\n"


class PostgreSQLStoreTests(CommandTestCase):
    """Commands need no reactor, and see what nodes have written."""

    def setUp(self) -> None:
        """A service, and an mbox file of another program."""
        super().setUp()
        self.make_service()
        self.old = self.place / "old.mbox"
        self.old.write_bytes(OLD)

    def use_database(self, address: str) -> None:
        """From now on mail lies there."""
        text = self.config.read_text().replace('backend = "maildir"', 'backend = "postgresql"')
        self.assertIn('backend = "postgresql"', text)
        self.config.write_text(f'{text}\n[store.postgresql]\naddress = "{address}"\n')

    def test_moved_into_the_database(self) -> None:
        """Accounts are converted with their UIDs, compared, and then served from the database."""
        self.on_service("import", ALICE, str(self.old))
        address = database(self)
        text = self.config.read_text()
        self.config.write_text(f'{text}\n[store.postgresql]\naddress = "{address}"\n')
        (facts,) = self.json_of("mailbox", "convert", ALICE, "--to", "postgresql", "--verify")
        self.assertEqual((facts["messages"], facts["differences"]), (2, []))
        before = self.status()
        self.config.write_text(text)
        self.use_database(address)
        self.assertEqual(self.status(), before)

    def status(self) -> dict[str, object]:
        """The figures of INBOX, without those of the index of texts, which are the store's own."""
        found: dict[str, object] = json.loads(self.on_service("mailbox", "status", ALICE, "INBOX").stdout)
        found.pop("texts")
        return found

    def test_imported_and_exported(self) -> None:
        """Mail comes in from files and goes out into an archive, octet by octet; another account has none of it."""
        self.use_database(database(self))
        self.on_service("import", ALICE, str(self.old), "--verify")
        facts = self.json_of("export", ALICE, str(self.place / "alice.tar"), "--verify")
        self.assertEqual((facts["messages"], facts["differences"]), (2, []))
        self.assertIn("no mailboxes", self.on_service("mailbox", "list", BOB, code=1).stderr)

    def test_checked_and_repaired(self) -> None:
        """Wrong figures are told, and put right beside a node at work."""
        address = database(self)
        self.use_database(address)
        self.on_service("import", ALICE, str(self.old))
        self.on_service("mailbox", "check", ALICE)
        with psycopg.connect(address) as connection:
            connection.execute("UPDATE mail_mailboxes SET messages = 7 WHERE name = 'INBOX'")
        self.assertIn("figures", self.on_service("mailbox", "check", ALICE, code=1).output.lower())
        self.on_service("mailbox", "repair", ALICE)
        self.on_service("mailbox", "check", ALICE)

    def test_vacuum(self) -> None:
        """Octets without a message go, and messages whose octets are gone or are others are named."""
        address = database(self)
        self.use_database(address)
        self.on_service("import", ALICE, str(self.old))
        with psycopg.connect(address) as connection:
            connection.execute(
                "INSERT INTO mail_contents (hash, size, octets, touched) VALUES ('x', 1, 'x', now() - interval '2d')"
            )
            connection.execute("UPDATE mail_mailboxes SET messages = 7 WHERE name = 'INBOX'")
        done = self.json_of("mailbox", "vacuum", "--octets")
        self.assertEqual((done["removed"], done["orphans"], done["figures"], done["busy"]), (1, 1, 1, False))
        self.assertEqual(self.json_of("mailbox", "vacuum")["removed"], 0)
        with psycopg.connect(address) as connection:
            connection.execute(
                "UPDATE mail_contents SET octets = overlay(octets placing 'X' from 1) WHERE id ="
                " (SELECT file FROM mail_messages ORDER BY id LIMIT 1)"
            )
            connection.execute("DELETE FROM mail_contents WHERE id = (SELECT max(file) FROM mail_messages)")
        result = self.on_service("mailbox", "vacuum", "--octets", code=1)
        self.assertIn(f"{ALICE} INBOX 1 has other octets than came.", result.output)
        self.assertIn(f"{ALICE} INBOX 2 has no octets.", result.output)

    def test_vacuum_beside_a_node(self) -> None:
        """While a node is removing octets, that is left to it."""
        address = database(self)
        self.use_database(address)
        with psycopg.connect(address) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (sweeping._LOCK,))
            self.assertIn("A node is removing", self.on_service("mailbox", "vacuum").output)

    def test_nothing_to_vacuum(self) -> None:
        """A store whose accounts share nothing says so."""
        self.assertIn("share nothing", self.on_service("mailbox", "vacuum", code=1).stderr)

    def test_away(self) -> None:
        """A database that cannot be reached is told in plain words, without the password."""
        self.use_database("postgresql://mailframe:wonder-land@127.0.0.1:1/mail")
        result = self.on_service("mailbox", "list", ALICE, code=1)
        self.assertIn("connection failed", result.stderr)
        self.assertNotIn("wonder-land", result.output)
