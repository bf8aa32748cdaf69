"""EXPUNGE. What was expunged is kept for a while, in mailboxes that nobody sees, and can be had back. Blocking.

It is moved there, so it costs a layout nothing new: whatever can move messages can keep them. Each mailbox has its
own place below `EXPUNGED`; the time that a message came there is its save date.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import suppress

from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.names import EXPUNGED, superiors
from mailframe.store.retention import is_kept, kept_name, origin_of
from mailframe.store.values import DELETED, INBOX, FlagChange, KeptMailbox

from . import flagging, moving
from .maildrop import Maildrop, now

GROUP = 1000
"""Messages moved at a time: deliveries to the account wait for no longer than that takes."""


def remove(drop: Maildrop, mailbox_id: str, uids: Sequence[int]) -> list[int]:
    """See `IMailbox.remove`."""
    mailbox = drop.current(mailbox_id)
    if uids and is_wanted(drop, mailbox):
        return set_aside(drop, mailbox, uids)
    return moving.remove(drop, mailbox_id, uids)


def expunge(drop: Maildrop, mailbox_id: str, uids: Sequence[int] | None) -> list[int]:
    """See `IMailbox.expunge`."""
    return remove(drop, mailbox_id, drop.catalogue.messages.deleted(drop.current(mailbox_id), uids))


def is_wanted(drop: Maildrop, mailbox: MailboxRow) -> bool:
    """Is mail that is expunged from this mailbox kept?"""
    return bool(drop.surroundings.retention.expunged) and not is_kept(mailbox.name)


def set_aside(drop: Maildrop, mailbox: MailboxRow, uids: Sequence[int] | None) -> list[int]:
    """Move messages to where expunged mail is kept; the UIDs that are gone from the mailbox, ascending.

    Args:
        uids: None for all.

    Raises:
        FileNotFoundError: one is not where the catalogue has it.
    """
    wanted = drop.catalogue.messages.uids(mailbox) if uids is None else sorted(set(uids))
    if not wanted:
        return []
    target = _place_for(drop, mailbox)
    _make(drop, target)
    gone: list[int] = []
    for start in range(0, len(wanted), GROUP):
        moved = moving.move(drop, mailbox.mailbox_id, wanted[start : start + GROUP], target)
        gone.extend(moved.source)
    _make_room(drop)
    return gone


def kept(drop: Maildrop) -> list[KeptMailbox]:
    """What there is to be had back, by the mailboxes that it was expunged from."""
    found = []
    for mailbox in _kept(drop):
        rows = drop.catalogue.messages.rows(mailbox)
        first = next(iter(rows), None)
        origin = origin_of(mailbox.name)
        if first is not None and origin is not None:
            found.append(KeptMailbox(origin, mailbox.messages, mailbox.octets, first.save_date))
    return found


def restore(drop: Maildrop, name: str, into: str, since: int, until: int) -> int:
    """Put mail back that was expunged; how many messages.

    Args:
        name: the mailbox it was expunged from.
        into: where it goes; made where it does not exist.
        since, until: only what was expunged then: seconds since the epoch, ``until`` excluded; 0 for no bound.
    """
    mailbox = drop.catalogue.mailboxes.named(kept_name(name))
    if mailbox is None:
        return 0

    def wanted(row: MessageRow) -> bool:
        return row.save_date >= since and (not until or row.save_date < until)

    uids = [row.uid for row in drop.catalogue.messages.rows(mailbox) if wanted(row)]
    if uids:
        _make(drop, into)
    count = 0
    for start in range(0, len(uids), GROUP):
        group = uids[start : start + GROUP]
        flagging.store(drop, mailbox.mailbox_id, group, FlagChange.REMOVE, frozenset({DELETED}), None)
        count += len(moving.move(drop, mailbox.mailbox_id, group, into, exempt=True).source)
    return count


def overdue(drop: Maildrop, time: float) -> list[tuple[str, list[int]]]:
    """What was kept long enough, or is too much: MAILBOXIDs and UIDs."""
    rules = drop.surroundings.retention
    mailboxes = _kept(drop)
    over = (
        sum(mailbox.octets for mailbox in mailboxes) - rules.expunged_octets if rules.expunged_octets else 0
    )
    gone: dict[str, list[int]] = {}
    # Those that were expunged first, whatever mailbox from. Of each mailbox they are its first UIDs.
    rows = heapq.merge(*(_dated(drop, mailbox) for mailbox in mailboxes))
    for saved, mailbox_id, uid, size in rows:
        if saved > time - rules.expunged and over <= 0:
            break
        gone.setdefault(mailbox_id, []).append(uid)
        over -= size
    return list(gone.items())


def tidy(drop: Maildrop) -> None:
    """Remove places that nothing is kept in any more."""
    for mailbox in _kept(drop):
        if not mailbox.messages:
            _drop_empty(drop, mailbox)


def _place_for(drop: Maildrop, mailbox: MailboxRow) -> str:
    """Where mail of a mailbox is kept: with that of INBOX, where there are too many places already."""
    name = kept_name(mailbox.name)
    if drop.catalogue.mailboxes.named(name) is None and len(_kept(drop)) >= drop.surroundings.mailboxes_limit:
        return kept_name(INBOX)
    return name


def _make_room(drop: Maildrop) -> None:
    """Remove at once what is too much: between two rounds somebody could fill a disk with what does not count."""
    limit = drop.surroundings.retention.expunged_octets
    if limit and sum(mailbox.octets for mailbox in _kept(drop)) > limit:
        for mailbox_id, uids in overdue(drop, now()):
            moving.remove(drop, mailbox_id, uids)


def _dated(drop: Maildrop, mailbox: MailboxRow) -> Iterator[tuple[int, str, int, int]]:
    for row in drop.catalogue.messages.rows(mailbox):
        yield row.save_date, mailbox.mailbox_id, row.uid, row.size


def _kept(drop: Maildrop) -> list[MailboxRow]:
    return sorted(
        (mailbox for mailbox in drop.catalogue.mailboxes.all() if is_kept(mailbox.name)),
        key=lambda mailbox: mailbox.name,
    )


def _make(drop: Maildrop, name: str) -> None:
    """A mailbox, where it is missing; it does not count among those that an account may have."""
    if name == INBOX or drop.catalogue.mailboxes.named(name) is not None:
        return
    above = superiors(name) if drop.surroundings.nested else ()
    with drop.writing():
        for missing in (*above, name):
            if missing != EXPUNGED and drop.catalogue.mailboxes.named(missing) is None:
                drop.add_mailbox(missing)
        drop.layout.mailboxes_made()


def _drop_empty(drop: Maildrop, mailbox: MailboxRow) -> None:
    with suppress(OSError), drop.writing():
        mailbox = drop.current(mailbox.mailbox_id)
        if mailbox.messages:
            return
        drop.layout.take_away(mailbox)
        drop.catalogue.mailboxes.remove(mailbox)
    drop.layout.taken_away(mailbox)
