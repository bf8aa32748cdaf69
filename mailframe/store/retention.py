"""How long mail is kept: what was expunged, what lies in some mailboxes, what nobody reads. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .names import EXPUNGED, canonical, is_inferior
from .values import SEPARATOR


def kept_name(name: str) -> str:
    """Where mail goes that is expunged from a mailbox."""
    return EXPUNGED + SEPARATOR + name


def origin_of(name: str) -> str | None:
    """The mailbox that mail of this mailbox was expunged from; None for any other mailbox."""
    first, separator, rest = name.partition(SEPARATOR)
    return rest if separator and first == EXPUNGED else None


def is_kept(name: str) -> bool:
    """Is this a mailbox of expunged mail, or above one?"""
    return name == EXPUNGED or is_inferior(name, EXPUNGED)


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """Mail of some mailboxes is expunged when it is old.

    Attributes:
        mailbox: the name; ``"Lists/*"`` for each of those below it.
        seconds: since it came into this mailbox.
        seen_only: only what has ``\\Seen``.
    """

    mailbox: str
    seconds: float
    seen_only: bool = False

    def fits(self, name: str) -> bool:
        """Is it about this mailbox?"""
        if self.mailbox.endswith("/*"):
            return is_inferior(name, canonical(self.mailbox[:-2]))
        return canonical(self.mailbox) == name


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """A store's rules; 0 seconds: not done.

    Attributes:
        expunged: how long expunged mail is kept, in seconds.
        expunged_octets: how much of it an account may have; what was expunged first goes first. 0 for no limit.
        expiry: mailboxes whose mail is expunged when it is old.
        unread: mail that nobody has read goes after so many seconds,
        unread_warning: but not before its owner was told so many seconds ago.
    """

    expunged: float = 0.0
    expunged_octets: int = 0
    expiry: Sequence[ExpiryRule] = ()
    unread: float = 0.0
    unread_warning: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.expunged or self.expiry or self.unread)

    def rule_of(self, name: str) -> ExpiryRule | None:
        """What is expunged of a mailbox; the first rule that fits."""
        return next((rule for rule in self.expiry if rule.fits(name)), None)


KEEP_NOTHING = RetentionRules()
