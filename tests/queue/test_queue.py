"""The queue takes mail, delivers it, tries again, gives up, and tells senders."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import Duration
from mailframe.delivery.interfaces import IAttempts, IDelivery
from mailframe.delivery.values import Attempt, Scope
from mailframe.message.content import Content, FileBody
from mailframe.message.mail import MailObject
from mailframe.message.status import NO_SUCH_MAILBOX, OK, UNAVAILABLE, MailframeError, Status
from mailframe.queue.interfaces import IHolding, ISpool
from mailframe.queue.queue import QueueDelivery
from mailframe.queue.settings import QueueOptions, RoomOptions, RuleOptions
from mailframe.queue.values import SLOW, ClaimRequest, Place, State
from mailframe.routing.interfaces import IMailRouter, Route
from mailframe.testing.queue import TAKEN, Attempted

from .house import DAY, DEFERRED, DOWN, HOUR, OCTETS, REFUSED, START, House, mail, now


class FreshMailTests(SynchronousTestCase):
    """Mail that comes in and goes out."""

    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.stop)

    def test_interfaces(self) -> None:
        """The queue and its fakes are what they say."""
        verifyObject(IHolding, self.house.queue)
        verifyObject(IDelivery, QueueDelivery(self.house.queue))
        verifyObject(ISpool, self.house.spool)
        verifyObject(IAttempts, self.house.delivery)
        verifyObject(IDelivery, self.house.delivery)
        verifyObject(IMailRouter, self.house.router)

    def test_at_once(self) -> None:
        """A message is delivered as it comes, from memory: one insert and one delete, nothing read."""
        self.house.spool.calls.clear()
        self.assertEqual(self.house.send(mail("bob@example.org")), [OK])
        self.assertEqual(self.house.tried(), ["bob@example.org"])
        self.assertEqual(self.house.delivery.attempts[0].octets, OCTETS)
        self.assertEqual(self.house.spool.entries, {})
        self.assertEqual(self.house.spool.calls, ["add", "conclude"])

    def test_durable_before_the_answer(self) -> None:
        """The client hears OK although the delivery takes its time, and the spool has the message then."""
        self.house.delivery.holding = True
        self.assertEqual(self.house.send(mail("bob@example.org")), [OK])
        (entry,) = self.house.spool.entries.values()
        self.assertEqual(entry.recipients[0].state, State.LEASED)
        self.house.delivery.release()
        self.assertEqual(self.house.spool.entries, {})

    def test_away(self) -> None:
        """While the spool is away mail is refused for now, and is taken when it is back."""
        self.house.spool.away = True
        (status,) = self.house.send(mail("bob@example.org"))
        self.assertTrue(status.temporary)
        self.assertEqual(self.house.tried(), [])
        self.house.spool.away = False
        self.assertEqual(self.house.send(mail("bob@example.org")), [OK])
        self.assertEqual(self.house.tried(), ["bob@example.org"])

    def test_broken(self) -> None:
        """A fault of ours is a temporary refusal, and is written down."""
        self.house.spool.entries = None  # type: ignore[assignment]
        (status,) = self.house.send(mail("bob@example.org"))
        self.assertTrue(status.temporary)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.house.spool.entries = {}

    def test_destinations(self) -> None:
        """Recipients of one destination go in one attempt, others in their own."""
        self.house.send(mail("a@example.org", "b@example.org", "c@example.net"))
        self.assertEqual(
            sorted((one.destination, one.recipient) for one in self.house.delivery.attempts),
            [
                ("remote:example.net", "c@example.net"),
                ("remote:example.org", "a@example.org"),
                ("remote:example.org", "b@example.org"),
            ],
        )
        self.assertEqual(self.house.spool.entries, {})

    def test_in_a_file(self) -> None:
        """A message whose file is gone after the answer is read from the spool."""
        body = FileBody(io.BytesIO(), 5, b"Subje")  # type: ignore[arg-type]
        message = mail("bob@example.org")
        message = MailObject(message.queue_id, message.envelope, Content(body), message.origin)
        self.patch(FileBody, "chunks", lambda self: iter([OCTETS]))
        self.house.send(message)
        body.discard()
        self.assertIn("content", self.house.spool.calls)
        self.assertEqual(self.house.delivery.attempts[0].octets, OCTETS)

    def test_refused_at_once(self) -> None:
        """A recipient that routing refuses is refused to the client, where that is possible."""
        self.house.router.others["example.net"] = NO_SUCH_MAILBOX
        self.assertEqual(self.house.send(mail("a@example.net")), [NO_SUCH_MAILBOX])
        statuses = self.house.send(mail("a@example.net", "b@example.org"), atomic=False)
        self.assertEqual(statuses, [NO_SUCH_MAILBOX, OK])
        self.assertEqual(self.house.tried(), ["b@example.org"])
        self.assertEqual(self.house.spool.entries, {})

    def test_refused_with_others(self) -> None:
        """Where one reply stands for all, the sender is told of those who cannot exist by a notice."""
        self.house.router.others["example.net"] = NO_SUCH_MAILBOX
        self.assertEqual(self.house.send(mail("a@example.net", "b@example.org")), [OK, OK])
        self.house.wait(5)
        self.assertEqual(self.house.tried(), ["b@example.org"])
        (notice,) = self.house.notices()
        self.assertIn(b"a@example.net", notice)
        self.assertEqual(self.house.spool.entries, {})

    def test_nobody_can_say(self) -> None:
        """A recipient that nobody can find the way of now is taken, and its way is found later."""
        self.house.router.others["example.net"] = UNAVAILABLE
        self.assertEqual(self.house.send(mail("a@example.net")), [OK])
        self.house.wait(10 * 60)
        self.assertEqual(self.house.tried(), [])
        del self.house.router.others["example.net"]
        self.house.wait(2 * HOUR, 10)
        self.assertEqual(self.house.tried(), ["a@example.net"])

    def test_many(self) -> None:
        """What does not fit into memory or windows waits in the spool, and all of it arrives once."""
        self.house.delivery.holding = True
        for number in range(300):
            self.assertEqual(self.house.send(mail(f"u{number}@example.org")), [OK])
        self.assertLessEqual(self.house.delivery.held, 20)
        for _ in range(600):
            self.house.delivery.release(5)
            self.house.wait(0.1, 0.1)
            if not self.house.spool.entries:
                break
        self.assertEqual(
            sorted(self.house.tried()), sorted(f"u{number}@example.org" for number in range(300))
        )
        self.assertEqual(self.house.spool.entries, {})
        self.assertEqual(self.house.delivery.most["remote:example.org"], 20)

    def test_priority(self) -> None:
        """Among what waits, urgent mail goes first."""
        self.house.spool.away = False
        usual = mail("usual@example.org", parameters={"HOLDFOR": "60"})
        urgent = mail("urgent@example.org", parameters={"HOLDFOR": "60", "MT-PRIORITY": "5"})
        self.house.send(usual)
        self.house.send(urgent)
        self.house.wait(70)
        self.assertEqual(self.house.tried(), ["urgent@example.org", "usual@example.org"])

    def test_known_route(self) -> None:
        """A route that the role has found already is not asked for again."""
        routes = [Route(way="remote", domain="example.org")]
        now(self.house.queue.accept(mail("bob@example.org"), routes))
        self.assertEqual(self.house.router.asked, 0)
        self.assertEqual(self.house.tried(), ["bob@example.org"])

    def test_verp(self) -> None:
        """With XVERP each recipient has a reverse-path of its own."""
        self.house.send(mail("a@example.org", "b@example.org", parameters={"XVERP": None}))
        self.assertEqual(
            [one.reverse_path for one in self.house.delivery.attempts],
            ["alice+a=example.org@example.test", "alice+b=example.org@example.test"],
        )

    def test_verp_cut_off(self) -> None:
        """With XVERP, who has got the message does not get it again because an attempt at another was cut off."""
        attempt = self.house.delivery.attempt

        async def slow(found: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
            self.house.delivery.holding = str(found.envelope.recipients[0].forward_path).startswith("b@")
            return await attempt(found, routes, age=age)

        self.house.delivery.attempt = slow  # type: ignore[method-assign]
        self.house.queue = self.house.another()
        now(self.house.queue.start())
        self.house.send(mail("a@example.org", "b@example.org", parameters={"XVERP": None}))
        self.house.wait(self.house.settings.attempt_timeout + 10, 10)
        self.flushLoggedErrors()
        self.house.delivery.drop()
        self.house.wait(400)
        self.assertEqual(Counter(self.house.tried()), {"a@example.org": 1, "b@example.org": 2})

    def test_unknown_way(self) -> None:
        """A way that is not configured is a temporary fault."""
        self.house.router.others["example.org"] = Route(way="nowhere", domain="example.org")
        self.assertEqual(self.house.send(mail("bob@example.org")), [OK])
        (entry,) = self.house.spool.entries.values()
        self.assertEqual(entry.recipients[0].state, State.DUE)
        del self.house.router.others["example.org"]
        self.house.wait(400)
        self.assertEqual(self.house.tried(), ["bob@example.org"])

    def test_held(self) -> None:
        """Held mail goes nowhere."""
        now(self.house.queue.hold(mail("bob@example.org"), "too much"))
        self.house.wait(600, 10)
        self.assertEqual(self.house.tried(), [])
        (entry,) = self.house.spool.entries.values()
        self.assertEqual(entry.message.reason, "too much")
        self.assertEqual(entry.recipients[0].state, State.HELD)

    def test_hold_fails(self) -> None:
        """Whoever holds mail learns that it cannot be kept."""
        self.house.spool.away = True
        self.assertRaises(MailframeError, now, self.house.queue.hold(mail("bob@example.org"), "x"))
        self.house.spool.away = False


class RetryTests(SynchronousTestCase):
    """Mail that does not arrive at once."""

    def setUp(self) -> None:
        self.house = House(QueueOptions(jitter=0, lease=Duration(600)))
        self.addCleanup(self.house.stop)

    def test_pauses(self) -> None:
        """A deferred message is tried after 5, 10, 20 and 40 minutes."""
        times: list[float] = []

        def answer(attempted: Attempted) -> Attempt:
            times.append(self.house.clock.seconds() - START)
            return TAKEN if len(times) == 5 else DEFERRED

        self.house.delivery.answer = answer
        self.house.send(mail("bob@example.org"))
        self.house.wait(2 * HOUR)
        pauses = [round((later - sooner) / 60) for sooner, later in pairwise(times)]
        self.assertEqual(pauses, [5, 10, 20, 40])
        self.assertEqual(self.house.spool.entries, {})

    def test_only_who_failed(self) -> None:
        """Those who have it do not get it again."""
        self.house.delivery.answer = lambda one: DEFERRED if one.recipient.startswith("a") else TAKEN
        self.house.send(mail("a@example.org", "b@example.org"))
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(400)
        self.assertEqual(self.house.tried(), ["a@example.org", "b@example.org", "a@example.org"])

    def test_refusal(self) -> None:
        """The sender of refused mail is told once, with the host's words."""
        self.house.delivery.answer = lambda one: REFUSED if one.reverse_path else TAKEN
        self.house.send(mail("bob@example.org"))
        self.house.wait(10)
        (notice,) = self.house.notices()
        self.assertIn(b"550 5.1.1 No such mailbox", notice)
        self.assertEqual(self.house.delivery.attempts[-1].recipient, "alice@example.test")
        self.assertEqual(self.house.spool.entries, {})

    def test_never(self) -> None:
        """Nobody is told who did not want to be, and nobody of a notice."""
        self.house.delivery.answer = lambda one: REFUSED
        self.house.send(mail("bob@example.org", notify={"NOTIFY": "NEVER"}))
        self.house.send(mail("bob@example.org", sender=None))
        self.house.wait(10)
        self.assertEqual(len(self.house.delivery.attempts), 2)
        self.assertEqual(self.house.spool.entries, {})

    def test_success_is_told(self) -> None:
        """Who asked for it hears of success, where the next host does not say it itself."""
        self.house.send(mail("bob@example.org", notify={"NOTIFY": "SUCCESS"}))
        self.house.wait(5)
        self.assertIn(b"relayed", self.house.notices()[0])
        self.house.delivery.answer = lambda one: replace(TAKEN, notifies=True)
        self.house.send(mail("carol@example.org", notify={"NOTIFY": "SUCCESS"}))
        self.house.wait(5)
        self.assertEqual(len(self.house.notices()), 1)

    def test_delay_and_end(self) -> None:
        """After four hours the sender is told of the delay, once; after five days he gets his mail back."""
        self.house.delivery.answer = lambda one: DEFERRED if one.reverse_path else TAKEN
        self.house.send(mail("bob@example.org"))
        self.house.wait(4 * HOUR - 60, 30)
        self.assertEqual(self.house.notices(), [])
        self.house.wait(120, 1)
        (delayed,) = self.house.notices()
        self.assertIn(b"Action: delayed", delayed)
        self.house.wait(5 * DAY - 4 * HOUR - 120, 60)
        self.assertEqual(len(self.house.notices()), 1)
        self.house.wait(300, 1)
        self.assertEqual(len(self.house.notices()), 2)
        self.assertIn(b"Action: failed", self.house.notices()[1])
        self.assertIn(b"Status: 5.4.7", self.house.notices()[1])
        self.assertEqual(self.house.spool.entries, {})

    def test_notices_expire_sooner(self) -> None:
        """A notification that nobody takes is gone after two days, without a word."""
        self.house.delivery.answer = lambda one: DEFERRED
        self.house.send(mail("bob@example.org", sender=None))
        self.house.wait(2 * DAY + 120, 60)
        self.assertEqual(self.house.spool.entries, {})
        self.assertEqual({one.recipient for one in self.house.delivery.attempts}, {"bob@example.org"})

    def test_slow(self) -> None:
        """What failed five times moves to the slow queue."""
        self.house.delivery.answer = lambda one: DEFERRED
        self.house.send(mail("bob@example.org"))
        self.house.wait(3 * HOUR, 10)
        (entry,) = self.house.spool.entries.values()
        self.assertEqual(entry.recipients[0].place, Place("remote:example.org", SLOW))
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(4 * HOUR, 10)
        self.assertEqual(self.house.spool.entries, {})

    def test_moved(self) -> None:
        """Where routing has changed, a message that waits goes the new way at its next turn."""
        self.house.delivery.answer = lambda one: DEFERRED
        self.house.send(mail("bob@example.org"))
        self.house.router.others["example.org"] = Route(way="remote", domain="other.example")
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(310)
        self.assertEqual(self.house.delivery.attempts[-1].destination, "remote:other.example")
        self.assertEqual(self.house.spool.entries, {})

    def test_gone_meanwhile(self) -> None:
        """Where routing comes to know that a recipient does not exist, the sender is told."""
        self.house.delivery.answer = lambda one: DEFERRED if one.reverse_path else TAKEN
        self.house.send(mail("bob@example.org"))
        self.house.router.others["example.org"] = NO_SUCH_MAILBOX
        self.house.wait(320)
        self.assertEqual(len(self.house.notices()), 1)
        self.assertEqual(self.house.spool.entries, {})

    def test_raising_delivery(self) -> None:
        """A delivery that raises costs an attempt, not the mail."""
        self.house.delivery.answer = lambda one: 1 / 0  # type: ignore[return-value, arg-type]
        self.house.send(mail("bob@example.org"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(310)
        self.assertEqual(self.house.spool.entries, {})

    def test_broken_notices(self) -> None:
        """Nobody is given up as long as the sender cannot be told for a fault of ours."""
        self.house.delivery.answer = lambda one: REFUSED if one.reverse_path else TAKEN
        notices = self.house.queue._concluding._notices
        self.patch(notices, "make", lambda *args: 1 / 0)
        self.house.send(mail("bob@example.org"))
        self.house.wait(10)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.house.spool.entries), 1)
        del notices.make
        self.house.wait(400)
        self.assertEqual(len(self.house.notices()), 1)
        self.assertEqual(self.house.spool.entries, {})

    def test_write_down_later(self) -> None:
        """When the disk does not take what became of a message, it is written down later and not sent again."""
        self.house.delivery.holding = True
        self.house.send(mail("bob@example.org"))
        self.house.spool.away = True
        self.house.delivery.release()
        self.house.wait(20)
        self.assertEqual(len(self.house.spool.entries), 1)
        self.house.spool.away = False
        self.house.wait(40)
        self.assertEqual(self.house.spool.entries, {})
        self.assertEqual(self.house.tried(), ["bob@example.org"])

    def test_hangs(self) -> None:
        """A delivery that never answers is cut off, and the message tried again."""
        self.house.delivery.holding = True
        self.house.send(mail("bob@example.org"))
        self.house.wait(HOUR + 10, 10)
        (entry,) = self.house.spool.entries.values()
        self.assertEqual(entry.recipients[0].state, State.DUE)
        self.house.delivery.holding = False
        self.house.wait(400, 5)
        self.assertEqual(self.house.spool.entries, {})

    def test_retry_after(self) -> None:
        """A host or limit that says when to come again is believed."""
        self.house.delivery.answer = lambda one: replace(DEFERRED, retry_after=30.0)
        self.house.send(mail("bob@example.org"))
        self.house.wait(25)
        self.assertEqual(len(self.house.tried()), 1)
        self.house.wait(10)
        self.assertEqual(len(self.house.tried()), 2)


class FutureReleaseTests(SynchronousTestCase):
    """Times that senders ask for."""

    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.stop)

    def test_hold_for(self) -> None:
        """A message to be kept for an hour goes after an hour (RFC 4865)."""
        self.house.send(mail("bob@example.org", parameters={"HOLDFOR": "3600"}))
        self.house.wait(3590, 5)
        self.assertEqual(self.house.tried(), [])
        self.house.wait(20)
        self.assertEqual(self.house.tried(), ["bob@example.org"])

    def test_return_when_late(self) -> None:
        """A message that must be there in ten minutes comes back after ten minutes (RFC 2852, R)."""
        self.house.delivery.answer = lambda one: DEFERRED if one.reverse_path else TAKEN
        self.house.send(mail("bob@example.org", parameters={"BY": "600;R"}))
        self.house.wait(590)
        self.assertEqual(self.house.notices(), [])
        self.assertGreater(len(self.house.tried()), 2)
        self.house.wait(20)
        self.assertIn(b"5.4.7", self.house.notices()[0])
        self.assertEqual(self.house.spool.entries, {})

    def test_tell_when_late(self) -> None:
        """With N the sender is told after the time, and the message goes on (RFC 2852)."""
        self.house.delivery.answer = lambda one: DEFERRED if one.reverse_path else TAKEN
        self.house.send(mail("bob@example.org", parameters={"BY": "600;N"}))
        self.house.wait(620)
        self.assertIn(b"Action: delayed", self.house.notices()[0])
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(HOUR, 5)
        self.assertEqual(self.house.spool.entries, {})


class DestinationTests(SynchronousTestCase):
    """Destinations that give trouble."""

    def setUp(self) -> None:
        self.house = House(QueueOptions(jitter=0, deliveries=10, lease=Duration(600)))
        self.addCleanup(self.house.stop)

    def test_dead(self) -> None:
        """A dead destination is tried by one message at a time, and costs the others neither tries nor time."""
        self.house.delivery.answer = lambda one: DOWN if "dead" in one.destination else TAKEN
        for number in range(200):
            self.house.send(mail(f"u{number}@dead.example"))
        self.assertEqual(len(self.house.tried()), 1)
        self.house.send(mail("bob@example.org"))
        self.assertEqual(self.house.tried()[-1], "bob@example.org")
        self.house.wait(20 * 60)
        dead = [one for one in self.house.tried() if "dead" in one]
        # At 0, 5 and 15 minutes: closed for 5, 10 and 20.
        self.assertEqual(len(dead), 3)
        attempts = [e.recipients[0].attempts for e in self.house.spool.entries.values()]
        self.assertEqual(sum(attempts), 3)

    def test_back(self) -> None:
        """When it answers again, all of its mail goes."""
        self.house.delivery.answer = lambda one: DOWN
        for number in range(50):
            self.house.send(mail(f"u{number}@dead.example"))
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(400)
        self.assertEqual(self.house.spool.entries, {})
        self.assertEqual(self.house.spool.places, {})
        self.assertEqual(len(set(self.house.tried())), 50)

    def test_dead_expires(self) -> None:
        """Mail for a dead destination is given back in time although it was never attempted."""
        self.house.delivery.answer = lambda one: DOWN if one.reverse_path else TAKEN
        for number in range(3):
            self.house.send(mail(f"u{number}@dead.example"))
        self.house.wait(5 * DAY + 60, 60)
        self.assertEqual(self.house.spool.entries, {})
        failed = [one for one in self.house.notices() if b"Action: failed" in one]
        self.assertEqual(len(failed), 3)

    def test_other_workers_know(self) -> None:
        """What one worker found dead, the other does not try."""
        other = self.house.another()
        now(other.start())
        self.house.delivery.answer = lambda one: DOWN
        self.house.send(mail("a@dead.example"))
        self.house.wait(6)
        now(other.accept(mail("b@dead.example")))
        self.assertEqual(self.house.tried(), ["a@dead.example"])
        self.house.queue, first = other, self.house.queue
        self.house.stop()
        self.house.queue = first

    def test_flaky(self) -> None:
        """A destination that mostly answers is not closed for one failure."""
        self.house.send(mail("a@example.org"))
        self.house.delivery.answer = lambda one: DOWN
        self.house.send(mail("b@example.org"))
        self.assertEqual(self.house.spool.places, {})
        self.house.delivery.answer = lambda one: TAKEN
        self.house.send(mail("c@example.org"))
        self.assertEqual(self.house.tried(), ["a@example.org", "b@example.org", "c@example.org"])

    def test_limit(self) -> None:
        """A limit of ours is no attempt, and nothing else is tried until it is over."""
        limited = Attempt(Status((4, 4, 5), "Enough for now"), Scope.LIMIT, retry_after=60.0)
        self.house.delivery.answer = lambda one: limited
        for number in range(5):
            self.house.send(mail(f"u{number}@example.org"))
        self.assertEqual(len(self.house.tried()), 1)
        self.house.delivery.answer = lambda one: TAKEN
        self.house.wait(50)
        self.assertEqual(len(self.house.tried()), 1)
        attempts = [e.recipients[0].attempts for e in self.house.spool.entries.values()]
        self.assertEqual(attempts, [0] * 5)
        self.house.wait(20)
        self.assertEqual(self.house.spool.entries, {})

    def test_bad_one_delays_nobody(self) -> None:
        """A destination that hangs, with a thousand messages, does not delay mail for another."""
        self.house.delivery.holding = True
        for number in range(1000):
            self.house.send(mail(f"u{number}@slow.example"))
        self.house.wait(10)
        self.house.delivery.holding = False
        self.house.send(mail("bob@example.org"))
        self.assertEqual(self.house.tried()[-1], "bob@example.org")
        self.assertLessEqual(self.house.delivery.held, 10)
        self.house.delivery.release()

    def test_rule(self) -> None:
        """A rule gives one domain fewer deliveries at a time."""
        rule = RuleOptions(domains=["*.example"], deliveries=2, first_retry=60)
        house = House(QueueOptions(jitter=0, rules=[rule]))
        self.addCleanup(house.stop)
        house.delivery.holding = True
        for number in range(20):
            house.send(mail(f"u{number}@slow.example"))
        self.assertEqual(house.delivery.held, 2)
        house.delivery.holding = False
        house.delivery.release()

    def test_all_workers(self) -> None:
        """A limit for the node holds for two workers together."""
        from mailframe.limits.memory import MemoryTallies

        house = House(QueueOptions(jitter=0, deliveries_of_all=3), start=False)
        house.options["tallies"] = MemoryTallies(house.clock)
        house.queue, other = house.another(), house.another()
        now(house.queue.start())
        now(other.start())
        house.delivery.holding = True
        for number in range(5):
            house.send(mail(f"a{number}@example.org"))
            now(other.accept(mail(f"b{number}@example.org")))
        self.assertEqual(house.delivery.held, 3)
        for _ in range(20):
            house.delivery.release()
            house.wait(2)
        self.assertEqual(house.spool.entries, {})
        self.assertEqual(house.delivery.most["remote:example.org"], 3)
        house.stop()
        house.queue = other
        house.stop()


class SlowWayTests(SynchronousTestCase):
    """Another delivery takes over what is slow."""

    def setUp(self) -> None:
        self.house = House(QueueOptions(jitter=0, slow_after=2, slow_way="patient"))  # type: ignore[arg-type]
        self.addCleanup(self.house.stop)

    def test_takes_over(self) -> None:
        """After two failures the patient delivery has the message, at once."""
        self.house.delivery.answer = lambda one: DEFERRED
        self.house.send(mail("bob@example.org"))
        self.house.wait(310)
        self.assertEqual(len(self.house.tried()), 2)
        self.assertEqual([one.destination for one in self.house.slow.attempts], ["patient:"])
        self.assertEqual(self.house.spool.entries, {})

    def test_not_our_own(self) -> None:
        """Mail that no way was found for is not for another host."""
        self.house.router.others["example.org"] = UNAVAILABLE
        self.house.send(mail("bob@example.org"))
        self.house.wait(HOUR, 5)
        self.assertEqual(self.house.slow.attempts, [])


class RoomTests(SynchronousTestCase):
    """Room is refused before there is trouble."""

    def test_messages(self) -> None:
        """A full queue says 452 4.3.1, at MAIL and at the end of data, until there is room again."""
        house = House(QueueOptions(jitter=0, room=RoomOptions(messages=2, network_share=100)))
        self.addCleanup(house.stop)
        house.delivery.holding = True
        message = mail("bob@example.org")
        for _ in range(2):
            self.assertEqual(house.send(mail("bob@example.org")), [OK])
        self.assertEqual(house.send(message)[0].code, "4.3.1")
        refusal = now(house.queue.admission.mail(message.origin, message.envelope))
        assert refusal is not None
        self.assertEqual(refusal.code, "4.3.1")
        self.assertIn("2 messages", now(house.queue.health()) or "")
        house.delivery.release()
        house.wait(6)
        self.assertEqual(house.send(message), [OK])
        house.delivery.release()

    def test_share(self) -> None:
        """One account cannot fill the queue; another one still has room."""
        house = House(QueueOptions(jitter=0, room=RoomOptions(messages=20)))
        self.addCleanup(house.stop)
        house.delivery.holding = True
        statuses = [house.send(mail("bob@example.org", login="alice"))[0] for _ in range(4)]
        self.assertEqual([status.code for status in statuses], ["2.0.0", "2.0.0", "4.3.1", "4.3.1"])
        self.assertEqual(house.send(mail("bob@example.org", login="carol")), [OK])
        house.delivery.release()


class WorkerTests(SynchronousTestCase):
    """Workers come and go."""

    def test_stop(self) -> None:
        """At the end what is under way may finish, and nothing is left behind."""
        house = House()
        house.delivery.holding = True
        house.send(mail("bob@example.org"))
        done: list[object] = []
        Deferred.fromCoroutine(house.queue.stop()).addBoth(done.append)
        self.assertEqual(done, [])
        house.delivery.release()
        self.assertEqual(done, [None])
        self.assertEqual(house.spool.entries, {})
        self.assertFalse(house.spool.running)
        self.assertEqual(house.clock.getDelayedCalls(), [])

    def test_cut_off(self) -> None:
        """What does not end in time is due for others at once."""
        house = House()
        house.delivery.holding = True
        for _ in range(30):
            house.send(mail("bob@example.org"))
        house.stop()
        self.assertEqual(len(house.spool.entries), 30)
        self.assertEqual({e.recipients[0].state for e in house.spool.entries.values()}, {State.DUE})
        self.assertEqual(house.clock.getDelayedCalls(), [])

    def test_died(self) -> None:
        """The work of a worker that died is taken over when its lease has ended."""
        house = House()
        house.delivery.holding = True
        house.send(mail("bob@example.org"))
        # It dies: nothing of it runs any more.
        for call in list(house.clock.getDelayedCalls()):
            call.cancel()
        house.delivery.holding = False
        house.queue = house.another()
        now(house.queue.start())
        house.wait(30)
        self.assertEqual(len(house.tried()), 1)
        house.wait(70)
        self.assertEqual(len(house.tried()), 2)
        self.assertEqual(house.spool.entries, {})
        house.stop()

    def test_starts_later(self) -> None:
        """A queue whose spool is away at the start begins when it is there."""
        house = House(start=False)
        house.spool.away = True
        now(house.queue.start())
        self.assertIsNotNone(now(house.queue.health()))
        self.assertTrue(house.send(mail("bob@example.org"))[0].temporary)
        house.spool.away = False
        house.wait(25)
        self.assertIsNone(now(house.queue.health()))
        self.assertEqual(house.send(mail("bob@example.org")), [OK])
        house.stop()

    def test_lost_lease(self) -> None:
        """A worker that lost its lease gets another and goes on."""
        house = House()
        self.addCleanup(house.stop)
        house.spool.runners.clear()
        house.wait(25)
        self.assertEqual(len(house.spool.runners), 1)
        self.assertEqual(house.send(mail("bob@example.org")), [OK])
        self.assertEqual(house.spool.entries, {})

    def test_stopped_for_long(self) -> None:
        """A worker that slept longer than its lease leaves alone what others have taken over meanwhile."""
        house = House(QueueOptions(jitter=0, first_deliveries=1))
        self.addCleanup(house.stop)
        house.delivery.holding = True
        for _ in range(2):
            house.send(mail("bob@example.org"))
        self.assertEqual(len(house.tried()), 1)
        # It sleeps; when it wakes, another one has its work, and everything that was to happen happens at once.
        house.clock.rightNow += 100
        now(house.spool.take_over())
        other = now(house.spool.enlist(1000))
        self.assertEqual(len(now(house.spool.claim(other, ClaimRequest("normal", 10, 10)))), 2)
        house.delivery.release()
        house.delivery.holding = False
        house.wait(30)
        self.assertEqual(len(house.tried()), 1, "what waited was sent, though it is another's")
        self.assertEqual(len(house.spool.entries), 1)

    def test_unsure_of_its_lease(self) -> None:
        """While the spool cannot be asked whose mail it is, nothing is begun; then it goes on."""
        house = House(QueueOptions(jitter=0, first_deliveries=1))
        self.addCleanup(house.stop)
        house.delivery.holding = True
        for _ in range(2):
            house.send(mail("bob@example.org"))
        house.spool.away = True
        house.wait(55)
        house.delivery.release()
        house.wait(5)
        self.assertEqual(len(house.tried()), 1)
        house.spool.away, house.delivery.holding = False, False
        house.wait(60)
        self.assertEqual(len(house.tried()), 2)
        self.assertEqual(house.spool.entries, {})

    def test_spool_away_for_long(self) -> None:
        """When the spool was away for longer than leases last, nobody takes over what the living still have."""
        house = House()
        other = house.another()
        self.addCleanup(house.stop)
        house.delivery.holding = True
        house.send(mail("bob@example.org"))
        # So that the other looks for what is left over before the first has renewed its lease.
        house.wait(15)
        now(other.start())
        self.addCleanup(lambda: Deferred.fromCoroutine(other.stop()))
        house.wait(15)
        house.spool.away = True
        house.delivery.release()
        house.delivery.holding = False
        house.wait(191)
        house.spool.away = False
        house.wait(300)
        self.assertEqual(house.spool.entries, {})
        self.assertEqual(house.tried(), ["bob@example.org"])
