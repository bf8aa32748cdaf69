"""What follows from an attempt, and from time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.values import Attempt, Scope
from mailframe.message.address import parse_mailbox
from mailframe.message.dsn import Action
from mailframe.message.status import OK, Status
from mailframe.queue.outcomes import Outcomes
from mailframe.queue.settings import QueueOptions
from mailframe.queue.values import SLOW, Place, State
from mailframe.routing.interfaces import LocalMailbox, Route
from mailframe.testing.queue import TAKEN

from .house import DAY, DEFERRED, HOUR, REFUSED, START
from .test_schedule import BOB, queued, schedule

ROUTE = Route(way="remote", domain="example.org")


class OutcomeTests(SynchronousTestCase):
    """Rules, one by one."""

    def setUp(self) -> None:
        self.settings = QueueOptions(jitter=0, slow_way="patient")  # type: ignore[arg-type]
        self.schedule = schedule(self.settings)
        self.outcomes = Outcomes(self.settings, self.schedule)
        self.message, self.recipient = queued(self.schedule)

    @given(
        kind=st.sampled_from([2, 4, 5]),
        scope=st.sampled_from(list(Scope)),
        attempts=st.integers(0, 40),
        age=st.floats(0, 6 * DAY),
        retry_after=st.none() | st.floats(0, 10 * DAY),
    )
    def test_every_attempt(
        self, kind: int, scope: Scope, attempts: int, age: float, retry_after: float | None
    ) -> None:
        """Success and refusal are the end; all else waits, in time to come, until its time is over."""
        now = START + age
        attempt = Attempt(Status((kind, 0, 0), "x"), scope, retry_after=retry_after)
        recipient = replace(self.recipient, attempts=attempts)
        found = self.outcomes.attempted(self.message, recipient, attempt, ROUTE, now)
        state = found.recipient.state
        if kind == 2:
            self.assertIs(state, State.DELIVERED)
        elif kind == 5 or (age >= 5 * DAY and scope is not Scope.LIMIT):
            self.assertIs(state, State.FAILED)
            assert found.report is not None
            self.assertEqual(found.report.status.enhanced[0], 5)
        else:
            self.assertIs(state, State.DUE)
            self.assertIsNone(found.report)
            self.assertGreaterEqual(found.recipient.due, now)
            self.assertEqual(found.recipient.attempts, attempts + (scope is not Scope.LIMIT))
            if scope is not Scope.LIMIT:
                self.assertLessEqual(found.recipient.due, now + 4 * HOUR + 1)
        self.assertEqual(found.recipient.number, 0)

    def test_slow(self) -> None:
        """The fifth failure makes a recipient slow; the patient delivery has it at once."""
        fourth = self.outcomes.attempted(
            self.message, replace(self.recipient, attempts=3), DEFERRED, ROUTE, START
        )
        self.assertEqual(fourth.recipient.place, self.recipient.place)
        fifth = self.outcomes.attempted(self.message, fourth.recipient, DEFERRED, ROUTE, START)
        self.assertEqual(fifth.recipient.place, Place("patient:", SLOW))
        self.assertEqual(fifth.recipient.due, START)
        again = self.outcomes.attempted(
            self.message, fifth.recipient, DEFERRED, Route(way="patient", queue=SLOW), START
        )
        self.assertEqual(again.recipient.place, Place("patient:", SLOW))
        self.assertGreater(again.recipient.due, START)

    def test_mailboxes_stay(self) -> None:
        """Mail for mailboxes of our own is slow, too, but nobody else's."""
        route = Route((LocalMailbox("bob", "INBOX", parse_mailbox("bob@example.org")),), way="store")
        recipient = replace(self.recipient, attempts=4, place=Place("store:"))
        found = self.outcomes.attempted(self.message, recipient, DEFERRED, route, START)
        self.assertEqual(found.recipient.place, Place("store:", SLOW))
        lost = self.outcomes.attempted(self.message, recipient, DEFERRED, None, START)
        self.assertEqual(lost.recipient.place, Place("store:", SLOW))

    def test_delivered(self) -> None:
        """Of success only those hear who asked for it."""
        self.assertIsNone(self.outcomes.attempted(self.message, self.recipient, TAKEN, ROUTE, START).report)
        asked = replace(self.recipient, recipient=replace(BOB, parameters={"NOTIFY": "SUCCESS"}))
        for attempt, action in (
            (Attempt(OK, final=True), Action.DELIVERED),
            (Attempt(OK), Action.RELAYED),
        ):
            report = self.outcomes.attempted(self.message, asked, attempt, ROUTE, START).report
            assert report is not None
            self.assertIs(report.action, action)
        passed_on = Attempt(OK, notifies=True)
        self.assertIsNone(self.outcomes.attempted(self.message, asked, passed_on, ROUTE, START).report)

    def test_traced(self) -> None:
        """With BY and T the sender hears of each hand-over to a host that does not know DELIVERBY (RFC 2852)."""
        message, recipient = queued(self.schedule, {"BY": "600;NT"})
        report = self.outcomes.attempted(message, recipient, TAKEN, ROUTE, START).report
        assert report is not None
        self.assertIs(report.action, Action.RELAYED)

    def test_refused(self) -> None:
        """A refusal is told with the host's words."""
        report = self.outcomes.attempted(self.message, self.recipient, REFUSED, ROUTE, START).report
        assert report is not None
        self.assertEqual((report.action, report.reply), (Action.FAILED, "550 5.1.1 No such mailbox"))
        self.assertEqual(report.remote_mta, "mx.example.org")


class ReviewTests(SynchronousTestCase):
    """What follows from time."""

    def setUp(self) -> None:
        settings = QueueOptions(jitter=0)
        self.schedule = schedule(settings)
        self.outcomes = Outcomes(settings, self.schedule)
        self.message, recipient = queued(self.schedule)
        self.recipient = replace(recipient, due=START + 77)

    def test_too_early(self) -> None:
        """Nothing has come: all stays as it is."""
        found = self.outcomes.reviewed(self.message, self.recipient, START + 60)
        self.assertIsNone(found.report)
        self.assertEqual(found.recipient.due, START + 77)
        self.assertEqual(found.recipient.review, START + 4 * HOUR)

    def test_delay(self) -> None:
        """The delay is told once; the next look is at the end, and the next attempt when it was to be."""
        found = self.outcomes.reviewed(self.message, self.recipient, START + 4 * HOUR)
        assert found.report is not None
        self.assertIs(found.report.action, Action.DELAYED)
        self.assertEqual(found.report.retry_until, START + 5 * DAY)
        self.assertTrue(found.recipient.delay_told)
        self.assertEqual((found.recipient.due, found.recipient.review), (START + 77, START + 5 * DAY))
        again = self.outcomes.reviewed(self.message, found.recipient, START + 5 * HOUR)
        self.assertIsNone(again.report)

    def test_end(self) -> None:
        """The end is told with the last words that were heard."""
        recipient = replace(
            self.recipient, status=Status((4, 2, 2), "The mailbox is full"), host="mx.example.org"
        )
        found = self.outcomes.reviewed(self.message, recipient, START + 5 * DAY)
        assert found.report is not None
        self.assertIs(found.recipient.state, State.FAILED)
        self.assertEqual(found.report.status.code, "5.4.7")
        self.assertIn("4.2.2 The mailbox is full", found.report.status.text)
        self.assertEqual(found.report.remote_mta, "mx.example.org")

    def test_bounced(self) -> None:
        """What an administrator gave up is told with his words."""
        recipient = replace(self.recipient, status=Status((5, 7, 1), "Not wanted"))
        found = self.outcomes.reviewed(self.message, recipient, START + 60)
        assert found.report is not None
        self.assertEqual(str(found.report.status), "5.7.1 Not wanted")
        self.assertIs(found.recipient.state, State.FAILED)
