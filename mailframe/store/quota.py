"""How much mail there may be: limits, what is used, and the rules of a store. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mailframe.message.status import MAILBOX_FULL, Status

from .names import canonical, is_inferior

ACCOUNT = ""
"""The quota root of a whole account (RFC 9208 section 3.1.1); those of single mailboxes have the mailbox's name."""


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

    def _pairs(self, usage: Usage) -> tuple[tuple[int, int], tuple[int, int]]:
        return (usage.octets, self.octets), (usage.messages, self.messages)


@dataclass(frozen=True, slots=True)
class QuotaRoot:
    """What is limited together, and how it stands.

    Attributes:
        name: `ACCOUNT`, or a mailbox's.
    """

    name: str
    limit: Limit
    usage: Usage


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """A store's rules.

    Attributes:
        account: for accounts that have no limit of their own.
        mailboxes: names and limits of single mailboxes, the same for all accounts; ``"Trash/*"`` is each mailbox
            below. The first that fits counts.
        warnings: percents at which the account's owner is told, ascending.
        full: what is answered when there is no room.
    """

    account: Limit = Limit()
    mailboxes: Sequence[tuple[str, Limit]] = ()
    warnings: Sequence[int] = ()
    full: Status = MAILBOX_FULL

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


NO_RULES = QuotaRules()

Limits = Callable[[str], Awaitable[Limit | None]]
"""Gives an account's own limit; None where it has none. Raises a temporary `MailframeError` when nobody knows."""
