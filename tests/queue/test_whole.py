"""The queue over a real spool: the contract of the one fits what the other asks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.memory import MemoryDirectory
from mailframe.message.address import parse_mailbox
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError, Status
from mailframe.queue.interfaces import ISpoolRecords
from mailframe.queue.metrics import MESSAGES
from mailframe.queue.settings import QueueOptions
from mailframe.queue.spool.memory import MemorySpool
from mailframe.queue.values import Change, Selection
from mailframe.routing.expansion import Expansion
from mailframe.testing.queue import TAKEN

from .house import DEFERRED, DOWN, OCTETS, REFUSED, House, mail, now


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


class SenderAliasTests(SynchronousTestCase):
    """A sender whose address is an alias that leads to other domains is told all the same."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory(["example.test"])
        self.directory.set_alias(
            parse_mailbox("alice@example.test"),
            [parse_mailbox("a@elsewhere.test"), parse_mailbox("b@elsewhere.test")],
        )
        self.house = House(QueueOptions(jitter=0), expansion=Expansion(self.directory))
        self.addCleanup(self.house.stop)
        self.house.delivery.answer = lambda one: REFUSED if one.recipient == "bob@example.org" else TAKEN

    def told(self) -> list[str]:
        """Who got notices."""
        self.house.wait(5)
        return [one.recipient for one in self.house.delivery.attempts if one.reverse_path == ""]

    def test_told(self) -> None:
        """The notice goes to all that the alias stands for."""
        self.house.send(mail("bob@example.org"))
        self.assertEqual(sorted(self.told()), ["a@elsewhere.test", "b@elsewhere.test"])

    def test_no_alias(self) -> None:
        """Other senders are told themselves, of our domains and of others."""
        for sender in ("carol@example.test", "joe@elsewhere.test"):
            self.house.send(mail("bob@example.org", sender=sender))
        self.assertEqual(sorted(self.told()), ["carol@example.test", "joe@elsewhere.test"])

    def test_directory_away(self) -> None:
        """While nobody can say what an address is the notice is for the address itself; it is not lost."""

        async def away(domain: str) -> bool:
            raise MailframeError(CANNOT_LOOK_UP, "the directory is away")

        self.patch(self.directory, "is_local", away)
        self.house.send(mail("bob@example.org"))
        self.assertEqual(self.told(), ["alice@example.test"])


class DrainTests(SynchronousTestCase):
    """After a reload the old worker finishes what it has, and the new one does the rest."""

    def setUp(self) -> None:
        self.house = House(QueueOptions(jitter=0), start=False)
        self.spool = MemorySpool(self.house.clock.seconds)
        self.house.spool = self.spool  # type: ignore[assignment]
        self.old = self.house.queue = self.house.another()
        now(self.old.start())
        self.addCleanup(self.house.stop)

    def test_finished(self) -> None:
        """What is in hand is delivered by the old worker, and not repeated by the new one."""
        delivery = self.house.delivery
        delivery.holding = True
        self.house.send(mail("bob@example.org"))
        self.old.drain()
        self.old.drain()
        new = self.house.another()
        now(new.start())
        self.addCleanup(now, new.stop())
        self.house.wait(200)
        delivery.release()
        self.house.wait(5)
        self.assertEqual(self.house.tried(), ["bob@example.org"])
        self.assertEqual(now(self.spool.listing(Selection())), [])

    def test_left(self) -> None:
        """What comes or falls due later waits, and is the new worker's; it is not lost where there is none yet."""
        delivery = self.house.delivery
        delivery.answer = lambda one: DEFERRED
        self.house.send(mail("bob@example.org"))
        self.old.drain()
        self.assertTrue(self.house.send(mail("eve@example.net"))[0].success)
        self.house.wait(700)
        self.assertEqual(self.house.tried(), ["bob@example.org"])
        delivery.answer = lambda one: TAKEN
        new = self.house.another()
        now(new.start())
        self.addCleanup(now, new.stop())
        self.house.wait(5)
        self.assertEqual(
            sorted(self.house.tried()), ["bob@example.org", "bob@example.org", "eve@example.net"]
        )
        self.assertEqual(now(self.spool.listing(Selection())), [])

    def test_figures(self) -> None:
        """Figures of the queue are told by one worker at a time."""
        self.house.delivery.answer = lambda one: DEFERRED
        self.house.send(mail("bob@example.org"))
        self.house.wait(10)
        self.assertEqual(MESSAGES._value.get(), 1)
        self.old.drain()
        self.house.wait(10)
        self.assertEqual(MESSAGES._value.get(), 0)
