"""How much mail there may be: limits, what is used, and the rules of a store. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mailframe.message.status import MAILBOX_FULL, Status

from .names import canonical, is_inferior

ACCOUNT = ""
"""The quota root of a whole account (RFC 9208 section 3.1.1); those of single mailboxes have the mailbox's name."""
UNIT = 1024
"""Octets in one unit of STORAGE."""
LARGEST = 2**63 - 1
"""No limit is above; what databases hold in a number."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What there is.

    Attributes:
        octets: with CRLF line ends.
        messages: how many.
    """

    octets: int = 0
    messages: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.octets + other.octets, self.messages + other.messages)


@dataclass(frozen=True, slots=True)
class Limit:
    """What there may be; 0 for as much as anybody likes."""

    octets: int = 0
    messages: int = 0

    def __bool__(self) -> bool:
        return bool(self.octets or self.messages)

    def holds(self, usage: Usage) -> bool:
        """Is that within it?"""
        return (not self.octets or usage.octets <= self.octets) and (
            not self.messages or usage.messages <= self.messages
        )

    def percent(self, usage: Usage) -> int:
        """How much of it is used: the larger share of both, rounded down."""
        shares = [used * 100 // most for used, most in self._pairs(usage) if most]
        return max(shares, default=0)

    def within(self, other: Limit) -> Limit:
        """The stricter of both, of each resource."""
        return Limit(_stricter(self.octets, other.octets), _stricter(self.messages, other.messages))

    def allows(self, own: Limit) -> bool:
        """May an owner set these limits of his own, where this is the administrator's?

        Compared in units of 1024 octets, as a client is told of this limit.
        """
        octets = -(-self.octets // UNIT) * UNIT
        return (not octets or own.octets <= octets) and (not self.messages or own.messages <= self.messages)

    def _pairs(self, usage: Usage) -> tuple[tuple[int, int], tuple[int, int]]:
        return (usage.octets, self.octets), (usage.messages, self.messages)


@dataclass(frozen=True, slots=True)
class QuotaRoot:
    """What is limited together, and how it stands.

    Attributes:
        name: `ACCOUNT`, or a mailbox's.
        limit: what counts: the stricter of the administrator's and the owner's own.
        own: what the owner has set.
    """

    name: str
    limit: Limit
    usage: Usage
    own: Limit = Limit()


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """A store's rules.

    Attributes:
        account: for accounts that have no limit of their own.
        mailboxes: names and limits of single mailboxes, the same for all accounts; ``"Trash/*"`` is each mailbox
            below. The first that fits counts.
        warnings: percents at which the account's owner is told, ascending.
        full: what is answered when there is no room.
        own: limits that owners have set themselves count, too.
    """

    account: Limit = Limit()
    mailboxes: Sequence[tuple[str, Limit]] = ()
    warnings: Sequence[int] = ()
    full: Status = MAILBOX_FULL
    own: bool = True

    def of_mailbox(self, name: str) -> Limit:
        """The limit of one mailbox."""
        for pattern, limit in self.mailboxes:
            if pattern.endswith("/*"):
                if is_inferior(name, canonical(pattern[:-2])):
                    return limit
            elif canonical(pattern) == name:
                return limit
        return Limit()

    def warning(self, limit: Limit, before: Usage, after: Usage) -> int | None:
        """The highest percent that was passed on the way from one to the other; None for none."""
        low, high = limit.percent(before), limit.percent(after)
        return max((percent for percent in self.warnings if low < percent <= high), default=None)


def _stricter(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


NO_RULES = QuotaRules()
NOT_ENFORCED = QuotaRules(own=False)
"""There is room for everything, whatever owners have set."""

Limits = Callable[[str], Awaitable[Limit | None]]
"""Gives an account's own limit; None where it has none. Raises a temporary `MailframeError` when nobody knows."""
