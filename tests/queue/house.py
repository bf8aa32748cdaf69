"""A queue over a small spool, with a clock, a scripted delivery and real notices."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailframe.delivery.values import Attempt, Scope
from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.queue.notices import Notices, NoticeSettings
from mailframe.queue.queue import Queue, QueueDelivery
from mailframe.queue.settings import QueueOptions
from mailframe.testing.queue import DomainRouter, ScriptedDelivery

from .small_spool import SmallSpool

T = TypeVar("T")
OCTETS = b"From: alice@example.test\r\nSubject: x\r\n\r\nbody\r\n"
START = 1_700_000_000.0
DEFERRED = Attempt(Status((4, 2, 0), "Come again"), host="mx.example.org", reply="450 4.2.0 Come again")
REFUSED = Attempt(
    Status((5, 1, 1), "No such mailbox"), host="mx.example.org", reply="550 5.1.1 No such mailbox"
)
DOWN = Attempt(Status((4, 4, 1), "Nobody answers"), Scope.DESTINATION)
HOUR, DAY = 3600.0, 86400.0


def now(work: Awaitable[T]) -> T:
    """The result of something that needs no time."""
    found: list[Any] = []
    Deferred.fromCoroutine(_of(work)).addBoth(found.append)
    assert found, "it waits for something"
    if hasattr(found[0], "raiseException"):
        found[0].raiseException()
    return found[0]  # type: ignore[no-any-return]


async def _of(work: Awaitable[T]) -> T:
    return await work


def mail(
    *recipients: str,
    sender: str | None = "alice@example.test",
    parameters: Mapping[str, str | None] | None = None,
    notify: Mapping[str, str | None] | None = None,
    octets: bytes = OCTETS,
    login: str | None = None,
    peer: str = "192.0.2.1",
) -> MailObject:
    """A message."""
    envelope = Envelope(
        parse_mailbox(sender) if sender else None,
        [Recipient(parse_mailbox(one), dict(notify or {})) for one in recipients],
        dict(parameters or {}),
    )
    return MailObject(new_queue_id(), envelope, Content.of(octets), Origin("session", peer, login=login))


class House:
    """A queue that has started.

    Attributes:
        clock: its time.
        spool: where it keeps mail.
        delivery: its only way out, ``remote``.
        router: every domain is a destination.
        queue: the queue.
    """

    def __init__(self, settings: QueueOptions | None = None, start: bool = True, **options: Any) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.spool = SmallSpool(self.clock)
        self.delivery = ScriptedDelivery()
        self.slow = ScriptedDelivery()
        self.router = DomainRouter()
        self.settings = settings or QueueOptions(jitter=0)
        self.options = options
        self.queue = self.another()
        if start:
            now(self.queue.start())

    def another(self) -> Queue:
        """One more queue over the same spool, as another worker has it."""
        return Queue(
            self.spool,
            self.router,
            {"remote": self.delivery, "patient": self.slow},
            self.clock,
            self.settings,
            "mx.example.test",
            Notices("mx.example.test", NoticeSettings(), self.clock.seconds),
            **self.options,
        )

    def send(self, message: MailObject, atomic: bool = True) -> Sequence[Status]:
        """Hand in a message."""
        return now(QueueDelivery(self.queue).deliver(message, [], atomic))

    def wait(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(step, end - self.clock.seconds()))

    def tried(self, recipient: str | None = None) -> list[str]:
        """Recipients of all attempts so far, in order; those of notices to senders left out."""
        return [
            one.recipient
            for one in self.delivery.attempts
            if one.reverse_path and recipient in (None, one.recipient)
        ]

    def notices(self) -> list[bytes]:
        """What senders were told."""
        return [one.octets for one in self.delivery.attempts if not one.reverse_path]

    def stop(self) -> None:
        """End it."""
        done: list[Any] = []
        Deferred.fromCoroutine(self.queue.stop()).addBoth(done.append)
        if not done:
            self.wait(15)
        assert done, "it does not end"
        assert done[0] is None, done[0]
