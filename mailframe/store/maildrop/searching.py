"""SEARCH: narrowed by the catalogue's indexes, decided by rows, and only then by octets. Blocking.

Reading octets takes long, and one thread does it for all accounts. So it is done in slices: between two of them
others have their turn, and a search whose session is gone is not gone on with.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.matching import Program
from mailframe.store.values import SEEN, All, And, HasFlag, Item, Not, SearchKey, SearchResult, UIDs

from .maildrop import Maildrop
from .opened import message_of

SLICE_SECONDS = 0.05
"""How long one slice of a search takes."""
SLICE_ROWS = 64
"""Messages whose rows are read at a time when octets are; the time is looked at between them."""
_NARROW = 100_000
"""Ranges of more UIDs than this are not written out one by one."""


class Search:
    """One search under way.

    Args:
        key: the whole program.
    """

    def __init__(self, key: SearchKey) -> None:
        self._key = key
        self._program = Program(key)
        self._items = self._program.items | Item.FLAGS
        self._found: list[int] = []
        self._modseq = 0
        self._undecided: list[int] | None = None

    @property
    def result(self) -> SearchResult:
        """What matched so far: all when `step` said so."""
        return SearchResult(sorted(self._found), self._modseq)

    def step(self, drop: Maildrop, mailbox_id: str) -> bool:
        """Do one slice; True when that was the last."""
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None:
            return True
        if self._undecided is None:
            self._undecided = self._by_rows(drop, mailbox)
            return not self._undecided
        until = time.monotonic() + SLICE_SECONDS
        while self._undecided:
            self._by_octets(drop, mailbox, self._undecided[-SLICE_ROWS:])
            del self._undecided[-SLICE_ROWS:]
            if time.monotonic() >= until:
                break
        return not self._undecided

    def _by_rows(self, drop: Maildrop, mailbox: MailboxRow) -> list[int]:
        """Decide what rows can; return the UIDs of the others, those to be read first last."""
        keywords = drop.catalogue.mailboxes.keywords(mailbox)
        undecided = []
        for row in _candidates(drop, mailbox, self._key):
            verdict = self._program.decide(message_of(row, self._items, keywords))
            if verdict is None:
                undecided.append(row.uid)
            elif verdict:
                self._matches(row)
        undecided.reverse()
        return undecided

    def _by_octets(self, drop: Maildrop, mailbox: MailboxRow, uids: list[int]) -> None:
        keywords = drop.catalogue.mailboxes.keywords(mailbox)
        # All rows first: while octets are read others may write, and no transaction is held open for so long.
        for row in list(drop.catalogue.messages.rows(mailbox, uids)):
            octets = drop.layout.read(mailbox, row)
            if octets is not None and self._program.matches(message_of(row, self._items, keywords), octets):
                self._matches(row)

    def _matches(self, row: MessageRow) -> None:
        self._found.append(row.uid)
        self._modseq = max(self._modseq, row.modseq)


def needs_octets(key: SearchKey) -> bool:
    """May a search for this read messages, and so take long?"""
    return not Program(key).in_row


def _candidates(drop: Maildrop, mailbox: MailboxRow, key: SearchKey) -> Iterable[MessageRow]:
    """The rows among which the answer is, UIDs ascending."""
    messages = drop.catalogue.messages
    for part in key.keys if isinstance(key, And) else (key,):
        match part:
            case Not(HasFlag(flag)) if flag.lower() == SEEN.lower():
                return messages.rows(mailbox, messages.unseen(mailbox))
            case UIDs(ranges) if (uids := _written_out(ranges, mailbox.uidnext)) is not None:
                return messages.rows(mailbox, uids)
            case All():
                continue
    return messages.rows(mailbox)


def _written_out(ranges: Iterable[tuple[int, int]], uidnext: int) -> list[int] | None:
    bounded = [(first, min(last, uidnext - 1)) for first, last in ranges]
    if sum(max(0, last - first + 1) for first, last in bounded) > _NARROW:
        return None
    return sorted({uid for first, last in bounded for uid in range(first, last + 1)})
