"""Tests of ``mailframe mailbox`` and ``mailframe ingest``."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import attrs
from twisted.internet.task import Clock

from mailframe.cli.mailbox_store import Moment
from mailframe.cli.queue_spool import wait
from mailframe.config.loading import load
from mailframe.config.types import DataPath
from mailframe.message.content import Content
from mailframe.store.hints import LocalHints
from mailframe.store.ingest.log import IngestLog
from mailframe.store.ingest.options import IngestOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.quota import ACCOUNT, Limit
from mailframe.store.retention import RetentionRules
from mailframe.store.sharing.shares import SQLiteShares
from mailframe.store.values import INBOX, Delivery, NewMessage
from mailframe.testing.store import describe

from .runner import ALICE, BOB, CommandTestCase


def octets(number: int) -> bytes:
    """One of several messages."""
    return b"Subject: %d\r\n\r\nHello.\r\n" % number


class MailboxCommandCase(CommandTestCase):
    """A service with mail."""

    def setUp(self) -> None:
        super().setUp()
        self.make_service()
        with self.config.open("a", encoding="utf-8") as file:
            file.write(
                '\n[quota]\nstorage = "1 MB"\n[[quota.mailboxes]]\nname = "Trash"\nmessages = 5\n[ingest]\n[sharing]\n'
            )
        self.ingest = IngestLog(
            IngestOptions(directory=DataPath(str(self.config.parent / "data" / "ingest")))
        )
        self.addCleanup(self.ingest.close)
        self.configuration = load(str(self.config))
        self.with_store(self._fill)

    def with_store(self, work) -> None:
        """As the node has it: with copies for the ingest log, and with expunged mail kept."""
        options = attrs.evolve(self.configuration.store.options, threads=0, journal=False, full_text=False)
        policies = Policies(self.ingest, retention=RetentionRules(expunged=86400))
        store = MaildirStore(
            str(options.directory), describe, LocalHints(), Clock(), options, policies=policies
        )
        wait(store.start())
        work(store)
        wait(store.stop())
        self.ingest.close()

    def _fill(self, store) -> None:
        messages = [NewMessage(Content.of(octets(number)), queue_id=f"Q{number}") for number in range(3)]
        wait(store.deliver([Delivery(ALICE, message) for message in messages]))
        mailbox = wait(wait(store.account(ALICE)).open(INBOX))
        wait(mailbox.remove([1, 2]))


class MailboxTests(MailboxCommandCase):
    """``mailframe mailbox``."""

    def test_list(self) -> None:
        """Mailboxes are listed with their figures; what is kept of expunged mail is not among them."""
        rows = self.json_of("mailbox", "list", ALICE)
        self.assertEqual([row["name"] for row in rows][:2], [INBOX, "Archive"])
        self.assertEqual((rows[0]["messages"], rows[0]["unseen"]), (1, 1))
        self.assertNotIn("expunged", self.on_service("mailbox", "list", ALICE.upper()).stdout)

    def test_list_of_all(self) -> None:
        """Mailboxes of all accounts are listed at once, those without mail left out."""
        rows = self.json_of("mailbox", "list", "--all")
        self.assertEqual({row["account"] for row in rows}, {ALICE})
        self.assertEqual(rows, self.json_of("mailbox", "list", ALICE))
        self.assertIn("account", self.on_service("mailbox", "list", "--all").stdout)
        self.on_service("mailbox", "list", ALICE, BOB, code=1)
        self.on_service("mailbox", "list", code=1)

    def test_nobody(self) -> None:
        """A command makes no mailboxes for somebody who has none."""
        result = self.on_service("mailbox", "list", BOB, code=1)
        self.assertIn(f"There are no mailboxes of {BOB}", result.output)

    def test_status(self) -> None:
        """All figures of a mailbox are there for programs."""
        self.assertEqual(self.json_status()["messages"], 1)
        self.on_service("mailbox", "status", ALICE, "Nowhere", code=1)

    def json_status(self):
        return json.loads(self.on_service("mailbox", "status", ALICE).stdout)

    def test_quota(self) -> None:
        """What is limited, and how it stands."""
        account, trash = self.json_of("mailbox", "quota", ALICE)
        self.assertEqual((account["octets"], account["octets_limit"]), (len(octets(2)), 1_000_000))
        self.assertEqual((trash["mailbox"], trash["messages_limit"]), ("Trash", 5))
        self.assertIn("1.0 MB", self.on_service("mailbox", "quota", ALICE).stdout)

    def test_quota_of_the_owner(self) -> None:
        """Limits that the owner has set are told beside what counts."""
        self.with_store(lambda store: wait(wait(store.account(ALICE)).set_quota(ACCOUNT, Limit(500_000, 7))))
        account, trash = self.json_of("mailbox", "quota", ALICE)
        self.assertEqual((account["octets_limit"], account["messages_limit"]), (500_000, 7))
        self.assertEqual((account["own_octets"], account["own_messages"]), (500_000, 7))
        self.assertEqual((account["own"], trash["own"]), ("500 KB, 7 messages", "none"))

    def test_quota_of_the_directory(self) -> None:
        """A quota that the directory has for the account counts."""
        self.on_service("account", "add", "carol@example.test", "--quota", "2 MB", "--generate")
        self.with_store(lambda store: wait(store.account("carol@example.test")))
        account, _ = self.json_of("mailbox", "quota", "carol@example.test")
        self.assertEqual(account["octets_limit"], 2_000_000)

    def test_access(self) -> None:
        """Rights are given and taken, and listed."""
        self.assertIn("Only its owner", self.on_service("mailbox", "access", ALICE, "Sent").stdout)
        rows = self.json_of("mailbox", "access", ALICE, "Sent", BOB, "lr")
        self.assertEqual(rows, [{"identifier": BOB, "rights": "lr"}])
        self.assertEqual(self.json_of("mailbox", "access", ALICE, "Sent"), rows)
        self.assertEqual(self.json_of("mailbox", "access", ALICE, "Sent", BOB, "none"), [])
        self.on_service("mailbox", "access", ALICE, "Sent", BOB, "lrq", code=1)
        self.on_service("mailbox", "access", ALICE, "Sent", BOB, code=2)
        self.config.write_text(self.config.read_text().replace("[sharing]", ""))
        result = self.on_service("mailbox", "access", ALICE, code=1)
        self.assertIn("[sharing] is not in the configuration", result.output)

    def test_lost_index(self) -> None:
        """Repairing or converting an account tells those with rights where to look, when the index was lost."""
        self.on_service("mailbox", "access", ALICE, "Sent", BOB, "lr")
        (index,) = self.config.parent.rglob("shares.sqlite")
        self.config.write_text(self.config.read_text() + '\n[store.sqlite]\ndirectory = "elsewhere"\n')
        for command in (("repair", ALICE), ("convert", ALICE, "--to", "sqlite")):
            for path in index.parent.glob("shares.sqlite*"):
                path.unlink()
            self.assertEqual(self.owners_for_bob(index), [])
            self.on_service("mailbox", *command)
            self.assertEqual(self.owners_for_bob(index), [ALICE])

    def owners_for_bob(self, index: Path) -> list[str]:
        """In whose accounts Bob's sessions look."""
        shares = SQLiteShares(str(index), None)
        wait(shares.start())
        try:
            return list(wait(shares.owners(BOB)))
        finally:
            wait(shares.stop())

    def test_restore(self) -> None:
        """Expunged mail is listed and put back."""
        (row,) = self.json_of("mailbox", "expunged", ALICE)
        self.assertEqual((row["mailbox"], row["messages"]), (INBOX, 2))
        result = self.on_service("mailbox", "restore", ALICE, INBOX, "--into", "Back", "--since", "1h")
        self.assertIn("INBOX: 2 messages restored into Back", result.stdout)
        self.assertEqual(self.json_of("mailbox", "expunged", ALICE), [])
        self.assertIn("Nothing is kept.", self.on_service("mailbox", "restore", ALICE, "--all").stdout)

    def test_restore_of_a_time(self) -> None:
        """What was expunged at another time stays where it is."""
        self.assertEqual(self.json_of("mailbox", "restore", ALICE, "--all", "--until", "1h"), {INBOX: 0})
        self.assertEqual(self.json_of("mailbox", "restore", ALICE, "--all"), {INBOX: 2})

    def test_what(self) -> None:
        """Restoring without saying what is a mistake that is told."""
        result = self.on_service("mailbox", "restore", ALICE, code=2)
        self.assertIn("Name mailboxes, or say --all.", result.output)
        result = self.on_service("mailbox", "restore", ALICE, "--all", "--since", "yesterday", code=2)
        self.assertIn('neither like "2d" nor like', result.output)

    def test_help(self) -> None:
        """All commands are listed, those in modules of their own as well."""
        text = self.run_command("mailbox", "--help").stdout
        for name in ("convert", "expunged", "list", "quota", "restore", "status"):
            self.assertRegex(text, rf"(?m)^  {name} ")


class IngestTests(MailboxCommandCase):
    """``mailframe ingest``."""

    def test_list(self) -> None:
        """Copies of what came for an account are listed."""
        rows = self.json_of("ingest", "list", ALICE)
        self.assertEqual([row["id"] for row in rows], ["Q0", "Q1", "Q2"])
        self.assertEqual(rows[0]["mailboxes"], [f"{ALICE} {INBOX}"])
        self.assertEqual(self.json_of("ingest", "list", BOB), [])
        self.assertEqual(len(self.json_of("ingest", "list", "--id", "Q1")), 1)
        self.assertEqual(self.json_of("ingest", "list", "--until", "1h"), [])

    def test_show(self) -> None:
        """A copy is printed as it came."""
        self.assertEqual(self.on_service("ingest", "show", "Q1").stdout_bytes, octets(1))
        self.assertIn("There is no copy of Q9.", self.on_service("ingest", "show", "Q9", code=1).output)

    def test_restore(self) -> None:
        """Copies are put into a mailbox, whatever became of the messages."""
        self.assertEqual(self.json_of("ingest", "restore", ALICE), {"restored": 3, "damaged": 0})
        rows = {row["name"]: row for row in self.json_of("mailbox", "list", ALICE)}
        self.assertEqual(rows["Restored"]["messages"], 3)
        for name in ("inbox", "Restored/"):
            self.assertEqual(self.json_of("ingest", "restore", ALICE, "--into", name)["restored"], 3)

    def test_damaged(self) -> None:
        """A damaged copy is told and left out; the others come back."""
        directory = self.config.parent / "data" / "ingest"
        (name,) = os.listdir(directory)
        path = Path(directory, name)
        path.write_bytes(path.read_bytes().replace(octets(1), octets(7)))
        result = self.on_service("ingest", "restore", ALICE, code=1)
        self.assertIn("2 messages are in Restored", result.output)
        self.assertIn("1 copies are damaged", result.output)

    def test_without(self) -> None:
        """Where no copies are kept, that is said."""
        self.config.write_text(self.config.read_text().replace("[ingest]", ""))
        self.assertIn("No copies are kept", self.on_service("ingest", "list", code=1).output)


class MomentTests(CommandTestCase):
    """Points in time."""

    def test_ago(self) -> None:
        """Some time ago, or a date."""
        moment = Moment()
        self.assertLess(abs(moment.convert("2d", None, None) - (time.time() - 2 * 86400)), 5)
        self.assertEqual(moment.convert("2026-11-22T13:00+00:00", None, None), 1_795_352_400)
        self.assertEqual(moment.convert(5, None, None), 5)
