"""How much one user may send in an hour and in a day: what a stolen password is worth (RFC 5068 section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.limits.interfaces import ITallies
from mailframe.message.mail import MailObject
from mailframe.message.status import Status

from .interfaces import Hold, IConclusionPolicy, IContentPolicy
from .metrics import OVER_LIMIT

OVER = Status((4, 7, 1), "You have sent too much lately; try again later", reply_code=450)
TOO_MUCH_HELD = Status((4, 7, 1), "You have sent too much lately, and too much of it is held", reply_code=450)

HOUR, DAY = 3600.0, 86400.0
HELD = "submission.held"

log = Logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one user may send; 0 for no limit.

    Attributes:
        messages_per_hour: messages.
        messages_per_day: messages.
        recipients_per_hour: recipients of all messages.
        recipients_per_day: recipients of all messages.
    """

    messages_per_hour: int = 0
    messages_per_day: int = 0
    recipients_per_hour: int = 0
    recipients_per_day: int = 0


class _Tally(NamedTuple):
    """One of the sums that are kept of each user.

    Attributes:
        kind: its name in the tallies.
        what: what it counts; what is under way of that is counted by the same name for all windows.
        limit: the limit's name in `Limits`, "" for that on held mail.
        window: seconds.
    """

    kind: str
    what: str
    limit: str
    window: float


_TALLIES = (
    _Tally("submission.messages.hour", "messages", "messages_per_hour", HOUR),
    _Tally("submission.messages.day", "messages", "messages_per_day", DAY),
    _Tally("submission.recipients.hour", "recipients", "recipients_per_hour", HOUR),
    _Tally("submission.recipients.day", "recipients", "recipients_per_day", DAY),
)
_HELD = (_Tally(HELD, "held", "", DAY),)
_UNDER_WAY = {what: f"submission.{what}.under-way" for what in ("messages", "recipients", "held")}


@dataclass(frozen=True, slots=True)
class _Sending:
    """What is under way of one user, from the end of its data until somebody is responsible for it.

    Attributes:
        name: the user.
        amounts: by what they are; only what has a limit.
        tallies: where they are added when the message was accepted, with the limits.
    """

    name: str
    amounts: Mapping[str, int]
    tallies: Sequence[tuple[_Tally, int]]


@implementer(IContentPolicy, IConclusionPolicy)
class SendingLimits:
    """Counts what each user sent, and holds or refuses what is over a limit.

    A user is a login; a client that sends without one is its own IP address. A message counts when it was accepted:
    one that is refused for now, and comes again, counts once. What is under way counts too, in all workers, so that
    many messages at once are no way around a limit.

    Args:
        tallies: keeps the sums.
        limits: for everybody.
        accounts: for some, by account name, instead of that.
        over: what becomes of a message over a limit: ``hold`` it, or ``refuse`` it for now.
        held_per_day: messages of one user that are held in a day; further ones are refused for now. 0 for no limit.
    """

    def __init__(
        self,
        tallies: ITallies,
        limits: Limits,
        accounts: Mapping[str, Limits] | None = None,
        over: Literal["hold", "refuse"] = "hold",
        held_per_day: int = 100,
    ) -> None:
        self._tallies = tallies
        self._limits = limits
        self._accounts = {name.lower(): own for name, own in (accounts or {}).items()}
        self._over = over
        self._held_per_day = held_per_day
        self._under_way: dict[str, _Sending] = {}

    async def content(self, mail: MailObject) -> Status | Hold | None:
        """Hold or refuse a message over a limit."""
        name = (mail.origin.login or mail.origin.peer).lower()
        amounts = {"messages": 1, "recipients": len(mail.envelope.recipients)}
        crossed = self._begin(mail, name, amounts, _TALLIES)
        if crossed is None:
            return None
        verdict = self._verdict(mail, name, crossed)
        outcome = "held" if isinstance(verdict, Hold) else "refused"
        OVER_LIMIT[outcome].inc()
        log.warn(
            "{queue_id}: {login} is over its limit of {crossed}",
            queue_id=mail.queue_id,
            session_id=mail.origin.session_id,
            peer=mail.origin.peer,
            login=mail.origin.login,
            crossed=crossed,
            verdict=outcome,
        )
        return verdict

    def concluded(self, mail: MailObject, accepted: bool) -> None:
        """Count what was accepted."""
        sending = self._under_way.pop(mail.queue_id, None)
        if sending is None:
            return
        if accepted:
            for tally, _ in sending.tallies:
                self._tallies.spend(tally.kind, sending.name, sending.amounts[tally.what], 0, tally.window)
        # Only now: counted twice for a moment is better than not at all.
        self._leave(sending)

    def _begin(
        self, mail: MailObject, name: str, amounts: Mapping[str, int], tallies: Sequence[_Tally]
    ) -> str | None:
        """Count a message as under way, unless that crosses a limit: then that, in words."""
        limited = [(tally, limit) for tally in tallies if (limit := self._limit(name, tally.limit))]
        sending = _Sending(name, {tally.what: amounts[tally.what] for tally, _ in limited}, limited)
        # First this, then the look at the sums: of two workers that do so at once, one sees the other.
        for what, amount in sending.amounts.items():
            for _ in range(amount):
                self._tallies.enter(_UNDER_WAY[what], name, 0)
        for tally, limit in limited:
            under_way = self._tallies.count(_UNDER_WAY[tally.what], name)
            if self._tallies.spent(tally.kind, name, tally.window) + under_way > limit:
                self._leave(sending)
                return f"{limit} {tally.limit.replace('_', ' ')}"
        self._under_way[mail.queue_id] = sending
        return None

    def _leave(self, sending: _Sending) -> None:
        for what, amount in sending.amounts.items():
            for _ in range(amount):
                self._tallies.leave(_UNDER_WAY[what], sending.name)

    def _verdict(self, mail: MailObject, name: str, crossed: str) -> Status | Hold:
        if self._over == "refuse":
            return OVER
        if self._begin(mail, name, {"held": 1}, _HELD) is not None:
            return TOO_MUCH_HELD
        return Hold(f"{name} is over its limit of {crossed}")

    def _limit(self, name: str, limit: str) -> int:
        """A limit of a user's, by its name; "" for how much is held."""
        return int(getattr(self._accounts.get(name, self._limits), limit)) if limit else self._held_per_day
