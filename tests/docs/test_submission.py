"""The worked example of submission, line by line."""

from __future__ import annotations

from typing import Any, cast

from mailframe.cli.queue_spool import wait
from mailframe.config.loading import load
from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.queue.values import NewMessage, Place, QueuedMessage, QueuedRecipient, Selection, State
from mailframe.roles.backends import spool_for_commands

from .pages import DOCS, commands
from .test_commands import PLACE, ScratchCase

ALICE, BOB = "alice@example.test", "bob@example.test"


class SubmissionPageTests(ScratchCase):
    """What the page says to type does what it says."""

    def test_page(self) -> None:
        """Grants come and go; of held mail Bob's is deleted and the rest released."""
        self.run_line(f"mailframe init {PLACE} --account {ALICE} --account {BOB}")
        spool = cast(Any, spool_for_commands(load(str(self.place / "mail" / "mailframe.toml"))))
        wait(spool.start())
        for login in (ALICE, BOB, BOB):
            envelope = Envelope(parse_mailbox(login), [Recipient(parse_mailbox("x@example.net"))])
            origin = Origin("S", "192.0.2.1", login=login)
            mail = MailObject(new_queue_id(), envelope, Content.of(b"\r\n"), origin)
            message = QueuedMessage(
                mail.queue_id,
                Envelope(parse_mailbox(login)),
                origin,
                1.0,
                2.0,
                size=2,
                account=login,
                reason="too much",
            )
            place = Place("smarthost:")
            held = QueuedRecipient(0, envelope.recipients[0], place, State.HELD, due=1.0, review=2.0)
            wait(spool.add(NewMessage(message, mail, [held])))
        outputs = [self.run_line(line) for line in commands(DOCS / "submission.rst")]
        self.assertEqual(len(outputs), 6)
        self.assertIn("@club.test", outputs[1])
        self.assertIn("no longer", outputs[2])
        self.assertIn(BOB, outputs[3])
        self.assertIn("2 recipients of 2 messages", outputs[4])
        self.assertIn("1 recipient of 1 message", outputs[5])
        (left,) = wait(spool.listing(Selection()))
        self.assertEqual([one.state for one in left.recipients], [State.DUE])
