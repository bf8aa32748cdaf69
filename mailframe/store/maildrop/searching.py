"""SEARCH: narrowed by the catalogue and the index of texts, decided by rows, and only then by octets. Blocking.

Reading octets takes long, and one thread does it for all accounts. So everything is done in slices: between two of
them others have their turn, and a search whose session is gone is not gone on with.

A search that asks for text, in a mailbox of more than a few messages, goes through the index first, which is brought
up to date for it. What the index says is exact, and most messages are out by then: not even their rows are read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.matching import Program, Reading, Verdict, asks_thread
from mailframe.store.matching_index import Answers, questions
from mailframe.store.search_keys import All, And, HasFlag, Not, SearchKey, UIDs
from mailframe.store.values import SEEN, Item, Message, SearchResult

from . import metrics, texts, threading
from .fetching import PLAIN, message_of, messages_of
from .maildrop import Maildrop
from .source import source_of

SLICE_SECONDS = 0.05
"""How long one slice of a search takes."""
SLICE_ROWS = 64
"""Messages whose rows are read at a time when octets are."""
ROWS = 5000
"""Messages whose rows are read at a time when rows decide."""
NEAR = 500
"""So few messages are read for a search whatever the index knows: 75 ms, where going through it may take 200."""
_NARROW = 100_000
"""Ranges of more UIDs than this are not written out one by one."""

Stage = Callable[[Maildrop, MailboxRow], bool]
"""Does some of what is to be done, and says whether that was all of the search."""


class Search:
    """One search under way.

    Args:
        key: the whole program.
    """

    def __init__(self, key: SearchKey) -> None:
        self._key = key
        self._program = Program(key)
        self._items = self._program.items | Item.FLAGS
        self._threads = asks_thread(key)
        self._found: list[int] = []
        self._modseq = 0
        self._stage: Stage = self._begin
        self._answers: Answers | None = None
        self._questions = questions(key)
        self._next = 1
        self._candidates: Sequence[int] = ()
        self._undecided: list[int] = []
        self._reading: Reading | None = None
        self._read_in: Maildrop | None = None

    @property
    def result(self) -> SearchResult:
        """What matched so far: all when `step` said so."""
        return SearchResult(sorted(self._found), self._modseq)

    def step(self, drop: Maildrop, mailbox_id: str) -> bool:
        """Do one slice; True when that was the last."""
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        return mailbox is None or self._stage(drop, mailbox)

    # The stages, in order.

    def _begin(self, drop: Maildrop, mailbox: MailboxRow) -> bool:
        """Is it worth going through the index, and through messages at all?"""
        if self._at_once(drop, mailbox):
            return True
        narrowed = _narrowed(drop, mailbox, self._key)
        near = mailbox.messages <= texts.FEW or (narrowed is not None and len(narrowed) <= NEAR)
        if self._questions:
            (metrics.SEARCHES_BY_MESSAGES if near else metrics.SEARCHES_BY_INDEX).inc()
        if near or not self._questions:
            return self._decide_from(drop, mailbox, narrowed)
        self._stage = self._catch_up
        return False

    def _at_once(self, drop: Maildrop, mailbox: MailboxRow) -> bool:
        """ALL and UNSEEN are answered by what is counted anyhow."""
        parts = [part for part in _parts(self._key) if not isinstance(part, All)]
        match parts:
            case []:
                self._found = list(drop.catalogue.messages.uids(mailbox))
                self._modseq = drop.catalogue.messages.highest_modseq(mailbox)
            case [Not(HasFlag(flag))] if flag.lower() == SEEN.lower():
                self._found = drop.catalogue.messages.unseen(mailbox)
                self._modseq = drop.catalogue.messages.highest_modseq(mailbox, unseen=True)
            case _:
                return False
        return True

    def _catch_up(self, drop: Maildrop, mailbox: MailboxRow) -> bool:
        """Bring the index up to date."""
        done = texts.catch_up(drop, mailbox)
        if done is None:
            return self._without_index(drop, mailbox)
        if done:
            covered = texts.asking(drop, lambda index: index.covered(mailbox))
            if covered is None:
                return self._without_index(drop, mailbox)
            self._answers = Answers(covered)
            self._stage = self._ask
        return False

    def _ask(self, drop: Maildrop, mailbox: MailboxRow) -> bool:
        """Ask the index, one question after another."""
        answers, wanted = self._answers, self._questions[-1]
        assert answers is not None
        found = texts.asking(drop, lambda index: index.find(mailbox, wanted, self._next))
        if found is None:
            return self._without_index(drop, mailbox)
        if (texts.asking(drop, lambda index: index.covered(mailbox)) or 1) < answers.covered:
            # Somebody has emptied it meanwhile, because it was damaged or the mailbox seemed to be gone.
            return self._without_index(drop, mailbox)
        answers.take(wanted, found)
        self._next = found.next or 1
        if found.next is None:
            self._questions.pop()
        if self._questions:
            return False
        return self._decide_from(drop, mailbox, self._left_by(drop, mailbox, answers))

    def _decide(self, drop: Maildrop, mailbox: MailboxRow) -> bool:
        """Decide what rows and answers can; keep the UIDs of the others, those to be read first last."""
        keywords = drop.catalogue.mailboxes.keywords(mailbox)
        until = time.monotonic() + SLICE_SECONDS
        at_a_time = SLICE_ROWS if self._threads else ROWS
        while self._candidates:
            uids, self._candidates = self._candidates[:at_a_time], self._candidates[at_a_time:]
            decide, answers = self._program.decide, self._answers
            for message in self._messages(drop, mailbox, uids, keywords):
                verdict = decide(message, None if answers is None else answers.said(message.uid))
                if verdict is None:
                    self._undecided.append(message.uid)
                elif verdict:
                    self._matches(message)
            if time.monotonic() >= until and self._candidates:
                return False
        self._undecided.reverse()
        self._stage = self._read
        return not self._undecided

    def _messages(
        self, drop: Maildrop, mailbox: MailboxRow, uids: Sequence[int], keywords: Keywords
    ) -> Iterable[Message]:
        """What rows say of messages."""
        if self._items == Item.FLAGS and drop.remembered is not None:
            remembered = drop.remembered.fetch(drop, mailbox.mailbox_id, uids)
            if remembered is not None:
                return remembered
        if not self._items & ~PLAIN:
            return messages_of(drop.catalogue.messages.facts(mailbox, uids), keywords, flags=True)
        rows: Iterable[MessageRow] = drop.catalogue.messages.rows(mailbox, uids)
        if self._threads:
            rows = threading.assigned(drop, mailbox, list(rows))
        return (message_of(row, self._items, keywords) for row in rows)

    def _read(self, drop: Maildrop, mailbox: MailboxRow) -> bool:
        """Read messages of which nothing else decides; a long one in more than one slice."""
        keywords = drop.catalogue.mailboxes.keywords(mailbox)
        until = time.monotonic() + SLICE_SECONDS
        while self._undecided:
            uids = self._undecided[-SLICE_ROWS:]
            # All rows first: while octets are read others may write, and no transaction is held open for so long.
            for row in list(drop.catalogue.messages.rows(mailbox, uids)):
                verdict = self._by_octets(drop, mailbox, row, keywords, until)
                if verdict is None:
                    return False
                if verdict:
                    self._matches(row)
                self._decided(row.uid)
                if time.monotonic() >= until:
                    return not self._undecided
            self._decided(uids[0])
        return True

    def _by_octets(
        self, drop: Maildrop, mailbox: MailboxRow, row: MessageRow, keywords: Keywords, until: float
    ) -> Verdict:
        """Does a message match? None: there was no time to read all of it."""
        reading = self._reading
        # What was begun with a maildrop that is closed since cannot be gone on with.
        if reading is None or reading.uid != row.uid or self._read_in is not drop:
            source = source_of(drop, mailbox, row)
            if source is None:
                return False
            reading = self._program.reading(message_of(row, self._items, keywords), source)
            self._reading, self._read_in = reading, drop
        verdict = reading.verdict(until)
        if verdict is not None:
            self._reading = self._read_in = None
        return verdict

    def _decided(self, uid: int) -> None:
        """All up to this one are decided."""
        while self._undecided and self._undecided[-1] <= uid:
            self._undecided.pop()

    # What they share.

    def _decide_from(self, drop: Maildrop, mailbox: MailboxRow, uids: Sequence[int] | None) -> bool:
        self._candidates = drop.catalogue.messages.uids(mailbox) if uids is None else uids
        self._stage = self._decide
        return not self._candidates or self._decide(drop, mailbox)

    def _without_index(self, drop: Maildrop, mailbox: MailboxRow) -> bool:
        self._answers = None
        return self._decide_from(drop, mailbox, _narrowed(drop, mailbox, self._key))

    def _left_by(self, drop: Maildrop, mailbox: MailboxRow, answers: Answers) -> Sequence[int] | None:
        """The UIDs among which the answer is, now that the index has answered; None: all."""
        narrowed, possible = _narrowed(drop, mailbox, self._key), answers.candidates(self._key)
        if possible is None:
            return narrowed
        possible |= answers.unsure
        possible.update(drop.catalogue.messages.uids_from(mailbox, answers.covered))
        return sorted(possible if narrowed is None else possible.intersection(narrowed))

    def _matches(self, message: Message | MessageRow) -> None:
        self._found.append(message.uid)
        self._modseq = max(self._modseq, message.modseq)


def needs_octets(key: SearchKey) -> bool:
    """May a search for this read messages, and so take long?"""
    return not Program(key).in_row or asks_thread(key)


def _narrowed(drop: Maildrop, mailbox: MailboxRow, key: SearchKey) -> Sequence[int] | None:
    """UIDs among which the answer is, ascending; None: all."""
    for part in _parts(key):
        match part:
            case Not(HasFlag(flag)) if flag.lower() == SEEN.lower():
                return drop.catalogue.messages.unseen(mailbox)
            case UIDs(ranges) if (uids := _written_out(ranges, mailbox.uidnext)) is not None:
                return uids
            case All():
                continue
    return None


def _parts(key: SearchKey) -> Sequence[SearchKey]:
    """The keys that must all match."""
    return key.keys if isinstance(key, And) else (key,)


def _written_out(ranges: Iterable[tuple[int, int]], uidnext: int) -> list[int] | None:
    bounded = [(first, min(last, uidnext - 1)) for first, last in ranges]
    if sum(max(0, last - first + 1) for first, last in bounded) > _NARROW:
        return None
    return sorted({uid for first, last in bounded for uid in range(first, last + 1)})
