"""COPY and MOVE, and removal for good: messages between mailboxes of one account, and out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailframe.store.catalogue.rows import MailboxRow, MessageRow, Packed, row_id
from mailframe.store.quota import Usage
from mailframe.store.refusals import TRYCREATE
from mailframe.store.retention import is_kept
from mailframe.store.values import Copied

from . import room
from .maildrop import Maildrop, now, uids_of

EXPUNGE_GROUP = 2000
"""Messages removed in one transaction; deliveries to the account wait for no longer than that takes."""


def copy(drop: Maildrop, mailbox_id: str, uids: Sequence[int], target: str) -> Copied:
    """See `IMailbox.copy`: all or none."""
    return _retried(drop, mailbox_id, lambda: _transfer(drop, mailbox_id, uids, target, False))


def move(
    drop: Maildrop, mailbox_id: str, uids: Sequence[int] | None, target: str, exempt: bool = False
) -> Copied:
    """See `IMailbox.move`: all or none.

    Args:
        uids: None for all messages.
        exempt: whether the account has room for expunged mail that comes back does not matter.
    """
    return _retried(drop, mailbox_id, lambda: _transfer(drop, mailbox_id, uids, target, True, exempt))


def remove(drop: Maildrop, mailbox_id: str, uids: Sequence[int]) -> list[int]:
    """Remove messages for good, whatever their flags; the UIDs that are gone, ascending."""
    removed: list[int] = []
    wanted = sorted(set(uids))
    for start in range(0, len(wanted), EXPUNGE_GROUP):
        done, missing = _remove(drop, mailbox_id, wanted[start : start + EXPUNGE_GROUP])
        if missing:
            # Renamed by another program, or gone already: see which, and try those that are there once more.
            drop.layout.look(drop.current(mailbox_id), force=True)
            done = sorted(done + _remove(drop, mailbox_id, missing)[0])
        removed.extend(done)
    drop.layout.settle()
    return removed


def _remove(drop: Maildrop, mailbox_id: str, uids: Sequence[int]) -> tuple[list[int], list[int]]:
    """Remove octets, then rows: after a crash in between the next look expunges the rows, and nothing comes back.

    Returns:
        UIDs removed, and those that are not where the catalogue has them.

    Raises:
        OSError: nothing could be removed.
    """
    with drop.writing():
        mailbox = drop.current(mailbox_id)
        rows = list(drop.catalogue.messages.rows(mailbox, uids))
        if not rows:
            return [], []
        done = drop.layout.remove(mailbox, rows)
        if done.uids:
            modseq = drop.catalogue.mailboxes.next_modseq(mailbox)
            drop.catalogue.messages.expunge(mailbox, done.uids, modseq)
            drop.changed.add(mailbox_id)
    return list(done.uids), list(done.missing)


def _transfer(
    drop: Maildrop,
    mailbox_id: str,
    uids: Sequence[int] | None,
    name: str,
    move: bool,
    exempt: bool = False,
) -> Copied:
    target_id = drop.find(name, TRYCREATE).mailbox_id
    with drop.writing(0 if uids is None else len(uids)):
        source, target = drop.current(mailbox_id), drop.current(target_id)
        rows = list(drop.catalogue.messages.rows(source, uids))
        if not rows:
            return Copied(target.uidvalidity, [], [])
        _check_room(drop, source, target, rows, move and (exempt or not is_kept(source.name)))
        with drop.numbering(target):
            new = _new_rows(drop, source, target, rows)
            drop.catalogue.messages.add(new)
            pairs = [(old.id, row.id) for old, row in zip(rows, new, strict=True)]
            drop.catalogue.descriptions.copy(pairs)
            drop.catalogue.sort_keys.copy(pairs)
            drop.layout.transfer(source, target, list(zip(rows, new, strict=True)), move)
        if move:
            modseq = drop.catalogue.mailboxes.next_modseq(source)
            drop.catalogue.messages.expunge(source, uids_of(rows), modseq)
    drop.layout.settle()
    drop.changed.add(target.mailbox_id)
    if move:
        drop.changed.add(source.mailbox_id)
    return Copied(target.uidvalidity, uids_of(rows), uids_of(new))


def _check_room(
    drop: Maildrop, source: MailboxRow, target: MailboxRow, rows: Sequence[MessageRow], move: bool
) -> None:
    """A move needs no room in the account, unless it did not count before; it may need some in the mailbox."""
    usage = Usage(sum(row.size for row in rows), len(rows))
    if not move:
        room.check(drop, {target.name: usage})
    elif source.id != target.id:
        room.check_mailbox(drop, target, usage)


def _new_rows(
    drop: Maildrop, source: MailboxRow, target: MailboxRow, rows: Sequence[MessageRow]
) -> list[MessageRow]:
    mailboxes = drop.catalogue.mailboxes
    uid, modseq = mailboxes.take_uids(target, len(rows))
    before, after = mailboxes.keywords(source), mailboxes.keywords(target)
    saved, name = now(), drop.layout.name
    translated: dict[Packed, Packed] = {}
    new = []
    for id_, row in enumerate(rows, row_id(target, uid)):
        # Thousands of messages have the same few combinations of flags.
        packed = translated.get((row.flags, row.keywords))
        if packed is None:
            spelled = after.spell(before.unpack(row.flags, row.keywords))
            packed = translated[row.flags, row.keywords] = after.pack(spelled)
        flags, keywords = packed
        file, info = name(row, target, flags)
        new.append(
            MessageRow(
                id_, target.id, modseq, flags, keywords, row.internal_date, row.size, saved, row.email_id,
                row.thread_id, file, info, row.disk_size, row.form,
            )
        )  # fmt: skip
    return new


def _retried(drop: Maildrop, mailbox_id: str, work: Callable[[], Copied]) -> Copied:
    try:
        return work()
    except FileNotFoundError:
        # Another program renamed or removed one: see what there is now, and try once more.
        drop.layout.look(drop.current(mailbox_id), force=True)
        return work()
