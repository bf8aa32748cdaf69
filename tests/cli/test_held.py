"""Tests of ``mailframe held``."""

from __future__ import annotations

import errno
import os
from typing import Any

from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.queue import record as files
from mailframe.queue.claim import State
from mailframe.queue.held import HeldMail
from mailframe.queue.record import Progress, Record, outcome

from .runner import ALICE, BOB, CommandTestCase

OCTETS = b"Subject: Offer\x07\r\n\r\nBuy!\r\n"


class HeldTests(CommandTestCase):
    """Held mail is looked at, released and deleted."""

    def setUp(self) -> None:
        """A service with two held messages."""
        super().setUp()
        self.make_service()
        # A relay before a queue holds mail there; this one has none.
        self.config.write_text(self.config.read_text().replace('router = "queue"\n', ""))
        self.held = HeldMail(str(self.config.parent / "data" / "held"))
        self.held.prepare()
        self.ids = [self.hold(ALICE, 5), self.hold(BOB, 1)]

    def hold(self, login: str | None, recipients: int) -> str:
        """Hold a message."""
        to = [Recipient(parse_mailbox(f"r{number}@example.net")) for number in range(recipients)]
        sender = parse_mailbox(login) if login else None
        origin = Origin("S", "192.0.2.1", login=login)
        mail = MailObject(new_queue_id(), Envelope(sender, to), Content.of(OCTETS), origin)
        self.held.add(mail, "too much")
        return mail.queue_id

    def states(self) -> list[State]:
        return [one.state for one in self.held.listing()]

    def test_list(self) -> None:
        """All, those of one account, those in one state; for people and for programs."""
        text = self.on_service("held", "list").stdout
        for word in (*self.ids, ALICE, "r0@example.net", "and 2 more", "too much", "held"):
            self.assertIn(word, text)
        rows = self.json_of("held", "list", "--account", "Alice@example.test")
        self.assertEqual([row["id"] for row in rows], self.ids[:1])
        self.assertEqual(len(rows[0]["recipients"]), 5)
        self.assertEqual(self.json_of("held", "list", "--state", "failed"), [])
        self.assertIn("No mail is held", self.on_service("held", "list", "--state", "sending").stdout)

    def test_show(self) -> None:
        """One message: facts, or the message itself."""
        text = self.on_service("held", "show", self.ids[0]).stdout
        for word in (self.ids[0], ALICE, "192.0.2.1", "r4@example.net", "too much", "Offer?"):
            self.assertIn(word, text)
        facts = self.json_of("held", "show", self.ids[1])
        self.assertEqual((facts["account"], facts["size"], facts["state"]), (BOB, len(OCTETS), "held"))
        result = self.on_service("held", "show", self.ids[1], "--content")
        self.assertEqual(result.stdout_bytes, OCTETS)
        for unknown in ("NOBODY", "../x"):
            self.assertIn("There is no message", self.on_service("held", "show", unknown, code=1).stderr)

    def test_release(self) -> None:
        """By id, or all, or all of an account; what is not held is told with exit code 1."""
        self.assertIn("released 1 message\n", self.on_service("held", "release", self.ids[1]).stdout)
        self.assertEqual(self.states(), [State.HELD, State.RELEASED])
        result = self.on_service("held", "release", *self.ids, "--json", code=1)
        self.assertIn(self.ids[0], result.stdout)
        self.assertIn(f"{self.ids[1]} is not held", result.stderr)
        self.hold(ALICE, 1)
        self.hold(BOB, 1)
        self.on_service("held", "release", "--all", "--account", BOB)
        self.assertEqual(self.states().count(State.HELD), 1)
        self.on_service("held", "release", "--all")
        self.assertEqual(self.states(), [State.RELEASED] * 4)
        self.assertIn("released 0 messages", self.on_service("held", "release", "--all").stdout)

    def test_delete(self) -> None:
        """Deleting asks first."""
        self.on_service("held", "delete", self.ids[0], stdin="n\n", code=1)
        self.assertEqual(len(self.states()), 2)
        self.on_service("held", "delete", self.ids[0], stdin="y\n")
        self.on_service("held", "delete", "--all", "--yes")
        self.assertEqual(self.states(), [])
        self.on_service("held", "delete", self.ids[0], "--yes", code=1)

    def test_queue(self) -> None:
        """Where a relay holds mail in its queue, the command says who knows of it."""
        text = self.config.read_text().replace("[role.relay]\n", '[role.relay]\nrouter = "queue"\n')
        self.config.write_text(text)
        self.assertIn("mailframe queue list --state held", self.on_service("held", "list", code=1).stderr)

    def test_usage(self) -> None:
        """Ids or --all, not both, not neither."""
        for arguments in ((), (self.ids[0], "--all"), (self.ids[0], "--account", BOB)):
            self.on_service("held", "release", *arguments, code=2)
            self.on_service("held", "delete", *arguments, code=2)

    def test_failed(self) -> None:
        """Of failed mail it is told who did not get it and why; it can be released again."""
        self.held.release(self.ids[0])
        claim = self.held.claim_due()
        assert claim is not None
        claim.note(outcome(claim.progress, 1.0, range(1, 5), {0: "5.1.1 No such mailbox"}))
        claim.move(State.FAILED)
        claim.close()
        self.assertIn("5.1.1 No such mailbox", self.on_service("held", "list", "--state", "failed").stdout)
        facts = self.json_of("held", "show", self.ids[0])
        self.assertEqual(facts["failed"], {"r0@example.net": "5.1.1 No such mailbox"})
        self.on_service("held", "release", self.ids[0])
        self.assertEqual(self.json_of("held", "show", self.ids[0])["waiting_for"], ["r0@example.net"])

    def test_damaged(self) -> None:
        """A damaged file is told, and is in nobody's way."""
        (self.config.parent / "data" / "held" / "held" / "BAD").write_bytes(b"{}\n")
        result = self.on_service("held", "release", "BAD", self.ids[0], code=1)
        self.assertIn("BAD cannot be released, its file is damaged", result.stderr)
        self.assertIn("released 1 message\n", result.stdout)
        self.assertIn("held/BAD cannot be read", self.on_service("held", "show", "BAD", code=1).stderr)
        result = self.on_service("held", "list")
        self.assertIn("held/BAD cannot be read", result.stderr)
        self.assertIn(self.ids[1], result.stdout)

    def test_disk(self) -> None:
        """What the disk does not let go is told, and the others are changed all the same."""

        def append(file: Any, record: Record, progress: Progress) -> None:
            if record.queue_id == self.ids[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(file, record, progress)

        real = files.append
        self.patch(files, "append", append)
        result = self.on_service("held", "release", "--all", code=1)
        self.assertIn(f"{self.ids[0]} cannot be released: No space left", result.stderr)
        self.assertEqual(self.states(), [State.HELD, State.RELEASED])

    def test_without_login(self) -> None:
        """A client without login is its address."""
        queue_id = self.hold(None, 1)
        (row,) = self.json_of("held", "list", "--account", "192.0.2.1")
        self.assertEqual(row["id"], queue_id)

    def test_no_relay(self) -> None:
        """Only a relay holds mail."""
        self.config.write_text('[node]\nroles = ["mx"]\nhostname = "x.example.test"\n')
        self.assertIn("no relay", self.on_service("held", "list", code=1).stderr)
