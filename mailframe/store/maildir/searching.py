"""SEARCH in a Maildir: narrowed by the catalogue's indexes, decided by rows, and only then by octets. Blocking."""

from __future__ import annotations

from collections.abc import Iterable

from mailframe.store.catalogue.mailboxes import MailboxRow
from mailframe.store.catalogue.messages import MessageRow
from mailframe.store.matching import Program
from mailframe.store.values import SEEN, All, And, HasFlag, Item, Not, SearchKey, SearchResult, UIDs

from .maildrop import Maildrop
from .opened import message_of, octets_of

_NARROW = 100_000
"""Ranges of more UIDs than this are not written out one by one."""


def search(drop: Maildrop, mailbox_id: str, key: SearchKey) -> SearchResult:
    """See `IMailbox.search`."""
    mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
    if mailbox is None:
        return SearchResult()
    program = Program(key)
    keywords = drop.catalogue.mailboxes.keywords(mailbox)
    items = program.items | Item.FLAGS
    found: list[int] = []
    modseq = 0
    # All rows first: while octets are read others may write, and no transaction is held open for so long.
    for row in list(_candidates(drop, mailbox, key)):
        message = message_of(row, items, keywords)
        verdict = program.decide(message)
        if verdict is None:
            octets = octets_of(drop, mailbox, row)
            verdict = octets is not None and program.matches(message, octets)
        if verdict:
            found.append(row.uid)
            modseq = max(modseq, row.modseq)
    return SearchResult(found, modseq)


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
