"""What one session has been told of a mailbox: which message has which sequence number, and what to tell next.

A client counts messages by what it was told, and an EXPUNGE moves every number behind it. So the mailbox as it is
and the mailbox as this session knows it are two things; this is the second. `MailboxView.apply` takes what
the store says has changed and answers what to announce, as plain values in the order they must be sent.
No IMAP syntax and no I/O here (RFC 9051 sections 2.3.1.2 and 7.5.1).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from mailframe.message.status import ProtocolError, Status

from .uid_runs import UIDRuns
from .values import Changes, Message, Snapshot

STAR = 0
"""Stands for ``*`` in ranges: no message has this number or UID."""
NO_SUCH_NUMBER = Status((5, 5, 4), "There is no message of that sequence number", "CLIENTBUG")

_SPARSE = 16
"""Numbers are looked up one by one where fewer than one message in so many is asked for."""
_ONE_BY_ONE = 64
"""Up to this many expunged messages are cut out of the array one by one; for more it is built anew."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a session must be told now, in this order.

    Attributes:
        expunged: message sequence numbers for EXPUNGE, in sending order: highest first, so that each is right
            both before and after those in front of it were sent.
        vanished: the same messages as UIDs, ascending, for clients that are told VANISHED instead (RFC 7162).
        exists: the new number of messages for EXISTS, where messages came; else None.
        recent: how many are ``\\Recent`` for RECENT (RFC 3501), where messages came; else None.
        flags: messages whose flags changed, each with its sequence number after all of the above; numbers
            ascending. New messages are not among them: the client asks for those.
    """

    expunged: Sequence[int] = ()
    vanished: Sequence[int] = ()
    exists: int | None = None
    recent: int | None = None
    flags: Sequence[tuple[int, Message]] = ()

    def __bool__(self) -> bool:
        return bool(self.expunged or self.flags or self.exists is not None)


class MailboxView:
    """A mailbox as one session knows it.

    Numbers and UIDs are found by bisection in one array of 4-octet integers: 100,000 messages take 400 KB, and a
    number 1 µs.

    Args:
        snapshot: where it begins; the client is to be told its figures by the caller.

    Attributes:
        modseq: ask `IMailbox.changes` from here.
        uidnext: messages below this UID are not new to the session.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._uids = array("I", snapshot.uids)
        self._recent = set(snapshot.recent)
        self._gone: set[int] = set()
        self._told: dict[int, int] = {}
        self.modseq = snapshot.modseq
        self.uidnext = snapshot.uidnext

    def __len__(self) -> int:
        """How many messages the client believes there are."""
        return len(self._uids)

    @property
    def uids(self) -> Sequence[int]:
        """UIDs in the order of message sequence numbers, ascending; not to be changed by the caller."""
        return self._uids

    @property
    def recent_count(self) -> int:
        """How many messages are ``\\Recent`` for this session."""
        return len(self._recent)

    @property
    def waiting(self) -> bool:
        """Are there expunges that could not be announced yet?"""
        return bool(self._gone)

    def is_recent(self, uid: int) -> bool:
        """Is this message ``\\Recent`` for this session?"""
        return uid in self._recent

    def number(self, uid: int) -> int | None:
        """The message sequence number of a UID, or None where the session does not know it."""
        at = bisect_left(self._uids, uid)
        if at < len(self._uids) and self._uids[at] == uid:
            return at + 1
        return None

    def numbers(self, uids: Sequence[int]) -> Sequence[int | None]:
        """The message sequence numbers of UIDs, ascending or not; None for those the session does not know.

        A run of neighbours is found at once, and of many numbers each takes 0.1 µs.
        """
        if not uids:
            return ()
        at = bisect_left(self._uids, uids[0])
        if self._uids[at : at + len(uids)] == array("I", uids):
            return range(at + 1, at + 1 + len(uids))
        if len(uids) * _SPARSE < len(self._uids):
            return [self.number(uid) for uid in uids]
        table = dict(zip(self._uids, count(1), strict=False))
        return [table.get(uid) for uid in uids]

    def uid(self, number: int) -> int | None:
        """The UID at a message sequence number, or None where there is none."""
        return self._uids[number - 1] if 1 <= number <= len(self._uids) else None

    # Sets that a client named.

    def uids_of_numbers(self, ranges: Iterable[tuple[int, int]]) -> Sequence[int]:
        """The UIDs that a sequence set names, each once, ascending.

        Args:
            ranges: inclusive, either end first; `STAR` for ``*``, the highest number in use.

        Raises:
            ProtocolError: a number is not in use. ``*`` in an empty mailbox is let pass and names nothing: clients
                fetch ``1:*`` without a look at EXISTS.
        """
        count, slices = len(self._uids), []
        for low, high in ranges:
            if not count and STAR in (low, high):
                continue
            first, last = _in_order(low or count, high or count)
            if first < 1 or last > count:
                raise ProtocolError(NO_SUCH_NUMBER)
            slices.append((first - 1, last))
        return self._cut(slices)

    def uids_of_uids(self, ranges: Iterable[tuple[int, int]]) -> Sequence[int]:
        """The UIDs of known messages that a UID set names, each once, ascending; unknown ones are passed over.

        Args:
            ranges: inclusive, either end first; `STAR` for ``*``, the highest UID in use, even where the other
                end is higher (RFC 9051 section 6.4.9).
        """
        if not self._uids:
            return []
        top, slices = self._uids[-1], []
        for low, high in ranges:
            first, last = _in_order(low or top, high or top)
            slices.append((bisect_left(self._uids, first), bisect_right(self._uids, last)))
        return self._cut(slices)

    def _cut(self, slices: list[tuple[int, int]]) -> Sequence[int]:
        if len(slices) == 1:
            return self._uids[slices[0][0] : slices[0][1]].tolist()
        found: list[int] = []
        reached = 0
        for first, end in sorted(slices):
            found.extend(self._uids[max(first, reached) : end])
            reached = max(reached, end)
        return found

    # What happened.

    def told(self, messages: Iterable[Message]) -> None:
        """Note flags that the client has been told, or has set itself without wanting an answer (``.SILENT``).

        `apply` does not announce them again unless they change once more.

        Args:
            messages: with `flags` and `modseq`, as `IMailbox.store` and `IMailbox.fetch` answer them.
        """
        for message in messages:
            if message.modseq > self.modseq:
                self._told[message.uid] = message.modseq

    def follow(self, modseq: int) -> None:
        """Note that nothing happened up to a modseq but what the client has been told, or has set itself."""
        self.modseq = modseq
        self._told.clear()

    def apply(self, changes: Changes, *, expunges: bool = True) -> Announcement:
        """Take in what the store says, and tell what to announce.

        Args:
            changes: from `modseq` on.
            expunges: may EXPUNGE be sent now? It may not while FETCH, STORE or SEARCH (without UID) is in progress
                (RFC 9051 section 7.5.1). Messages that are gone keep their numbers until it may.
        """
        self._gone.update(self.known(changes.vanished))
        new = [message.uid for message in changes.messages if message.uid >= self.uidnext]
        touched = [message for message in changes.messages if self._is_news(message)]
        expunged, vanished = self._expunge() if expunges and self._gone else ([], [])
        self._uids.extend(new)
        self._recent.update(uid for uid in changes.recent if uid >= self.uidnext)
        self.modseq, self.uidnext = changes.modseq, max(self.uidnext, changes.uidnext)
        self._told = {uid: modseq for uid, modseq in self._told.items() if modseq > self.modseq}
        return Announcement(
            expunged=expunged,
            vanished=vanished,
            exists=len(self._uids) if new else None,
            recent=len(self._recent) if new else None,
            flags=self._numbered(touched),
        )

    def known(self, uids: Sequence[int]) -> Iterator[int]:
        """Those that the session knows; where there are runs of thousands of millions, in no more time."""
        if not isinstance(uids, UIDRuns):
            yield from (uid for uid in uids if self.number(uid) is not None)
            return
        for first, last in uids.runs:
            yield from self._uids[bisect_left(self._uids, first) : bisect_right(self._uids, last)]

    def _is_news(self, message: Message) -> bool:
        return message.uid < self.uidnext and message.modseq > self._told.get(message.uid, 0)

    def _numbered(self, messages: Iterable[Message]) -> list[tuple[int, Message]]:
        numbered = ((self.number(message.uid), message) for message in messages)
        return [(number, message) for number, message in numbered if number is not None]

    def _expunge(self) -> tuple[list[int], list[int]]:
        vanished = sorted(self._gone)
        positions = [bisect_left(self._uids, uid) for uid in reversed(vanished)]
        if len(positions) <= _ONE_BY_ONE:
            for position in positions:
                del self._uids[position]
        else:
            self._uids = array("I", (uid for uid in self._uids if uid not in self._gone))
        self._recent -= self._gone
        self._gone.clear()
        return [position + 1 for position in positions], vanished


def _in_order(first: int, last: int) -> tuple[int, int]:
    return (first, last) if first <= last else (last, first)
