"""How much one user may send in an hour and in a day: what a stolen password is worth (RFC 5068 section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class _Sending:
    """What is kept of one user between asking and the end of a message."""

    name: str
    messages: int
    recipients: int


_TALLIES = (
    ("submission.messages.hour", "messages_per_hour", HOUR),
    ("submission.messages.day", "messages_per_day", DAY),
    ("submission.recipients.hour", "recipients_per_hour", HOUR),
    ("submission.recipients.day", "recipients_per_day", DAY),
)


@implementer(IContentPolicy, IConclusionPolicy)
class SendingLimits:
    """Counts what each user sent, and holds or refuses what is over a limit.

    A user is a login; a client that sends without one is its own IP address. A message counts when it was accepted:
    one that is refused for now, and comes again, counts once. What is under way counts too, so that many messages at
    once are no way around a limit; each worker knows of its own only.

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
        wanted = _Sending(name, 1, len(mail.envelope.recipients))
        crossed = self._crossed(wanted)
        if crossed is None:
            self._under_way[mail.queue_id] = wanted
            return None
        verdict = self._verdict(name, crossed)
        OVER_LIMIT["held" if isinstance(verdict, Hold) else "refused"].inc()
        log.warn(
            "{queue_id}: {login} is over its limit of {crossed}",
            queue_id=mail.queue_id,
            session_id=mail.origin.session_id,
            peer=mail.origin.peer,
            login=mail.origin.login,
            crossed=crossed,
            verdict="held" if isinstance(verdict, Hold) else "refused",
        )
        return verdict

    def concluded(self, mail: MailObject, accepted: bool) -> None:
        """Count what was accepted."""
        sent = self._under_way.pop(mail.queue_id, None)
        if sent is None or not accepted:
            return
        for kind, limit, window in _TALLIES:
            if self._limit(sent.name, limit):
                self._tallies.spend(kind, sent.name, _amount(sent, limit), 0, window)

    def _crossed(self, wanted: _Sending) -> str | None:
        """The limit that this message would cross, in words."""
        others = [other for other in self._under_way.values() if other.name == wanted.name]
        for kind, name, window in _TALLIES:
            limit = self._limit(wanted.name, name)
            if not limit:
                continue
            amount = _amount(wanted, name) + sum(_amount(other, name) for other in others)
            if self._tallies.spent(kind, wanted.name, window) + amount > limit:
                return f"{limit} {name.replace('_', ' ')}"
        return None

    def _verdict(self, name: str, crossed: str) -> Status | Hold:
        if self._over == "refuse":
            return OVER
        if not self._tallies.spend(HELD, name, 1, self._held_per_day, DAY):
            return TOO_MUCH_HELD
        return Hold(f"{name} is over its limit of {crossed}")

    def _limit(self, name: str, limit: str) -> int:
        return int(getattr(self._accounts.get(name, self._limits), limit))


def _amount(account: _Sending, limit: str) -> int:
    return account.messages if limit.startswith("messages") else account.recipients
