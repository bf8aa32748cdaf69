"""What administrators do to the queue, with the runner beside them, on the usual spool."""

from __future__ import annotations

import email
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import Status
from mailframe.queue.spool.sqlite.spool import SQLiteSpool
from mailframe.queue.values import Change, Listed, Selection, State
from mailframe.testing.queue import TAKEN

from .house import DEFERRED, HOUR, House, mail, now

BOB = "bob@example.org"


class ChangeTests(SynchronousTestCase):
    """Changes take effect in a running queue."""

    def setUp(self) -> None:
        """A queue in files that works at once, with a message that was deferred."""
        self.house = House(start=False)
        self.spool = SQLiteSpool(self.mktemp(), None, seconds=self.house.clock.seconds)
        self.house.spool = self.spool  # type: ignore[assignment]
        self.house.queue = self.house.another()
        now(self.house.queue.start())
        self.addCleanup(self.house.stop)
        answers = [DEFERRED]
        self.house.delivery.answer = lambda attempted: answers.pop() if answers else TAKEN
        self.house.send(mail(BOB))
        self.house.wait(10)
        self.assertEqual(self.house.tried(), [BOB])

    def found(self) -> Sequence[Listed]:
        """What is in the queue."""
        return now(self.spool.listing(Selection()))

    def change(self, change: Change, status: Status | None = None) -> None:
        """Change the one recipient."""
        (listed,) = self.found()
        self.assertEqual(now(self.spool.change(change, listed.message.queue_id, [0], status)), 1)

    def test_hold_and_release(self) -> None:
        """Held mail is not tried; released mail is, at once."""
        self.change(Change.HOLD, Status((4, 7, 0), "Held"))
        self.house.wait(24 * HOUR, 60)
        self.assertEqual(self.house.tried(), [BOB])
        self.assertEqual(self.found()[0].recipients[0].state, State.HELD)
        self.change(Change.RELEASE)
        self.house.wait(10)
        self.assertEqual(self.house.tried(), [BOB, BOB])
        self.assertEqual(list(self.found()), [])

    def test_retry(self) -> None:
        """What is tried again goes now, not when its time comes."""
        self.change(Change.RETRY)
        self.house.wait(10)
        self.assertEqual(self.house.tried(), [BOB, BOB])

    def test_flush(self) -> None:
        """So does what is flushed."""
        self.assertEqual(now(self.spool.flush()), 1)
        self.house.wait(10)
        self.assertEqual(self.house.tried(), [BOB, BOB])

    def test_bounce(self) -> None:
        """What is given up is not tried; its sender is told why."""
        self.change(Change.BOUNCE, Status((5, 0, 0), "Sent by mistake"))
        self.house.wait(10)
        self.assertEqual(self.house.tried(), [BOB])
        (notice,) = self.house.notices()
        read = email.message_from_bytes(notice)
        self.assertEqual(read["Subject"], "Your message could not be delivered")
        self.assertIn("Sent by mistake", read.as_string())
        self.assertEqual(list(self.found()), [])

    def test_delete(self) -> None:
        """What is deleted is gone, and nobody hears of it."""
        self.change(Change.DELETE)
        self.house.wait(24 * HOUR, 60)
        self.assertEqual(len(self.house.delivery.attempts), 1)
        self.assertEqual(list(self.found()), [])
