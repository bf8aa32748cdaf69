"""What every part of the contract suite of spools stands on: a spool, a runner, messages, a time that tests move."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.queue.values import (
    USUAL_LANE,
    Claim,
    ClaimRequest,
    Conclusion,
    NewMessage,
    Place,
    QueuedMessage,
    QueuedRecipient,
    State,
)

if TYPE_CHECKING:
    # Typed, which trial's own is not; backends mix this into trial's.
    from unittest import TestCase as _Base
else:
    _Base = object

NOW = 1_800_000_000.0
LATER = Status((4, 4, 1), "No answer from host")
GONE = Status((5, 1, 1), "No such mailbox here")
FINE = Status((2, 0, 0), "OK")
ALL = ClaimRequest("normal", 100, 100)
"""Whatever is due."""


def message(
    *domains: str,
    due: float = NOW,
    state: State = State.DUE,
    lane: int = USUAL_LANE,
    content: Content | None = None,
    account: str = "alice@example.test",
    queue_id: str = "",
) -> NewMessage:
    """A message with a recipient at each of some domains."""
    recipients = [Recipient(Address(f"user{number}", domain)) for number, domain in enumerate(domains)]
    sender = Address("alice", "example.test")
    body = content or Content.of(b"Subject: hello\r\n\r\nhello\r\n")
    mail = MailObject(
        queue_id or new_queue_id(),
        Envelope(sender, recipients, {"ENVID": "x"}),
        body,
        Origin("S", "192.0.2.1"),
    )
    facts = QueuedMessage(
        mail.queue_id,
        Envelope(sender, [], {"ENVID": "x"}),
        mail.origin,
        NOW,
        NOW + 1000,
        lane,
        body.size,
        account,
    )
    queued = [
        QueuedRecipient(number, one, Place(f"remote:{one.forward_path.domain}"), state, due, NOW + 500)
        for number, one in enumerate(recipients)
    ]
    return NewMessage(facts, mail, queued)


def concluded(claim: Claim, state: State, **changes: Any) -> Conclusion:
    """All recipients of a claim in one state."""
    return Conclusion(
        claim.message.queue_id,
        [replace(one, state=state, status=FINE, **changes) for one in claim.recipients],
    )


def ids(claims: Sequence[Claim]) -> list[str]:
    """The messages of some claims."""
    return [claim.message.queue_id for claim in claims]


class SpoolFixture(_Base):
    """Mix a contract into a trial ``TestCase`` and say how a spool is made.

    Attributes:
        now: the time of day; spools are made with ``lambda: self.now``, for leases, too.
        spool: one with nothing in it.
        runner: enlisted there for a minute.
    """

    now = NOW
    spool: Any
    runner: str

    @abstractmethod
    async def another(self) -> Any:
        """A started `ISpool` on the same mail, as another process has it; stopped when the test ends."""

    async def setUp(self) -> None:  # type: ignore[override]
        """A spool and a runner."""
        self.now = NOW
        self.spool = await self.another()
        self.runner = await self.spool.enlist(60)

    async def claimed_within(self, seconds: int) -> Sequence[Claim]:
        """What the runner gets now, or after so many seconds."""
        found = await self.claimed()
        if not found:
            self.now += seconds
            await self.spool.renew(self.runner, 60)
            found = await self.claimed()
        return found

    async def claimed(self, request: ClaimRequest = ALL) -> Sequence[Claim]:
        """What the runner gets."""
        found: Sequence[Claim] = await self.spool.claim(self.runner, request)
        return found
