"""Is there room?"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import Size
from mailframe.message.envelope import Envelope
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.interfaces import IMailPolicy
from mailframe.queue.admission import SHARE_AGE, Admission
from mailframe.queue.settings import RoomOptions
from mailframe.queue.values import Usage

from .house import now
from .small_spool import SmallSpool


class AdmissionTests(SynchronousTestCase):
    """Room of the whole queue, of a disk, of one account."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.spool = SmallSpool(self.clock)
        self.free = 1000

    def admission(self, **options: int) -> Admission:
        """One over a disk."""

        async def free() -> int:
            return self.free

        room = RoomOptions(**{"free_disk": 0, **options})
        return Admission(self.spool, room, self.clock, lambda origin: origin.login or "", free)

    def refusal(self, one: Admission, size: int = 10, account: str = "") -> Status | None:
        """What is said to a message."""
        return now(one.refusal(account, bool(account), size))

    def test_interface(self) -> None:
        """It is a policy for MAIL."""
        verifyObject(IMailPolicy, self.admission())

    def test_disk(self) -> None:
        """Before the disk is full mail is refused for now, and what came since the last look counts."""
        one = self.admission(free_disk=Size(900))
        self.assertIsNone(self.refusal(one))
        now(one.refresh(Usage()))
        self.assertIsNone(self.refusal(one, 100))
        self.assertIsNotNone(self.refusal(one, 101))
        one.added("", 60)
        self.assertIsNotNone(self.refusal(one, 41))
        self.assertIsNone(self.refusal(one, 40))
        self.free = 2000
        now(one.refresh(Usage()))
        self.assertIsNone(self.refusal(one, 101))
        self.assertIsNone(one.full())

    def test_declared_size(self) -> None:
        """At MAIL the size counts that the client declares."""
        one = self.admission(octets=Size(100))
        for size, refused in (("100", False), ("101", True)):
            envelope = Envelope(None, parameters={"SIZE": size})
            status = now(one.mail(Origin("s", "192.0.2.1"), envelope))
            self.assertEqual(status is not None, refused)
            if status is not None:
                self.assertEqual((status.code, status.temporary), ("4.3.1", True))

    def test_no_limits(self) -> None:
        """0 is no limit."""
        one = self.admission(messages=0)
        now(one.refresh(Usage(10**9, 10**15)))
        self.assertIsNone(self.refusal(one, 900, "alice"))

    def test_share_is_asked_seldom(self) -> None:
        """Whose mail is counted is asked only where anybody may have too much, and then not for each message."""
        one = self.admission(messages=100)
        for _ in range(9):
            self.assertIsNone(self.refusal(one, account="alice"))
            one.added("alice", 10)
        self.assertNotIn("used_by", self.spool.calls)
        one.added("carol", 10)
        for _ in range(5):
            self.assertIsNone(self.refusal(one, account="alice"))
        self.assertEqual(self.spool.calls.count("used_by"), 1)
        self.clock.advance(SHARE_AGE)
        self.refusal(one, account="alice")
        self.assertEqual(self.spool.calls.count("used_by"), 2)

    def test_share_of_octets(self) -> None:
        """A share has octets, too; who cannot be counted is not refused for that."""
        one = self.admission(octets=Size(1000))
        one.added("bob", 600)
        self.assertIsNone(self.refusal(one, 100, "alice"))
        self.assertIsNotNone(self.refusal(one, 101, "alice"))
        self.spool.away = True
        self.assertIsNone(self.refusal(one, 100, "carol"))
