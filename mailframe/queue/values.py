"""What the queue speaks of: messages, recipients and their states, claims and conclusions. Values; no I/O.

Times are seconds since the epoch. A message is kept until all its recipients have come to an end; each recipient has
a state of its own::

    DUE --claim--> LEASED --conclude--> DELIVERED | FAILED | DUE (again later) | HELD
    HELD --release--> DUE               (a lease that ends by itself: DUE)
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import Status

NORMAL = "normal"
"""The queue of what has given no trouble."""
SLOW = "slow"
"""The queue of what has failed so often that it must not stand in the way of the rest."""

FIRST_LANE, USUAL_LANE, LAST_LANE = 0, 9, 19
"""Lanes go from the most urgent to the least; MT-PRIORITY p has lane 9 - p (RFC 6710), notifications the last."""


class State(enum.Enum):
    """How one recipient stands."""

    DUE = "due"
    """Waits for its next attempt."""
    LEASED = "leased"
    """A runner attempts it now."""
    HELD = "held"
    """Waits for somebody to release it."""
    DELIVERED = "delivered"
    """The next host, or the mailbox, has it."""
    FAILED = "failed"
    """It will never have it, and whoever wanted to know was told."""

    @property
    def final(self) -> bool:
        """Is there nothing left to do?"""
        return self in (State.DELIVERED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recipient waits.

    Attributes:
        destination: whoever waits for the same has the same (``"remote:example.test"``); what is learned about one
            holds for all (see `mailframe.routing.interfaces.Route.destination`).
        queue: the name of the queue. Queues have runners' slots of their own, so none waits for another.
    """

    destination: str
    queue: str = NORMAL


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    """One recipient of a message.

    Attributes:
        number: its place in the envelope that the message came with, from 0; it names the recipient for ever.
        recipient: forward-path and parameters.
        place: where it waits.
        state: how it stands.
        due: when the next attempt may be made.
        review: when it must be looked at whatever its destination does: a delay to be told, a time limit, the end.
        attempts: how many were made.
        delay_told: the sender was told that it takes longer.
        status: what the last attempt came to, or why it is held or was given up; None before that.
        host: the host that said so, "" where it was none.
        attempted: when the last attempt was, 0 for never.
    """

    number: int
    recipient: Recipient
    place: Place
    state: State = State.DUE
    due: float = 0.0
    review: float = float("inf")
    attempts: int = 0
    delay_told: bool = False
    status: Status | None = None
    host: str = ""
    attempted: float = 0.0


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message in the queue, without its recipients.

    Attributes:
        queue_id: its id.
        envelope: reverse-path and parameters; no recipients.
        origin: where it came from.
        arrived: when it was accepted.
        expires: when its recipients are given up.
        lane: how urgent it is, `FIRST_LANE` to `LAST_LANE`.
        size: octets.
        account: whose share of the queue it takes: a login, else the client's network; "" for our own.
        reason: why it was held when it came, "" for not.
    """

    queue_id: str
    envelope: Envelope
    origin: Origin
    arrived: float
    expires: float
    lane: int = USUAL_LANE
    size: int = 0
    account: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message for the queue.

    Attributes:
        message: facts; its ``queue_id``, ``envelope`` (without recipients), ``origin`` and ``size`` are the mail's.
        mail: the message itself; its content stays the caller's.
        recipients: one for each of ``mail.envelope.recipients``, in order, numbered from 0. Those that are `LEASED`
            become the adding runner's at once, so that it can attempt them without asking for them.
    """

    message: QueuedMessage
    mail: MailObject
    recipients: Sequence[QueuedRecipient]


@dataclass(frozen=True, slots=True)
class Claim:
    """Recipients of one message at one place, which only one runner attempts as long as its lease lasts.

    Attributes:
        message: the message.
        recipients: at least one, by number.
        content: where it was at hand; None: ask `ISpool.content`. The claimant discards its body.
    """

    message: QueuedMessage
    recipients: Sequence[QueuedRecipient]
    content: Content | None = None

    @property
    def place(self) -> Place:
        """Where all of them waited."""
        return self.recipients[0].place


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What a runner has room for.

    Attributes:
        queue: of this queue only.
        messages: claims in all, at most.
        each: claims for one destination, at most.
        room: for some destinations another number instead of ``each``; 0 for none now.
    """

    queue: str
    messages: int
    each: int = 10
    room: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What became of claimed recipients.

    Attributes:
        queue_id: of the message.
        recipients: all of a claim, each as it stands now: `DELIVERED`, `FAILED`, `HELD`, or `DUE` with its
            ``due``, ``review`` and ``place``.
        notices: notifications to put into the queue in the same transaction, so that none is sent twice, or not.
    """

    queue_id: str
    recipients: Sequence[QueuedRecipient]
    notices: Sequence[NewMessage] = ()


@dataclass(frozen=True, slots=True)
class Closed:
    """A destination that nothing is attempted for, since no host of it answers.

    Attributes:
        place: which.
        until: when one message may be attempted again.
        failures: how often in a row it was found so.
        status: what was seen.
    """

    place: Place
    until: float
    failures: int
    status: Status


@dataclass(frozen=True, slots=True)
class Usage:
    """How full the queue is.

    Attributes:
        messages: how many there are.
        octets: of their content.
        recipients: how many are in each state, by queue: ``{("normal", State.DUE): 3}``.
        oldest: when the oldest message arrived; None where there is none.
    """

    messages: int = 0
    octets: int = 0
    recipients: Mapping[tuple[str, State], int] = field(default_factory=dict)
    oldest: float | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which recipients of which messages are meant; what is None or empty does not matter.

    Patterns compare without regard to case; ``*`` stands for any characters and ``?`` for one.

    Attributes:
        queue_ids: of these messages.
        sender: a pattern for the reverse-path, ``<>`` for the null one.
        account: whose mail it is.
        recipient: a pattern for the forward-path.
        domain: of the forward-path, exactly.
        destination: of the place, exactly.
        queue: name of the queue.
        states: how they stand.
        arrived_before, arrived_after: when the message came.
        reason: words in the last status or in the reason for which it is held.
    """

    queue_ids: Sequence[str] = ()
    sender: str | None = None
    account: str | None = None
    recipient: str | None = None
    domain: str | None = None
    destination: str | None = None
    queue: str | None = None
    states: Sequence[State] = ()
    arrived_before: float | None = None
    arrived_after: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A message with those of its recipients that were asked for.

    Attributes:
        message: the message.
        recipients: by number; with `ISpoolRecords.find` all of them.
    """

    message: QueuedMessage
    recipients: Sequence[QueuedRecipient]


class Change(enum.Enum):
    """What an administrator does to recipients in the queue. None of it touches what is leased."""

    HOLD = "hold"
    """DUE becomes HELD."""
    RELEASE = "release"
    """HELD becomes DUE, at once, with a new ``expires`` where that is over."""
    RETRY = "retry"
    """DUE is due now, and its destination open."""
    BOUNCE = "bounce"
    """DUE or HELD is given up: reviewed at once with a permanent status, so the runner tells the sender."""
    DELETE = "delete"
    """DUE, HELD or final recipients vanish without a word; a message goes with its last recipient."""
