"""How much one user may send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.limits.memory import MemoryTallies
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.interfaces import Hold, IConclusionPolicy, IContentPolicy
from mailframe.policy.sending_limits import DAY, HOUR, Limits, SendingLimits
from mailframe.testing.smtp import run

ALICE = "alice@example.test"
BOB = Recipient(Address("bob", "example.test"))


class SendingLimitsTests(SynchronousTestCase):
    """How much one user may send."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.tallies = MemoryTallies(self.clock)

    def limits(self, **options: object) -> SendingLimits:
        names = ("messages_per_hour", "messages_per_day", "recipients_per_hour", "recipients_per_day")
        own = Limits(**{name: options.pop(name) for name in names if name in options})  # type: ignore[arg-type]
        return SendingLimits(self.tallies, own, **options)  # type: ignore[arg-type]

    def mail(self, login: str | None = ALICE, recipients: int = 1, peer: str = "192.0.2.1") -> MailObject:
        envelope = Envelope(None, [BOB] * recipients)
        return MailObject(new_queue_id(), envelope, Content.of(b"\r\n"), Origin("S", peer, login=login))

    def send(self, policy: SendingLimits, mail: MailObject | None = None, accepted: bool = True) -> str:
        mail = mail or self.mail()
        verdict = run(policy.content(mail))
        policy.concluded(mail, accepted)
        if isinstance(verdict, Status):
            return verdict.code
        return "held" if isinstance(verdict, Hold) else "sent"

    def test_messages(self) -> None:
        """Over the messages of an hour mail is held, and goes again when the hour is over."""
        policy = self.limits(messages_per_hour=3)
        verifyObject(IContentPolicy, policy)
        verifyObject(IConclusionPolicy, policy)
        self.assertEqual([self.send(policy) for _ in range(5)], ["sent"] * 3 + ["held"] * 2)
        self.assertEqual(self.send(policy, self.mail("bob@example.test")), "sent")
        self.clock.advance(HOUR * 1.3)
        self.assertEqual(self.send(policy), "sent")

    def test_day(self) -> None:
        """The limit of a day counts what was sent in all of its hours."""
        policy = self.limits(messages_per_hour=3, messages_per_day=4)
        self.assertEqual([self.send(policy) for _ in range(3)], ["sent"] * 3)
        self.clock.advance(HOUR * 2)
        self.assertEqual([self.send(policy) for _ in range(2)], ["sent", "held"])
        self.clock.advance(DAY * 1.3)
        self.assertEqual(self.send(policy), "sent")

    def test_recipients(self) -> None:
        """Recipients count, each; one message too large for a limit is held though nothing was sent before."""
        policy = self.limits(recipients_per_day=100)
        self.assertEqual(self.send(policy, self.mail(recipients=101)), "held")
        self.assertEqual(self.send(policy, self.mail(recipients=60)), "sent")
        self.assertEqual(self.send(policy, self.mail(recipients=41)), "held")
        self.assertEqual(self.send(policy, self.mail(recipients=40)), "sent")
        self.assertEqual(self.send(policy), "held")

    def test_reason(self) -> None:
        """Who looks at held mail sees which limit it was."""
        verdict = run(self.limits(recipients_per_day=1).content(self.mail(recipients=2)))
        self.assertEqual(verdict, Hold(f"{ALICE} is over its limit of 1 recipients per day"))

    def test_not_accepted(self) -> None:
        """What was refused for now and comes again counts once."""
        policy = self.limits(messages_per_hour=1)
        self.assertEqual([self.send(policy, accepted=False) for _ in range(3)], ["sent"] * 3)
        self.assertEqual([self.send(policy) for _ in range(2)], ["sent", "held"])

    def test_many_at_once(self) -> None:
        """Messages that are under way at the same time count too."""
        policy = self.limits(messages_per_hour=2)
        mails = [self.mail() for _ in range(4)]
        verdicts = [run(policy.content(mail)) for mail in mails]
        self.assertEqual([isinstance(verdict, Hold) for verdict in verdicts], [False, False, True, True])
        for mail in mails:
            policy.concluded(mail, False)
        self.assertEqual(self.send(policy), "sent")

    def test_many_workers(self) -> None:
        """What is under way in other workers counts too, and no more than the limit goes whichever worker is asked."""
        workers = [
            self.limits(recipients_per_hour=10, messages_per_hour=100, held_per_day=1) for _ in range(3)
        ]
        mails = [self.mail(recipients=4) for _ in workers]
        verdicts = [run(worker.content(mail)) for worker, mail in zip(workers, mails, strict=True)]
        self.assertEqual([isinstance(verdict, Hold) for verdict in verdicts], [False, False, True])
        # What is held, and not yet so durably, counts as held.
        self.assertEqual(self.send(workers[0], self.mail(recipients=4)), "4.7.1")
        for worker, mail in zip(workers, mails, strict=True):
            worker.concluded(mail, mail is not mails[0])
        self.assertEqual(self.send(workers[2], self.mail(recipients=7)), "4.7.1")
        self.assertEqual(self.send(workers[2], self.mail(recipients=6)), "sent")
        self.assertEqual(self.send(workers[1]), "4.7.1")

    def test_not_held(self) -> None:
        """What could not be held, and comes again, counts once as well."""
        policy = self.limits(messages_per_hour=1, held_per_day=1)
        self.assertEqual(self.send(policy), "sent")
        self.assertEqual([self.send(policy, accepted=False) for _ in range(3)], ["held"] * 3)
        self.assertEqual([self.send(policy) for _ in range(2)], ["held", "4.7.1"])

    def test_nothing_stays(self) -> None:
        """However a message ends, nothing of it is under way afterwards."""
        policy = self.limits(messages_per_hour=2, recipients_per_day=3, held_per_day=1)
        for accepted in (True, False, True, True, True):
            self.send(policy, self.mail(recipients=2), accepted)
        for what in ("messages", "recipients", "held"):
            self.assertEqual(self.tallies.count(f"submission.{what}.under-way", ALICE), 0)

    def test_refuse(self) -> None:
        """Where that is configured, mail over a limit is refused for now instead."""
        policy = self.limits(messages_per_hour=1, over="refuse")
        self.assertEqual([self.send(policy) for _ in range(2)], ["sent", "4.7.1"])

    def test_too_much_held(self) -> None:
        """Only so much of one user is held; more is refused for now, so that others' mail has room."""
        policy = self.limits(messages_per_hour=1, held_per_day=2)
        self.assertEqual([self.send(policy) for _ in range(4)], ["sent", "held", "held", "4.7.1"])

    def test_own_limits(self) -> None:
        """Some accounts have limits of their own, or none."""
        own = {"Alice@example.test": Limits(messages_per_hour=2), "news@example.test": Limits()}
        policy = self.limits(messages_per_hour=1, accounts=own)
        self.assertEqual([self.send(policy) for _ in range(3)], ["sent", "sent", "held"])
        self.assertEqual([self.send(policy, self.mail("news@example.test")) for _ in range(9)], ["sent"] * 9)
        self.assertEqual(
            [self.send(policy, self.mail("bob@example.test")) for _ in range(2)], ["sent", "held"]
        )

    def test_without_login(self) -> None:
        """A client that need not log in is its address."""
        policy = self.limits(messages_per_hour=1)
        self.assertEqual([self.send(policy, self.mail(None)) for _ in range(2)], ["sent", "held"])
        self.assertEqual(self.send(policy, self.mail(None, peer="192.0.2.2")), "sent")

    @given(st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.integers(0, 2000)), max_size=40))
    def test_never_more(self, sendings: list[tuple[int, bool, int]]) -> None:
        """However it is tried, no more than the limit goes within an hour, but for the fading of its oldest fifth."""
        self.setUp()
        policy = self.limits(recipients_per_hour=12)
        sent: list[tuple[float, int]] = []
        for recipients, accepted, pause in sendings:
            if self.send(policy, self.mail(recipients=recipients), accepted) == "sent" and accepted:
                sent.append((self.clock.seconds(), recipients))
            within = sum(count for at, count in sent if at > self.clock.seconds() - HOUR * 0.8)
            self.assertLessEqual(within, 12)
            self.clock.advance(pause)
