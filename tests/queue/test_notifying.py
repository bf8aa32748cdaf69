"""Notices of success without a queue."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.interfaces import IDelivery
from mailframe.message.envelope import Recipient
from mailframe.message.status import OK, Status
from mailframe.queue.notice_settings import NoticeSettings
from mailframe.queue.notices import Notices
from mailframe.queue.notifying import NotifyingDelivery
from mailframe.testing.smtp import RecordingDelivery, run

from .test_direct import ALICE, HOME, LATER, mail

ASKED = Recipient(ALICE, {"NOTIFY": "SUCCESS"})


class NotifyingDeliveryTests(SynchronousTestCase):
    """Who asked for it hears of success, nobody of anything else."""

    def delivery(self, *statuses: Status) -> NotifyingDelivery:
        """One that answers so."""
        self.router = RecordingDelivery()
        notices = Notices("mx.example.test", NoticeSettings(), lambda: 1_800_000_000.0)
        inner = RecordingDelivery(list(statuses) or None)
        return NotifyingDelivery(inner, notices, self.router, lambda: 1_800_000_000.0)  # type: ignore[arg-type]

    def test_asked(self) -> None:
        """The notice comes from the null reverse-path, goes to the sender, and has the header only."""
        delivery = self.delivery()
        verifyObject(IDelivery, delivery)
        self.assertEqual([OK], list(run(delivery.deliver(mail(ASKED, RET="FULL"), [HOME], True))))
        (notice,) = self.router.messages
        self.assertIsNone(notice.envelope.reverse_path)
        self.assertEqual([ALICE], [one.forward_path for one in notice.envelope.recipients])
        self.assertIn(b"Action: delivered", notice.octets)

    def test_not_asked(self) -> None:
        """Nobody else hears anything: no failure, no delay, no mail without NOTIFY=SUCCESS."""
        run(self.delivery().deliver(mail(str(ALICE)), [HOME], True))
        self.assertEqual([], self.router.messages)
        run(self.delivery(LATER).deliver(mail(ASKED), [HOME], True))
        self.assertEqual([], self.router.messages)

    def test_null(self) -> None:
        """Nor does the null reverse-path."""
        message = mail(ASKED)
        message.envelope.reverse_path = None
        run(self.delivery().deliver(message, [HOME], True))
        self.assertEqual([], self.router.messages)

    def test_broken_router(self) -> None:
        """What was delivered stays delivered, whatever becomes of the notice."""
        delivery = self.delivery()
        self.router.error = RuntimeError("broken")
        self.assertEqual([OK], list(run(delivery.deliver(mail(ASKED), [HOME], True))))
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
