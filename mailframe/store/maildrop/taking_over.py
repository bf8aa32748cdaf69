"""Messages come over from elsewhere with their identity: UIDs, MODSEQs, dates and object ids. Blocking.

Octets are written and flushed, then rows committed, then names and rows flushed: unlike those of other arrivals these
rows hold what the octets alone could not give back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, Packed, new_object_id, row_id
from mailframe.store.identity import check_order, object_id
from mailframe.store.names import check_special_use
from mailframe.store.quota import Usage
from mailframe.store.refusals import OCCUPIED, refuse
from mailframe.store.values import Delivery, NewMessage, TakenMailbox, TakenMessage

from . import room
from .arrival import Attempt
from .layout import Arrival
from .mailboxes import make_superiors
from .maildrop import Maildrop, now


@dataclass(slots=True)
class _Coming:
    """A message that comes in: written, and with a row once it is there."""

    message: TakenMessage
    attempt: Attempt


def take_over(drop: Maildrop, name: str, taken: TakenMailbox, messages: Sequence[TakenMessage]) -> list[int]:
    """See `IMailAccount.take_over`; a canonical name."""
    check_order(messages)
    drop.adopt_mailboxes()
    mailbox = _mailbox(drop, name, taken)
    drop.layout.look(mailbox)
    mailbox = drop.current(mailbox.mailbox_id)
    coming = [_coming(drop, name, one) for one in messages if not one.uid or one.uid >= mailbox.uidnext]
    if coming:
        octets = sum(one.attempt.delivery.message.content.size for one in coming)
        room.check(drop, {mailbox.name: Usage(octets, len(coming))})
    try:
        _write(drop, mailbox, [one.attempt for one in coming])
        with drop.writing(len(coming)), drop.numbering(mailbox):
            _commit(drop, drop.current(mailbox.mailbox_id), taken, messages, coming)
    except BaseException:
        _abandon(drop, [one.attempt for one in coming])
        raise
    drop.changed.add(mailbox.mailbox_id)
    # From here on nothing is taken back: their UIDs are used, so they could not come again. Where they cannot be
    # flushed, whoever sends them again finds them there, and they are flushed then.
    _flush(drop, [one.attempt for one in coming])
    return [one.attempt.row.uid for one in coming if one.attempt.row is not None]


def _coming(drop: Maildrop, name: str, message: TakenMessage) -> _Coming:
    if message.content is None:
        raise ValueError("a message that is not there yet must come with its content")
    new = NewMessage(message.content, message.flags, message.internal_date)
    return _Coming(message, Attempt(Delivery(drop.account, new, name), 0, drop))


# The mailbox.


def _mailbox(drop: Maildrop, name: str, taken: TakenMailbox) -> MailboxRow:
    """The mailbox, made or renumbered where that is needed."""
    mailboxes = drop.catalogue.mailboxes
    special_use = check_special_use(taken.special_use)
    with drop.writing(0):
        mailbox = mailboxes.named(name)
        if mailbox is None:
            make_superiors(drop, name, 1)
            mailbox = drop.add_mailbox(name, special_use)
            drop.layout.mailboxes_made()
        uidvalidity = taken.uidvalidity or mailbox.uidvalidity
        if mailbox.messages:
            if uidvalidity != mailbox.uidvalidity:
                raise refuse(OCCUPIED)
            return mailbox
        mailbox_id = _mailbox_id(drop, mailbox, taken)
        return mailboxes.identify(mailbox, mailbox_id, uidvalidity, special_use or mailbox.special_use)


def _mailbox_id(drop: Maildrop, mailbox: MailboxRow, taken: TakenMailbox) -> str:
    """The MAILBOXID to have: that of elsewhere, where it is one and nobody has it."""
    wanted = object_id(taken.mailbox_id)
    other = drop.catalogue.mailboxes.with_id(wanted) if wanted else None
    if wanted and (other is None or other.id == mailbox.id):
        return wanted
    # One MAILBOXID never has two UIDVALIDITYs (RFC 8474 section 4).
    return mailbox.mailbox_id if taken.uidvalidity in (0, mailbox.uidvalidity) else new_object_id("F")


# Messages.


def _write(drop: Maildrop, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> None:
    layout, describe = drop.layout, drop.surroundings.describe
    for attempt in attempts:
        attempt.written = layout.write(Arrival(mailbox, attempt.delivery.message.content, describe))
    if len(attempts) > 1:
        for attempt in attempts:
            assert attempt.written is not None
            layout.begin_flush(attempt.written)
    for attempt in attempts:
        assert attempt.written is not None
        layout.flush(attempt.written)


def _commit(
    drop: Maildrop,
    mailbox: MailboxRow,
    taken: TakenMailbox,
    messages: Sequence[TakenMessage],
    coming: Sequence[_Coming],
) -> None:
    """Rows, flags and numbers. Needs a writing transaction."""
    mailboxes, keywords = drop.catalogue.mailboxes, drop.catalogue.mailboxes.keywords(mailbox)
    known = {message.uid: message for message in messages if 0 < message.uid < mailbox.uidnext}
    overtaken = _set_flags(drop, mailbox, known, keywords)
    modseq = mailboxes.next_modseq(mailbox) if any(not one.message.modseq for one in coming) else 0
    _add(drop, mailbox, list(_rows(mailbox, coming, keywords, modseq)), coming)
    rows = [one.attempt.row for one in coming if one.attempt.row is not None]
    named = zip(rows, coming, strict=True)
    drop.catalogue.uidls.add([(row.id, one.message.uidl) for row, one in named if one.message.uidl])
    highest = max((message.modseq for message in messages), default=0)
    mailboxes.advance(
        mailbox,
        max([taken.uidnext, *(row.uid + 1 for row in rows)]),
        max(taken.highestmodseq, highest),
        # What was expunged elsewhere is known to nobody here, one by one.
        max(taken.highestmodseq, overtaken),
    )
    _claim(drop, drop.current(mailbox.mailbox_id), [row.uid for row in rows])


def _rows(
    mailbox: MailboxRow, coming: Sequence[_Coming], keywords: Keywords, modseq: int
) -> Iterator[MessageRow]:
    uid, saved = mailbox.uidnext, now()
    for one in coming:
        message, written = one.message, one.attempt.written
        assert written is not None
        uid = max(uid, message.uid)
        flags, packed = keywords.pack(keywords.spell(message.flags))
        yield MessageRow(
            row_id(mailbox, uid), mailbox.id, message.modseq or modseq, flags, packed,
            message.internal_date or saved, written.size, message.save_date or saved,
            object_id(message.email_id) or new_object_id("M"), object_id(message.thread_id), "", None,
            written.disk_size, written.form,
        )  # fmt: skip
        uid += 1


def _add(drop: Maildrop, mailbox: MailboxRow, rows: Sequence[MessageRow], coming: Sequence[_Coming]) -> None:
    placed, described = [], []
    attempts = [one.attempt for one in coming]
    with drop.layout.arriving(mailbox, attempts):
        for attempt, row in zip(attempts, rows, strict=True):
            assert attempt.written is not None
            # Somebody has seen it, whether it has flags or not.
            attempt.row = drop.layout.place(mailbox, attempt.written, row, flagged=True)
            placed.append(attempt.row)
            if attempt.written.description is not None:
                described.append((row.id, attempt.written.description))
    drop.catalogue.messages.add(placed)
    drop.catalogue.descriptions.add(described)


def _set_flags(
    drop: Maildrop, mailbox: MailboxRow, known: dict[int, TakenMessage], keywords: Keywords
) -> int:
    """Messages that are here already get the flags and modseqs that they have elsewhere.

    Returns:
        The modseq up to which changes cannot be told one by one any more: those with a modseq from elsewhere may lie
        before what others know already.
    """
    touched: list[tuple[MessageRow, Packed]] = []
    for row in drop.catalogue.messages.rows(mailbox, list(known)):
        message = known[row.uid]
        packed = keywords.pack(keywords.spell(message.flags))
        if packed != (row.flags, row.keywords) or message.modseq not in (0, row.modseq):
            touched.append((row, packed))
    if not touched:
        return 0
    infos = drop.layout.flag(mailbox, touched)
    ours = modseq = drop.catalogue.mailboxes.next_modseq(mailbox)
    by_modseq: dict[int, list[tuple[int, Packed, str | None]]] = {}
    for row, packed in touched:
        change = (row.id, packed, infos[row.id])
        by_modseq.setdefault(known[row.uid].modseq or modseq, []).append(change)
    for modseq, changes in by_modseq.items():
        drop.catalogue.messages.set_flags(modseq, changes)
    return ours if min(by_modseq) < ours else 0


def _claim(drop: Maildrop, mailbox: MailboxRow, uids: Sequence[int]) -> None:
    """None of them is ``\\Recent``: somebody was told of them, elsewhere."""
    drop.catalogue.mailboxes.claim_recent(mailbox)
    if uids:
        drop.layout.claim(mailbox, uids)


def _flush(drop: Maildrop, attempts: Sequence[Attempt]) -> None:
    places = {drop.layout.place_of(attempt.written) for attempt in attempts if attempt.written is not None}
    drop.unflushed.update(place for place in places if place is not None)
    for place in sorted(drop.unflushed):
        drop.layout.flush_place(place)
        drop.unflushed.discard(place)
    drop.catalogue.flush()


def _abandon(drop: Maildrop, attempts: Sequence[Attempt]) -> None:
    for attempt in attempts:
        if attempt.written is not None:
            drop.layout.abandon(attempt.written)
