"""A node of several workers, its senders, and what each of them is told; the model of what must have happened."""

from __future__ import annotations

import email
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Duration
from mailframe.delivery.shaping_options import ShapingOptions
from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.queue.notices import Notices, NoticeSettings
from mailframe.queue.queue import Queue, QueueDelivery
from mailframe.queue.settings import QueueOptions
from mailframe.queue.spool.memory import MemorySpool
from mailframe.testing.queue import DomainRouter
from mailframe.testing.wires import Wire

from .hosts import EXPIRED, PERSONALITIES, REFUSED, TAKEN, Host, kind
from .sky import Sky, WorkerClock

HOUR = 3600.0
OPTIONS = QueueOptions(
    first_retry=Duration(60),
    longest_retry=Duration(600),
    expires=Duration(3 * HOUR),
    notice_expires=Duration(3 * HOUR),
    delay_notice=Duration(HOUR),
    closed_first=Duration(60),
    closed_longest=Duration(600),
    lease=Duration(90),
    poll=Duration(10),
    slow_after=6,
    first_deliveries=2,
    deliveries=5,
)
LATEST = 4.5 * HOUR
"""Seconds after which nothing may be left: the time mail has, the last attempt, and the notifications' own way."""
LEASED = 2 * 90.0
"""Seconds that mail may wait for somebody to take it up when its worker has ended."""


@dataclass(frozen=True)
class Sent:
    """One recipient of a message, and what is asked about it."""

    recipient: str
    domain: str
    sender: str
    notify: str | None
    at: float


class Worker:
    """One process: a queue, its way out, and a clock that dies with it."""

    def __init__(
        self, sky: Sky, spool: Any, settings: QueueOptions, shaping: Sequence[ShapingOptions], seed: int
    ) -> None:
        self.clock = WorkerClock(sky.clock)
        self.wires: list[Wire] = []
        self.delivery = sky.way_out(self.clock, self.wires, shaping, seed)
        self.queue = Queue(
            spool,
            DomainRouter(),
            {"remote": self.delivery},
            self.clock,
            settings,
            "out.home.test",
            Notices("out.home.test", NoticeSettings(), self.clock.seconds),
        )
        run(self.queue.start())

    def die(self) -> None:
        """Nothing of it is heard of any more."""
        self.clock.dead = True
        for part in (self.queue._claims, self.queue._review, self.queue._runner):
            # Else what Python clears away of it would begin new work.
            part.stop()
        for wire in self.wires:
            wire.client.protocol = None
            wire.client.abortConnection()


class World:
    """Workers, hosts and senders.

    Args:
        domains: personalities by domain.
        trouble: seconds that the trouble of each lasts.
        workers: how many.
        spool: makes what they share.
    """

    def __init__(
        self,
        domains: dict[str, str],
        trouble: dict[str, float],
        workers: int = 1,
        settings: QueueOptions = OPTIONS,
        shaping: Sequence[ShapingOptions] = (),
        spool: Callable[[Callable[[], float]], Any] = MemorySpool,
    ) -> None:
        self.sky = Sky()
        self.clock = self.sky.clock
        self.domains = domains
        self.home = Host(self.sky, kind)
        self.sky.settle_in("mx.home.test", self.home)
        self.sky.domain("home.test", "mx.home.test")
        self.hosts: dict[str, list[Host]] = {
            domain: PERSONALITIES[name].live(self.sky, domain, trouble[domain])
            for domain, name in domains.items()
        }
        self.trouble = {domain: self.clock.seconds() + seconds for domain, seconds in trouble.items()}
        self.spool = spool(self.clock.seconds)
        self.settings, self.shaping = settings, shaping
        self.seeds = iter(range(10_000))
        self.workers = [self.worker() for _ in range(workers)]
        self.dead: list[Worker] = []
        self.restarts = 0
        self.copies = 0
        self.sent: dict[str, Sent] = {}
        self.numbers = iter(range(1_000_000))

    def worker(self) -> Worker:
        """One more."""
        return Worker(self.sky, self.spool, self.settings, self.shaping, next(self.seeds))

    def kill(self, place: int) -> None:
        """A worker is killed, and another one starts in its place."""
        place %= len(self.workers)
        self.workers[place].die()
        self.dead.append(self.workers[place])
        self.workers[place] = self.worker()

    def restart(self, place: int) -> None:
        """A worker ends in peace, and another one starts in its place."""
        place %= len(self.workers)
        self.restarts += 1
        self.stop(self.workers[place])
        self.workers[place] = self.worker()

    def send(
        self, domains: Sequence[str], notify: str | None = None, null: bool = False, place: int = 0
    ) -> list[str]:
        """Hand in a message with one recipient at each domain."""
        number = next(self.numbers)
        names = [f"m{number}r{index}@{domain}" for index, domain in enumerate(domains)]
        sender = "" if null else f"s{number}@home.test"
        parameters = {} if notify is None else {"NOTIFY": notify}
        envelope = Envelope(
            parse_mailbox(sender) if sender else None,
            [Recipient(parse_mailbox(name), parameters) for name in names],
        )
        content = Content.of(f"From: {sender}\r\nSubject: {number}\r\n\r\nHello\r\n".encode())
        mail = MailObject(new_queue_id(), envelope, content, Origin("session", "192.0.2.1"))
        statuses = run(QueueDelivery(self.workers[place % len(self.workers)].queue).deliver(mail, [], True))
        assert all(status.success for status in statuses), statuses
        for name, domain in zip(names, domains, strict=True):
            self.sent[name] = Sent(name, domain, sender, notify, self.clock.seconds())
        return names

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, from one event to the next."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end and not until():
            calls = self.clock.getDelayedCalls()
            then = min(end, calls[0].getTime()) if calls else end
            self.clock.advance(max(0.0, then - self.clock.seconds()))

    def empty(self) -> bool:
        """Is nothing left in the queue?"""
        return run(self.spool.usage()).messages == 0

    def stop(self, worker: Worker) -> None:
        """A worker ends."""
        ended: list[object] = []
        for part in (worker.queue, worker.delivery):
            Deferred.fromCoroutine(part.stop()).addBoth(ended.append)
        self.wait(60, lambda: len(ended) == 2)
        assert ended == [None, None], ended

    def finish(self) -> None:
        """Wait until there is nothing left, and end."""
        for _ in range(int(LATEST / 60)):
            if self.empty():
                break
            self.wait(60)
        for worker in self.workers:
            self.stop(worker)

    # What became of it.

    def told(self) -> dict[str, list[tuple[str, str]]]:
        """Actions and statuses that were told of each recipient."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for received in self.home.messages:
            if not received.mail.startswith("<>"):
                continue
            for part in email.message_from_bytes(received.octets).walk():
                if part.get_content_type() == "message/delivery-status":
                    for block in part.get_payload()[1:]:  # type: ignore[index]
                        name = str(block["Final-Recipient"]).partition(";")[2].strip()  # type: ignore[index]
                        found[name].append((str(block["Action"]), str(block["Status"])))  # type: ignore[index]
        return found


def run(work: Awaitable[Any]) -> Any:
    """The result of something that needs no time."""
    found: list[Any] = []

    async def whole() -> Any:
        return await work

    Deferred.fromCoroutine(whole()).addBoth(found.append)
    assert found, "it waits for something"
    if hasattr(found[0], "raiseException"):
        found[0].raiseException()
    return found[0]


class Model(SynchronousTestCase):
    """What must have happened to every recipient."""

    def check(self, world: World) -> None:
        """All of it: each once, or told; nothing left; nothing in clear that was to be secure."""
        self.assertTrue(world.empty(), "something is stuck")
        told = world.told()
        for name, sent in world.sent.items():
            try:
                self.check_one(world, sent, told.get(name, []))
            except AssertionError as error:
                host = world.domains[sent.domain]
                raise AssertionError(f"{name}, host {host!r}, NOTIFY {sent.notify}: {error}") from error
        for domain, kind_of in world.domains.items():
            if PERSONALITIES[kind_of].secure:
                for host in world.hosts[domain]:
                    self.assertTrue(all(one.secure for one in host.messages), kind_of)

    def check_one(self, world: World, sent: Sent, told: list[tuple[str, str]]) -> None:
        """One recipient."""
        personality = PERSONALITIES[world.domains[sent.domain]]
        hosts, name, kills = world.hosts[sent.domain], sent.recipient, len(world.dead) + world.copies
        taken = sum(host.taken[name] for host in hosts)
        actions = Counter(action for action, _ in told)
        if personality.end == TAKEN:
            # Once; again only where a worker was killed between the answer and its being written down.
            self.assertGreaterEqual(taken, 1)
            self.assertLessEqual(taken, 1 + kills)
            began = sent.at if personality.within < 100 else max(sent.at, world.trouble[sent.domain])
            first = min(host.times[name] for host in hosts if name in host.times)
            self.assertLessEqual(first - began, personality.within + LEASED * (kills + world.restarts))
        else:
            self.assertEqual(taken, 0)
        wanted = (sent.notify or "FAILURE,DELAY") if sent.sender else ""
        failed = personality.end != TAKEN and "FAILURE" in wanted
        # A notification that a worker could not conclude comes again, too.
        again = world.copies + len(world.dead)
        self.assertTrue(int(failed) <= actions["failed"] <= int(failed) * (1 + again), actions)
        for action, status in told:
            if action == "failed":
                self.assertTrue(status.startswith(personality.status), (status, personality.status))
        passed_on = any("DSN" in host.keywords for host in hosts)
        relayed = personality.end == TAKEN and "SUCCESS" in wanted and not passed_on
        self.assertTrue(int(relayed) <= actions["relayed"] <= int(relayed) * (1 + again), actions)
        self.assertEqual(actions["delivered"] + actions["expanded"], 0)
        self.check_delay(world, sent, actions["delayed"], "DELAY" in wanted, kills)

    def check_delay(self, world: World, sent: Sent, told: int, wanted: bool, kills: int) -> None:
        """A delay is told once where it is wanted, and where there was one."""
        end = PERSONALITIES[world.domains[sent.domain]].end
        times = [
            host.times[sent.recipient] for host in world.hosts[sent.domain] if sent.recipient in host.times
        ]
        late = world.settings.delay_notice
        if not wanted or end == REFUSED or (times and max(times) - sent.at < late):
            self.assertEqual(told, 0)
        elif end == EXPIRED or (times and min(times) - sent.at > late + 600 and not kills):
            self.assertTrue(1 <= told <= 1 + kills)
        else:
            self.assertLessEqual(told, 1 + kills)
