"""Released mail goes on its way."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.message.status import NO_SUCH_MAILBOX, OK, UNAVAILABLE, MailframeError, Status
from mailframe.queue.claim import Claim, State
from mailframe.queue.held import Held, HeldMail
from mailframe.queue.holding import Holding
from mailframe.queue.interfaces import IHolding
from mailframe.queue.releasing import (
    AGAIN,
    AT_ONCE,
    EVERY,
    FIRST_PAUSE,
    GIVE_UP,
    LAST_WORDS,
    LONGEST_PAUSE,
    Releases,
)
from mailframe.testing.smtp import FixedRouter, RecordingDelivery, run

LOCAL = ("a@example.test", "b@example.test", "c@example.test")
OCTETS = b"Subject: x\r\n\r\nbody\r\n"
LATER = Status((4, 4, 1), "The router is away")


class ReleaseCase(SynchronousTestCase):
    """A directory and a chore over it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.path = self.mktemp()
        self.held = HeldMail(self.path, seconds=self.clock.seconds)
        self.holding = Holding(self.held, None)
        run(self.holding.start())
        self.delivery = RecordingDelivery()
        self.router = FixedRouter(unknown=None)
        self.chore = self.start()

    def start(self) -> Releases:
        """A chore, as a worker has it."""
        chore = Releases(self.holding, self.router, self.delivery, self.clock)
        run(chore.start())
        run(chore.start())
        self.addCleanup(self.stop, chore)
        return chore

    def stop(self, chore: Releases) -> None:
        stopped = Deferred.fromCoroutine(chore.stop())
        self.clock.advance(LAST_WORDS)
        self.successResultOf(stopped)

    def hold(self, *recipients: str) -> str:
        envelope = Envelope(
            Address("alice", "example.test"),
            [Recipient(Address(*one.split("@")), {"NOTIFY": "NEVER"}) for one in recipients or LOCAL[:1]],
        )
        origin = Origin("S", "192.0.2.1", login="alice@example.test")
        mail = MailObject(new_queue_id(), envelope, Content.of(OCTETS), origin)
        run(self.holding.hold(mail, "too much"))
        return mail.queue_id

    def release(self, queue_id: str) -> None:
        self.assertTrue(self.held.release(queue_id))
        self.clock.advance(EVERY)

    def only(self) -> Held:
        (held,) = self.held.listing()
        return held

    def reached(self) -> Sequence[Sequence[str]]:
        """The recipients of each delivery."""
        return [
            [str(one.forward_path) for one in message.envelope.recipients]
            for message in self.delivery.messages
        ]


class ReleasesTests(ReleaseCase):
    """What was released is delivered once to everybody."""

    def test_interface(self) -> None:
        """It holds as others hold."""
        verifyObject(IHolding, self.holding)

    def test_held(self) -> None:
        """What is held stays."""
        self.hold()
        self.clock.advance(1000)
        self.assertEqual(self.delivery.messages, [])
        self.assertIs(self.only().state, State.HELD)

    def test_delivered(self) -> None:
        """Released mail is delivered as it was accepted, and is gone."""
        queue_id = self.hold(*LOCAL)
        self.release(queue_id)
        (message,) = self.delivery.messages
        self.assertEqual((message.octets, message.mail.queue_id), (OCTETS, queue_id))
        self.assertEqual(self.reached(), [list(LOCAL)])
        self.assertEqual(message.envelope.recipients[0].parameters, {"NOTIFY": "NEVER"})
        self.assertEqual(message.mail.origin.login, "alice@example.test")
        self.assertEqual([route.mailboxes[0].account for route in message.routes], list(LOCAL))
        self.assertFalse(message.atomic)
        self.assertEqual(list(self.held.listing()), [])

    def test_many(self) -> None:
        """Many released messages go one after another, each once, whoever else looks for them."""
        other = self.start()
        ids = [self.hold() for _ in range(20)]
        for queue_id in ids:
            self.held.release(queue_id)
        self.clock.pump([EVERY] * 3)
        self.assertEqual(sorted(message.mail.queue_id for message in self.delivery.messages), sorted(ids))
        self.assertEqual(list(self.held.listing()), [])
        self.stop(other)

    def test_temporary(self) -> None:
        """While the way is barred it is tried again, with longer pauses, for those who have not got it."""
        self.delivery.statuses = [OK, LATER]
        self.release(self.hold(*LOCAL[:2]))
        held = self.only()
        self.assertEqual((held.state, held.progress.pending), (State.RELEASED, (1,)))
        self.assertEqual(held.progress.last, str(LATER))
        self.clock.advance(FIRST_PAUSE - 1)
        self.assertEqual(len(self.delivery.messages), 1)
        self.delivery.statuses = [LATER]
        self.clock.advance(EVERY)
        self.assertEqual(self.reached()[1:], [[LOCAL[1]]])
        for _ in range(10):
            self.clock.advance(LONGEST_PAUSE + EVERY)
        self.assertEqual(len(self.delivery.messages), 12)
        self.delivery.statuses = [OK]
        self.clock.advance(LONGEST_PAUSE + EVERY)
        self.assertEqual(list(self.held.listing()), [])

    def test_permanent(self) -> None:
        """Who will never get it is told of, and the message is kept; once released again it goes to them alone."""
        self.router._answers[LOCAL[1]] = NO_SUCH_MAILBOX
        self.delivery.statuses = [OK, Status((5, 2, 1), "Disabled")]
        queue_id = self.hold(*LOCAL)
        self.release(queue_id)
        held = self.only()
        self.assertIs(held.state, State.FAILED)
        self.assertEqual(held.progress.failed, {1: str(NO_SUCH_MAILBOX), 2: "5.2.1 Disabled"})
        self.clock.advance(GIVE_UP)
        self.assertEqual(self.reached(), [[LOCAL[0], LOCAL[2]]])
        self.router._answers.clear()
        self.delivery.statuses = None
        self.release(queue_id)
        self.assertEqual(self.reached()[1:], [[LOCAL[1], LOCAL[2]]])
        self.assertEqual(list(self.held.listing()), [])

    def test_give_up(self) -> None:
        """After some days what still cannot be delivered has failed."""
        self.delivery.statuses = [LATER]
        self.release(self.hold())
        with capturedLogs() as events:
            self.clock.advance(GIVE_UP + EVERY)
        held = self.only()
        self.assertEqual((held.state, held.progress.failed), (State.FAILED, {0: str(LATER)}))
        (event,) = [event for event in events if event.get("outcome") == "failed"]
        self.assertIs(event["log_level"], LogLevel.warn)

    def test_our_faults(self) -> None:
        """Our own faults are temporary."""
        for fault in (MailframeError(UNAVAILABLE, "away"), ZeroDivisionError()):
            self.delivery.error = fault
            queue_id = self.hold()
            self.release(queue_id)
            self.assertIs(self.only().state, State.RELEASED)
            self.held.delete(queue_id)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.delivery.error, self.delivery.statuses = None, []
        self.release(self.hold())
        self.assertIs(self.only().state, State.RELEASED)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_router_faults(self) -> None:
        """A directory that cannot be asked is waited for."""

        async def route(forward_path: Address) -> None:
            raise (
                MailframeError(UNAVAILABLE, "away") if forward_path.local_part == "a" else ZeroDivisionError()
            )

        self.router.route = route  # type: ignore[assignment,method-assign]
        self.release(self.hold(*LOCAL[:2]))
        self.assertEqual(self.only().progress.pending, (0, 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_left_by_the_dead(self) -> None:
        """What a worker that died was sending goes on in the next; what had reached everybody already is only removed."""
        queue_id = self.hold()
        self.held.release(queue_id)
        claim = self.held.claim_due()
        assert claim is not None
        claim.close()
        self.clock.advance(EVERY)
        self.assertEqual(self.reached(), [[LOCAL[0]]])
        self.assertEqual(list(self.held.listing()), [])

    def test_full_disk(self) -> None:
        """A disk that takes no more must not make mail come twice: it is written down later, and not sent again."""
        self.delivery.statuses = [OK, LATER]
        queue_id = self.hold(*LOCAL[:2])
        self.held.release(queue_id)
        real, broken = os.fsync, [True]

        def fsync(descriptor: int) -> None:
            if broken:
                raise OSError(errno.ENOSPC, "full")
            real(descriptor)

        self.patch(os, "fsync", fsync)
        self.clock.advance(EVERY)
        self.clock.pump([EVERY] * 20)
        self.assertEqual(len(self.delivery.messages), 1)
        broken.clear()
        self.delivery.statuses = [LATER]
        self.clock.advance(AGAIN)
        self.assertEqual(self.reached(), [list(LOCAL[:2]), [LOCAL[1]]])
        self.assertEqual(self.only().progress.pending, (1,))

    def test_slow(self) -> None:
        """One that takes long does not keep the others."""
        waiting = self.delivery.waiting = Deferred()
        self.release(self.hold())
        self.delivery.waiting = None
        self.release(self.hold())
        self.assertEqual(len(self.delivery.messages), 1)
        waiting.callback(None)
        self.assertEqual(len(self.delivery.messages), 2)

    def test_stop(self) -> None:
        """At the end what is under way has a moment; cut off, it is tried again by the next."""
        self.delivery.waiting = Deferred()
        self.release(self.hold())
        self.assertIs(self.only().state, State.SENDING)
        stopped = Deferred.fromCoroutine(self.chore.stop())
        self.assertNoResult(stopped)
        self.clock.advance(LAST_WORDS)
        self.successResultOf(stopped)
        self.delivery.waiting = None
        self.start()
        self.clock.advance(EVERY)
        self.assertEqual(list(self.held.listing()), [])

    def test_no_disk(self) -> None:
        """A directory that cannot be read is looked at again."""
        queue_id = self.hold()
        self.held.release(queue_id)
        away = self.held.claim_due

        for fault in (OSError(errno.EIO, "broken"), ZeroDivisionError()):
            self.held.claim_due = mock.Mock(side_effect=fault)  # type: ignore[method-assign]
            self.clock.advance(EVERY)
            self.assertEqual(self.delivery.messages, [])
        self.held.claim_due = away  # type: ignore[method-assign]
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), AT_ONCE)
        self.clock.advance(EVERY)
        self.assertEqual(len(self.delivery.messages), 1)

    def test_one_that_cannot(self) -> None:
        """One that cannot be sent at all, for a reason that nobody thought of, does not keep the others."""
        bad, good = self.hold(), self.hold()

        def unreadable(claim: Claim) -> MailObject:
            if claim.record.queue_id == bad:
                raise ZeroDivisionError
            return real(claim)

        real = Claim.mail
        self.patch(Claim, "mail", unreadable)
        for queue_id in (bad, good):
            self.held.release(queue_id)
        self.clock.pump([EVERY] * 3)
        self.assertEqual([message.mail.queue_id for message in self.delivery.messages], [good])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.patch(Claim, "mail", real)
        self.clock.advance(FIRST_PAUSE + EVERY)
        self.assertEqual([message.mail.queue_id for message in self.delivery.messages], [good, bad])

    def test_gone_but_not_surely(self) -> None:
        """Where the disk took the removal and did not say so, nobody waits for it to do it again."""
        queue_id = self.hold()
        self.held.release(queue_id)
        real, broken = HeldMail.flush, [True]

        def flush(held: HeldMail, name: str) -> None:
            if broken and name == "sending":
                raise OSError(errno.EIO, "broken")
            real(held, name)

        self.patch(HeldMail, "flush", flush)
        self.clock.advance(EVERY)
        broken.clear()
        with capturedLogs() as events:
            self.clock.advance(AGAIN)
            self.clock.pump([AGAIN] * 3)
        self.assertEqual([event for event in events if event["log_level"] is LogLevel.error], [])
        self.assertEqual((len(self.delivery.messages), list(self.held.listing())), (1, []))
