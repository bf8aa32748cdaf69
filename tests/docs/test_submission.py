"""The worked example of submission, line by line."""

from __future__ import annotations

from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.queue.claim import State
from mailframe.queue.held import HeldMail

from .pages import DOCS, commands
from .test_commands import PLACE, ScratchCase

ALICE, BOB = "alice@example.test", "bob@example.test"


class SubmissionPageTests(ScratchCase):
    """What the page says to type does what it says."""

    def test_page(self) -> None:
        """Grants come and go; of held mail Bob's is deleted and the rest released."""
        self.run_line(f"mailframe init {PLACE} --account {ALICE} --account {BOB}")
        # The page's relay has a router that is no queue, so it holds mail in files.
        config = self.place / "mail" / "mailframe.toml"
        config.write_text(config.read_text().replace('router = "queue"\n', ""))
        held = HeldMail(str(self.place / "mail" / "data" / "held"))
        held.prepare()
        for login in (ALICE, BOB, BOB):
            envelope = Envelope(parse_mailbox(login), [Recipient(parse_mailbox("x@example.net"))])
            origin = Origin("S", "192.0.2.1", login=login)
            held.add(MailObject(new_queue_id(), envelope, Content.of(b"\r\n"), origin), "too much")
        outputs = [self.run_line(line) for line in commands(DOCS / "submission.rst")]
        self.assertEqual(len(outputs), 6)
        self.assertIn("@club.test", outputs[1])
        self.assertIn("no longer", outputs[2])
        self.assertIn(BOB, outputs[3])
        self.assertIn("deleted 2 messages", outputs[4])
        self.assertIn("released 1 message", outputs[5])
        self.assertEqual([one.state for one in held.listing()], [State.RELEASED])
