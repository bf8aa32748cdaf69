"""What is found wrong with an account's mail. Values only, no I/O."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

LISTED_LIMIT = 1000
"""Differences of one account that are told one by one; all are counted."""


class Kind(enum.Enum):
    """What can differ."""

    FILE = "file"
    """The database file is damaged."""
    FIGURES = "figures"
    """A mailbox's counts are not those of its messages."""
    NUMBERS = "numbers"
    """A message has a UID or a MODSEQ that its mailbox has not given out yet."""
    UIDS = "uids"
    """The list of UIDs is not that of the messages."""
    LEFTOVERS = "leftovers"
    """Something is kept about messages or mailboxes that are not there."""
    KEYWORDS = "keywords"
    """A message has a keyword without a name."""
    MISSING = "missing"
    """A message has no octets."""
    UNREADABLE = "unreadable"
    """A message's octets are there and cannot be read: for the disk, or for want of rights."""
    EXTRA = "extra"
    """Octets belong to no message."""
    REFERENCES = "references"
    """Octets that several messages share are counted wrongly."""
    SIZE = "size"
    """A message has another size than is told."""
    DESCRIPTION = "description"
    """What is kept about a message's content (ENVELOPE, BODYSTRUCTURE, parts) is not what it has."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be.

    Attributes:
        mailbox: its name; "" for the account.
        uid: of the message; 0 for none, or for several.
        count: how many messages or other things it is about.
        mended: it was put right.
    """

    kind: Kind
    mailbox: str = ""
    uid: int = 0
    count: int = 1
    mended: bool = False


@dataclass(slots=True)
class Salvaged:
    """What came of making a damaged file anew.

    Attributes:
        aside: where the damaged one is now.
        rows: how many rows of each table could be read.
        lost: tables some rows of which could not.
    """

    aside: str
    rows: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """What was looked at in an account, and what is wrong.

    Attributes:
        mailboxes, messages, octets: how much was looked at; octets only where they were read.
        wrong, mended: how many things of each kind.
        listed: the first `LISTED_LIMIT` of them.
    """

    mailboxes: int = 0
    messages: int = 0
    octets: int = 0
    wrong: Counter[Kind] = field(default_factory=Counter)
    mended: Counter[Kind] = field(default_factory=Counter)
    listed: list[Difference] = field(default_factory=list)

    def add(self, differences: Iterable[Difference]) -> None:
        """Note differences."""
        for one in differences:
            self.wrong[one.kind] += one.count
            if one.mended:
                self.mended[one.kind] += one.count
            if len(self.listed) < LISTED_LIMIT:
                self.listed.append(one)

    @property
    def left(self) -> int:
        """How many things are wrong and were not put right."""
        return self.wrong.total() - self.mended.total()
