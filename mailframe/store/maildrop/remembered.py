"""Flags of mailboxes, remembered from one FETCH to the next: one state a mailbox, for all sessions. Blocking.

Clients ask for the flags of all messages whenever they connect: of 10,000 messages the whole FETCH took 8.8 ms with
rows of the catalogue, and takes 1.9. A state holds from the lowest UID up to one that grows with what is asked for,
and is true at one modseq. Whoever asks reads the mailbox's row: at the same modseq nothing has changed, by whichever
process; at a higher one, what changed or vanished since is read, within one transaction.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailframe.store.catalogue.interfaces import Catalogue
from mailframe.store.catalogue.rows import UID_MASK, MailboxRow
from mailframe.store.columns import FlagColumns
from mailframe.store.uid_runs import UIDRuns
from mailframe.store.values import Flags

if TYPE_CHECKING:
    from .maildrop import Maildrop

REMEMBERED = 1_000_000
"""Messages remembered in a process, at 20 octets each: what a hundred accounts of 10,000 take."""
SMALL = 200
"""Of mailboxes with fewer messages rows are read: that takes no longer than to keep a state."""
STEP = 10_000
"""Messages that a state grows by in one go: 10 ms, and others wait for the thread."""
SHARE = 8
"""Whoever asks for less than one message in so many does not make a state, nor bring one up to date."""
_SPARSE = 16
"""Messages are looked up one by one where fewer than one in so many is asked for."""
_A_SET, _A_FLAG = 10, 4
"""What a combination of flags weighs, in messages."""


class State:
    """Flags in one mailbox, from its first message on.

    Attributes:
        modseq: when they were so.
        uidvalidity: of the mailbox.
        uids, flags, modseqs: columns, UIDs ascending.
        reach: all messages up to this UID are there.
        weight: what it counts for among what is remembered, in messages.
    """

    def __init__(self, mailbox: MailboxRow) -> None:
        self.modseq, self.uidvalidity = mailbox.modseq, mailbox.uidvalidity
        self.uids, self.modseqs = array("I"), array("Q")
        self.flags: list[Flags] = []
        self.reach = 0
        self._kinds: dict[Flags, Flags] = {}
        self._kinds_weight = 0

    @property
    def weight(self) -> int:
        """What it counts for, in messages."""
        return len(self.uids) + self._kinds_weight

    def is_at(self, mailbox: MailboxRow) -> bool:
        """Is it up to date?"""
        return self.modseq == mailbox.modseq and self.uidvalidity == mailbox.uidvalidity

    def leads_to(self, mailbox: MailboxRow) -> bool:
        """Can it be brought up to date?"""
        if self.uidvalidity != mailbox.uidvalidity:
            return False
        return mailbox.vanished_from <= self.modseq <= mailbox.modseq

    def follow(self, catalogue: Catalogue, mailbox: MailboxRow) -> None:
        """Take in what happened since. Needs a transaction that reads."""
        self._remove(catalogue.messages.vanished_since(mailbox, self.modseq))
        unpack = catalogue.mailboxes.keywords(mailbox).unpack
        for row in catalogue.messages.changed_since(mailbox, self.modseq):
            at = bisect_left(self.uids, row.uid)
            if at < len(self.uids) and self.uids[at] == row.uid:
                self.flags[at], self.modseqs[at] = self._one(unpack(row.flags, row.keywords)), row.modseq
        self.modseq = mailbox.modseq

    def grow(self, catalogue: Catalogue, mailbox: MailboxRow, last: int) -> None:
        """Reach to a UID, unless it is too far. Needs the transaction in which it was brought up to date."""
        coming = catalogue.messages.uids_from(mailbox, self.reach + 1, STEP)
        if len(coming) == STEP and coming[-1] < last:
            return
        coming = coming[: bisect_left(coming, last + 1)]
        unpack = catalogue.mailboxes.keywords(mailbox).unpack
        for id_, modseq, flags, keywords, _, _ in catalogue.messages.facts(mailbox, coming):
            self.uids.append(id_ & UID_MASK)
            self.flags.append(self._one(unpack(flags, keywords)))
            self.modseqs.append(modseq)
        # What comes later has higher UIDs than any that there was.
        self.reach = min(last, mailbox.uidnext - 1)

    def of(self, wanted: Sequence[int]) -> FlagColumns | None:
        """What is known of messages: of those that there are; None where it does not reach to all."""
        first, count = bisect_left(self.uids, wanted[0]), len(wanted)
        if self.uids[first : first + count].tolist() == wanted:
            end = first + count
            return FlagColumns(wanted, self.flags[first:end], self.modseqs[first:end])
        if max(wanted) > self.reach:
            return None
        places = self._places(set(wanted))
        flags, modseqs = self.flags, self.modseqs
        return FlagColumns(
            [self.uids[at] for at in places], [flags[at] for at in places], [modseqs[at] for at in places]
        )

    def _places(self, wanted: set[int]) -> list[int]:
        uids = self.uids
        if len(wanted) * _SPARSE > len(uids):
            return [at for at, uid in enumerate(uids) if uid in wanted]
        found = ((bisect_left(uids, uid), uid) for uid in sorted(wanted) if uid > 0)
        return [at for at, uid in found if at < len(uids) and uids[at] == uid]

    def _one(self, flags: Flags) -> Flags:
        """The same object for the same flags."""
        known = self._kinds.get(flags)
        if known is None:
            known = self._kinds[flags] = flags
            self._kinds_weight += _A_SET + _A_FLAG * len(flags)
        return known

    def _remove(self, gone: UIDRuns) -> None:
        if not gone.runs:
            return
        uids, flags, modseqs, start = array("I"), list[Flags](), array("Q"), 0
        for first, last in (*gone.runs, (UID_MASK, UID_MASK)):
            end = bisect_left(self.uids, first)
            uids += self.uids[start:end]
            flags += self.flags[start:end]
            modseqs += self.modseqs[start:end]
            start = bisect_left(self.uids, last + 1)
        self.uids, self.flags, self.modseqs = uids, flags, modseqs


class Remembered:
    """Flags of the mailboxes that were asked for last; for one thread.

    Args:
        limit: messages; what was not asked for the longest time is forgotten first.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._states: OrderedDict[tuple[str, str], State] = OrderedDict()
        self.weight = 0
        """Of all states, in messages."""

    def fetch(self, drop: Maildrop, mailbox_id: str, uids: Sequence[int]) -> FlagColumns | None:
        """UIDs, flags and modseqs of those messages that exist, UIDs ascending; None: they are not remembered."""
        if not uids:
            return FlagColumns((), (), ())
        key = (drop.account, mailbox_id)
        if key not in self._states and len(uids) * SHARE < SMALL:
            # Not worthwhile, whatever the mailbox is like; nor is it to ask for its row, which takes 9 us of 50.
            return None
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None or not SMALL <= mailbox.messages <= self._limit:
            return None
        wanted = list(uids)
        state = self._states.get(key)
        if state is not None and state.is_at(mailbox):
            found = state.of(wanted)
            if found is not None:
                self._states.move_to_end(key)
                return found
        if len(wanted) * SHARE < min(mailbox.messages, STEP):
            return None
        state = self._brought_up(drop, mailbox_id, max(wanted))
        return None if state is None else state.of(wanted)

    def forget(self, account: str) -> None:
        """An account is closed."""
        for key in [key for key in self._states if key[0] == account]:
            self._take(key)

    def _brought_up(self, drop: Maildrop, mailbox_id: str, last: int) -> State | None:
        # Out of what is remembered meanwhile: what a fault leaves half done is not used.
        key, catalogue = (drop.account, mailbox_id), drop.catalogue
        state = self._take(key)
        with catalogue.reading():
            mailbox = catalogue.mailboxes.with_id(mailbox_id)
            if mailbox is None:
                return None
            if state is None or not state.leads_to(mailbox):
                state = State(mailbox)
            if not state.is_at(mailbox):
                state.follow(catalogue, mailbox)
            if last > state.reach:
                state.grow(catalogue, mailbox, last)
        if state.reach >= mailbox.uidnext - 1 and len(state.uids) != mailbox.messages:
            # Somebody has repaired the catalogue.
            return None
        self._keep(key, state)
        return state

    def _take(self, key: tuple[str, str]) -> State | None:
        state = self._states.pop(key, None)
        if state is not None:
            self.weight -= state.weight
        return state

    def _keep(self, key: tuple[str, str], state: State) -> None:
        self._states[key] = state
        self.weight += state.weight
        while self.weight > self._limit:
            self._take(next(iter(self._states)))
