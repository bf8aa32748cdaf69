"""What keeps the text of an account's messages for SEARCH, and what it is asked. Blocking; for one thread.

An index is a copy that can be made again at any time: it may lag behind the messages and is never ahead of them,
and losing it loses nothing but time. Answers are exact all the same: texts are kept in the form that searches compare
(`mailframe.message.text.fold_case`), and where an index cannot tell, it says so, and the message itself is read.

Messages are told by mailbox and UID. A UID names the same octets for ever (RFC 9051 section 2.3.1.1), and UIDs only
grow, so that one number a mailbox says what is there: every message below `TextIndex.covered`. Nothing of an index
is touched when messages are copied, moved or expunged; texts of those that are gone are dropped by `TextIndex.tidy`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailframe.store.catalogue.rows import MailboxRow


@dataclass(frozen=True, slots=True)
class MessageText:
    """The text of one message, in the form of `fold_case`.

    Attributes:
        uid: the message's.
        fields: of its header section, in order: name in lower case, and decoded body.
        body: what BODY looks through: text parts, headers of messages inside, names of attachments.
        sent: the day of the Date field as an ordinal (`datetime.date.toordinal`), None where there is none.
        whole: ``body`` is all of it; else the rest was too long to keep, or the message could not be understood.
    """

    uid: int
    fields: Sequence[tuple[str, str]]
    body: str
    sent: int | None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class InField:
    """A field of this name (lower case) has the needle in its body; every field has the empty one."""

    name: str
    needle: str


@dataclass(frozen=True, slots=True)
class InHeader:
    """The needle is in ``name: body`` of some field."""

    needle: str


@dataclass(frozen=True, slots=True)
class InBody:
    """The needle is in `MessageText.body`; the empty one is in every body."""

    needle: str


@dataclass(frozen=True, slots=True)
class SentOn:
    """`MessageText.sent` is there, not before ``since``, and before ``before``; None: no such end."""

    since: int | None
    before: int | None


Wanted = InField | InHeader | InBody | SentOn
"""What an index is asked for. Needles are in the form of `fold_case`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found by one call of `TextIndex.find`.

    Attributes:
        uids: messages that have it.
        unsure: messages whose text is not `MessageText.whole`, and where what is kept has not got it.
        next: the UID to go on with; None: that was all.
    """

    uids: Sequence[int]
    unsure: Sequence[int]
    next: int | None


@dataclass(frozen=True, slots=True)
class TextSize:
    """How large an index is.

    Attributes:
        messages: texts in it, also of messages that are gone and not dropped yet.
        octets: what it takes on the disk.
    """

    messages: int
    octets: int


class TextIndex(Protocol):
    """The texts of one account.

    A fault of the disk or the database is raised as it is (``OSError``, ``apsw.Error`` or the database's own):
    whoever asks then does without an index.
    """

    def covered(self, mailbox: MailboxRow) -> int:
        """Every message of the mailbox whose UID is below this has its text here; 1 where none has."""

    def add(self, mailbox: MailboxRow, texts: Sequence[MessageText], first: int, covered: int) -> None:
        """Keep texts, in a transaction of its own. Not while the catalogue has one open.

        Where `covered` does not say ``first`` any more, because somebody else was here, nothing is kept.

        Args:
            mailbox: whose.
            texts: of its messages from ``first`` on, UIDs ascending. One that is gone is left out.
            first: what `covered` said when the texts were read.
            covered: what it says from now on, higher than the last of the UIDs.
        """

    def find(self, mailbox: MailboxRow, wanted: Wanted, first: int = 1) -> Found:
        """Look through texts for a bounded time (some tens of milliseconds).

        Args:
            mailbox: whose.
            wanted: what for.
            first: the UID to begin with: `Found.next` of the call before.

        Returns:
            Messages below `covered`; some may be expunged meanwhile.
        """

    def tidy(self, mailboxes: Sequence[MailboxRow], alive: Callable[[MailboxRow], Sequence[int]]) -> bool:
        """Drop texts of mailboxes and messages that are gone, for a bounded time; True when there is more to do.

        Args:
            mailboxes: all that the account has.
            alive: the UIDs of a mailbox, ascending; asked only where that is worth it.
        """

    def size(self) -> TextSize:
        """How large it is."""

    def close(self) -> None:
        """The account is closed; twice is fine."""
