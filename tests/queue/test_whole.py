"""The queue over a real spool: the contract of the one fits what the other asks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import Status
from mailframe.queue.interfaces import ISpoolRecords
from mailframe.queue.settings import QueueOptions
from mailframe.queue.spool.memory import MemorySpool
from mailframe.queue.values import Change, Selection
from mailframe.testing.queue import TAKEN

from .house import DEFERRED, DOWN, OCTETS, House, mail, now


class MemorySpoolTests(SynchronousTestCase):
    """With the spool that forgets."""

    def setUp(self) -> None:
        self.house = House(QueueOptions(jitter=0), start=False)
        self.spool = MemorySpool(self.house.clock.seconds)
        self.house.spool = self.spool  # type: ignore[assignment]
        self.house.queue = self.house.another()
        now(self.house.queue.start())
        self.addCleanup(self.house.stop)

    def waiting(self) -> int:
        """Messages in the queue."""
        return len(now(self.spool.listing(Selection())))

    def test_retry(self) -> None:
        """A deferred message comes back whole and is gone when it was taken."""
        self.house.delivery.answer = lambda one: DEFERRED
        self.house.send(mail("bob@example.org"))
        self.assertEqual(self.waiting(), 1)
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(305)
        self.assertEqual([one.octets for one in self.house.delivery.attempts], [OCTETS, OCTETS])
        self.assertEqual(self.waiting(), 0)

    def test_dead_and_back(self) -> None:
        """Mail for a dead destination goes when that is back; one message has tried until then."""
        self.house.delivery.answer = lambda one: DOWN
        for number in range(60):
            self.house.send(mail(f"u{number}@dead.example"))
        self.assertEqual((len(self.house.tried()), self.waiting()), (1, 60))
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(330)
        self.assertEqual(self.waiting(), 0)
        self.assertEqual(len(set(self.house.tried())), 60)

    def test_flush(self) -> None:
        """After a flush a closed destination is tried at once, although this worker thinks that it is closed."""
        delivery = self.house.delivery
        delivery.answer = lambda one: DOWN
        for number in range(5):
            self.house.send(mail(f"u{number}@dead.example"))
        delivery.answer = lambda one: TAKEN
        now(self.spool.flush())
        self.house.wait(3)
        self.assertEqual(self.waiting(), 0)

    def test_bounce(self) -> None:
        """What an administrator gives up goes back to its sender."""
        self.assertTrue(ISpoolRecords.providedBy(self.spool))
        message = mail("bob@example.org")
        now(self.house.queue.hold(message, "too much"))
        now(self.spool.change(Change.BOUNCE, message.queue_id, [0], Status((5, 7, 1), "Not wanted")))
        self.house.wait(5)
        self.assertIn(b"Not wanted", self.house.notices()[0])
        self.assertEqual(self.waiting(), 0)
