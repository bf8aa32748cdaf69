"""What a session asks of an opened mailbox, but for changes of messages: state, facts, octets. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import apsw
from twisted.logger import Logger

from mailframe.database.sqlite import storage_status
from mailframe.message.status import STORAGE_FULL
from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.values import (
    Changes,
    Item,
    Snapshot,
    Span,
)

from .fetching import message_of
from .layout import ReadsTogether
from .maildrop import Maildrop, uids_of

T = TypeVar("T")

FEW = 8
"""So many pieces of messages are read together, where the layout can; one alone takes 43 us by itself, and 55 so."""

log = Logger()


def snapshot(drop: Maildrop, mailbox_id: str, read_only: bool) -> Snapshot:
    """See `IMailbox.snapshot`."""
    drop.layout.look(drop.current(mailbox_id))
    return _claiming(drop, read_only, lambda read_only: _snapshot(drop, mailbox_id, read_only))


def _snapshot(drop: Maildrop, mailbox_id: str, read_only: bool) -> Snapshot:
    with _state(drop, mailbox_id, read_only) as mailbox:
        messages = drop.catalogue.messages
        return Snapshot(
            uids=messages.uids(mailbox),
            recent=frozenset(_take_recent(drop, mailbox, read_only)),
            first_unseen=messages.first_unseen(mailbox),
            keywords=drop.catalogue.mailboxes.keywords(mailbox).in_use(),
            uidnext=mailbox.uidnext,
            modseq=mailbox.modseq,
        )


def changes(drop: Maildrop, mailbox_id: str, since: int, read_only: bool) -> Changes:
    """See `IMailbox.changes`."""
    mailbox = drop.current(mailbox_id)
    if drop.layout.look(mailbox):
        mailbox = drop.current(mailbox_id)
    if mailbox.modseq == since and (read_only or mailbox.first_recent == mailbox.uidnext):
        return Changes(since, (), (), frozenset(), mailbox.uidnext)
    return _claiming(drop, read_only, lambda read_only: _changes(drop, mailbox_id, since, read_only))


def _changes(drop: Maildrop, mailbox_id: str, since: int, read_only: bool) -> Changes:
    with _state(drop, mailbox_id, read_only) as mailbox:
        rows = drop.catalogue.messages.changed_since(mailbox, since)
        vanished = drop.catalogue.messages.vanished_since(mailbox, since)
        keywords = drop.catalogue.mailboxes.keywords(mailbox)
        changed = [message_of(row, Item.FLAGS, keywords) for row in rows]
        recent = _take_recent(drop, mailbox, read_only)
        return Changes(
            mailbox.modseq, changed, vanished, frozenset(recent).intersection(uids_of(rows)), mailbox.uidnext
        )


def read(drop: Maildrop, mailbox_id: str, spans: Sequence[Span]) -> list[bytes | None]:
    """See `IMailbox.read`."""
    whole: dict[int, bytes | None] = {}
    with ExitStack() as transaction:
        together = None
        if len(spans) >= FEW and isinstance(drop.layout, ReadsTogether):
            together = drop.layout
        if together is not None:
            # In one transaction, which takes the locks of one statement.
            transaction.enter_context(drop.catalogue.reading())
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None:
            return [None] * len(spans)
        rows = {
            row.uid: row for row in drop.catalogue.messages.rows(mailbox, list({span.uid for span in spans}))
        }
        if together is not None:
            small = [row for row in rows.values() if not drop.layout.is_large(row)]
            octets = together.read_together(small)
            whole = {row.uid: octets.get(row.id) for row in small}
    return [_read(drop, mailbox, rows.get(span.uid), span, whole) for span in spans]


def _read(
    drop: Maildrop, mailbox: MailboxRow, row: MessageRow | None, span: Span, whole: dict[int, bytes | None]
) -> bytes | None:
    if row is None:
        return None
    if span.uid not in whole:
        if drop.layout.is_large(row):
            return drop.layout.read(mailbox, row, span.offset, span.length)
        whole[span.uid] = drop.layout.read(mailbox, row)
    octets = whole[span.uid]
    return None if octets is None else _cut(octets, span)


def _claiming(drop: Maildrop, read_only: bool, work: Callable[[bool], T]) -> T:
    """Do it; on a full disk, which notes no claims, as for a session that only reads: mail can still be read."""
    if not read_only:
        try:
            return work(False)
        except (OSError, apsw.FullError) as fault:
            if storage_status(fault) is not STORAGE_FULL:
                raise
            log.error(
                "recent messages of {account} are not claimed: {fault}", account=drop.account, fault=fault
            )
    return work(True)


@contextmanager
def _state(drop: Maildrop, mailbox_id: str, read_only: bool) -> Iterator[MailboxRow]:
    """A transaction, and the mailbox as it is in it: a writing one where ``\\Recent`` is to be claimed."""
    with ExitStack() as transaction:
        transaction.enter_context(drop.catalogue.reading())
        mailbox = drop.current(mailbox_id)
        if not read_only and mailbox.first_recent < mailbox.uidnext:
            # Asked within the transaction: what another process delivers just before is claimed as well, and
            # never in a transaction that only reads.
            transaction.close()
            transaction.enter_context(drop.writing(0))
            mailbox = drop.current(mailbox_id)
        yield mailbox


def _take_recent(drop: Maildrop, mailbox: MailboxRow, read_only: bool) -> Sequence[int]:
    """UIDs that are ``\\Recent`` for this session. One that writes claims them."""
    recent = drop.catalogue.messages.recent(mailbox)
    if read_only or mailbox.first_recent == mailbox.uidnext:
        return recent
    drop.catalogue.mailboxes.claim_recent(mailbox)
    if recent:
        drop.layout.claim(mailbox, recent)
    return recent


def _cut(octets: bytes, span: Span) -> bytes:
    if span.offset == 0 and (span.length is None or span.length >= len(octets)):
        return octets
    end = None if span.length is None else span.offset + span.length
    return octets[span.offset : end]
