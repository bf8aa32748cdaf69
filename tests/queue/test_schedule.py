"""When mail is tried again, told of, and given up."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Duration
from mailframe.message.address import parse_mailbox
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin
from mailframe.queue.rules import Rules
from mailframe.queue.schedule import LAST_TRIES, NEVER, Schedule
from mailframe.queue.settings import QueueOptions, RuleOptions
from mailframe.queue.values import LAST_LANE, USUAL_LANE, Place, QueuedMessage, QueuedRecipient

from .house import DAY, HOUR, START

BOB = Recipient(parse_mailbox("bob@example.org"))
ALICE = parse_mailbox("alice@example.test")


def schedule(settings: QueueOptions | None = None) -> Schedule:
    """One with a chance that can be told."""
    settings = settings or QueueOptions()
    return Schedule(settings, Rules(settings), random.Random(1))


def queued(
    of: Schedule,
    parameters: dict[str, str | None] | None = None,
    null: bool = False,
    recipient: Recipient = BOB,
) -> tuple[QueuedMessage, QueuedRecipient]:
    """A message with one recipient that came at `START`."""
    envelope = Envelope(None if null else ALICE, [], parameters or {})
    expires = of.expires(envelope, [recipient], START)
    message = QueuedMessage("Q", envelope, Origin("s", "192.0.2.1"), START, expires, of.lane(envelope))
    return message, QueuedRecipient(0, recipient, Place("remote:example.org"))


class PauseTests(SynchronousTestCase):
    """Pauses between attempts."""

    @given(
        attempts=st.integers(1, 10_000),
        first=st.floats(1, 7200),
        longest=st.floats(1, 86400),
        jitter=st.integers(0, 50),
    )
    def test_bounds(self, attempts: int, first: float, longest: float, jitter: int) -> None:
        """A pause doubles from the first to the longest, and chance moves it no further than it may."""
        options = QueueOptions(first_retry=Duration(first), longest_retry=Duration(longest), jitter=jitter)
        one = schedule(options)
        message, recipient = queued(one)
        pause = one.retry(message, recipient, attempts, START) - START
        meant = min(longest, first * 2 ** min(attempts - 1, 40))
        self.assertGreaterEqual(pause, meant * (1 - jitter / 100) - 0.001)
        self.assertLessEqual(pause, meant * (1 + jitter / 100) + 0.001)

    def test_chance(self) -> None:
        """What failed together does not come back together."""
        one = schedule()
        message, recipient = queued(one)
        self.assertGreater(len({one.retry(message, recipient, 1, START) for _ in range(20)}), 10)

    @given(attempts=st.integers(1, 50), seconds=st.integers(1, 100_000), passed=st.integers(0, 100_000))
    def test_in_time(self, attempts: int, seconds: int, passed: int) -> None:
        """Mail that has to be there by a time is tried again before it, as long as there is time for that."""
        one = schedule()
        message, recipient = queued(one, {"BY": f"{seconds};R"})
        now = START + min(passed, seconds)
        due = one.retry(message, recipient, attempts, now)
        self.assertGreater(due, now)
        self.assertLessEqual(due, max(now + LAST_TRIES, message.expires))


class EndTests(SynchronousTestCase):
    """Ends and notices."""

    def test_usual(self) -> None:
        """Five days, told after four hours."""
        one = schedule()
        message, recipient = queued(one)
        self.assertEqual(one.end(message, BOB) - START, 5 * DAY)
        self.assertEqual(one.review(message, recipient) - START, 4 * HOUR)

    def test_null_sender(self) -> None:
        """A notification: two days, nobody is told, and it goes last."""
        one = schedule()
        message, recipient = queued(one, null=True)
        self.assertEqual(one.end(message, BOB) - START, 2 * DAY)
        self.assertEqual(one.delay_notice(message, recipient), NEVER)
        self.assertEqual(message.lane, LAST_LANE)

    def test_lanes(self) -> None:
        """MT-PRIORITY chooses the lane."""
        one = schedule()
        self.assertEqual(queued(one)[0].lane, USUAL_LANE)
        self.assertEqual(queued(one, {"MT-PRIORITY": "9"})[0].lane, 0)
        self.assertEqual(queued(one, {"MT-PRIORITY": "-9"})[0].lane, 18)

    def test_not_told(self) -> None:
        """Who did not ask for it (NOTIFY) hears of no delay."""
        one = schedule()
        for notify in ("NEVER", "FAILURE", "SUCCESS,FAILURE"):
            recipient = Recipient(BOB.forward_path, {"NOTIFY": notify})
            message, queued_one = queued(one, recipient=recipient)
            self.assertEqual(one.delay_notice(message, queued_one), NEVER)
        never = schedule(QueueOptions(delay_notice=Duration(0)))
        self.assertEqual(never.delay_notice(*queued(never)), NEVER)

    def test_kept(self) -> None:
        """All times of a message that is to be kept begin when it may go (HOLDFOR, HOLDUNTIL)."""
        one = schedule()
        message, recipient = queued(one, {"HOLDFOR": "86400"})
        self.assertEqual(one.release(message.envelope, START) - START, DAY)
        self.assertEqual(one.end(message, BOB) - START, 6 * DAY)
        self.assertEqual(one.delay_notice(message, recipient) - START, DAY + 4 * HOUR)
        until = Envelope(ALICE, [], {"HOLDUNTIL": "2023-11-15T00:00:00Z"})
        self.assertEqual(one.release(until, START), 1_700_006_400)
        self.assertEqual(one.release(until, START + DAY), START + DAY)

    def test_by(self) -> None:
        """R ends it; N tells the sender, and the message goes on."""
        one = schedule()
        message, _ = queued(one, {"BY": "600;R"})
        self.assertEqual(one.end(message, BOB) - START, 600)
        message, recipient = queued(one, {"BY": "600;N"})
        self.assertEqual(one.end(message, BOB) - START, 5 * DAY)
        self.assertEqual(one.delay_notice(message, recipient) - START, 600)
        message, recipient = queued(one, {"BY": "-60;N"})
        self.assertEqual(one.delay_notice(message, recipient), START)

    def test_rules(self) -> None:
        """Each recipient has the times of its domain; the message lasts as long as the longest."""
        settings = QueueOptions(rules=[RuleOptions(domains=["example.org"], expires=Duration(HOUR))])
        one = schedule(settings)
        other = Recipient(parse_mailbox("bob@example.net"))
        envelope = Envelope(ALICE)
        self.assertEqual(one.expires(envelope, [BOB, other], START) - START, 5 * DAY)
        message = QueuedMessage("Q", envelope, Origin("s", ""), START, START + 5 * DAY)
        self.assertEqual(one.end(message, BOB) - START, HOUR)
        self.assertEqual(one.end(message, other) - START, 5 * DAY)
        # Somebody released it after a month: it has its time from then.
        late = QueuedMessage("Q", envelope, Origin("s", ""), START, START + 35 * DAY)
        self.assertEqual(one.end(late, BOB) - START, 35 * DAY)


class RuleTests(SynchronousTestCase):
    """Rules by domain."""

    def setUp(self) -> None:
        self.rules = Rules(
            QueueOptions(
                rules=[
                    RuleOptions(domains=["Example.ORG", "smarthost:"], deliveries=1),
                    RuleOptions(domains=["*.example.org"], deliveries=2),
                    RuleOptions(domains=["xn--bcher-kva.example"], deliveries=3),
                    RuleOptions(domains=["[IPv6:2001:db8::1]"], deliveries=4),
                    RuleOptions(domains=["*"], deliveries=5),
                ]
            )
        )

    def test_first_that_fits(self) -> None:
        """The first rule that fits counts, for a domain and for a destination."""
        for name, deliveries in (
            ("example.org", 1),
            ("remote:example.org", 1),
            ("smarthost:", 1),
            ("mx.example.org", 2),
            ("notexample.org", 5),
            ("remote:bücher.example", 3),
            ("remote:xn--bcher-kva.example", 3),
            ("[ipv6:2001:db8::1]", 4),
            ("remote:[ipv6:2001:db8::1]", 4),
            ("", 5),
        ):
            self.assertEqual(self.rules.of(name).deliveries, deliveries, name)

    def test_bad_pattern(self) -> None:
        """A pattern that could never fit is a fault of the configuration."""
        for pattern in ("", "a*b.example", "two words", "*."):
            self.assertRaises(ValueError, RuleOptions, domains=[pattern])
        self.assertRaises(ValueError, RuleOptions, domains=[])
