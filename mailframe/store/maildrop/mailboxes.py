"""What an account's session asks of its mailboxes: list, make, delete, rename, append. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import apsw
from twisted.logger import Logger

from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.store.catalogue.rows import MailboxRow
from mailframe.store.ingest.log import Accepted
from mailframe.store.names import (
    canonical,
    check_count,
    check_new,
    in_order,
    is_inferior,
    renamed,
    superiors,
)
from mailframe.store.quota import Usage
from mailframe.store.refusals import (
    ALREADYEXISTS,
    CANNOT,
    INBOX_STAYS,
    NONEXISTENT,
    TRYCREATE,
    UNDER_ITSELF,
    refuse,
)
from mailframe.store.retention import is_kept
from mailframe.store.values import (
    INBOX,
    Appended,
    Delivery,
    MailboxEntry,
    MailboxStatus,
    NewMessage,
)

from . import keeping, room
from .arrival import Attempt, add_rows
from .entries import entry_of
from .layout import Arrival
from .maildrop import Maildrop
from .moving import move
from .promises import Promise

DELETE_TRIES = 10
"""Mail that comes into a mailbox while it is deleted is kept like the rest; after so many times it is refused."""

log = Logger()


def entries(drop: Maildrop) -> list[MailboxEntry]:
    """See `IMailAccount.mailboxes`."""
    drop.adopt_mailboxes()
    drop.follow_subscriptions()
    with drop.catalogue.reading():
        all_boxes = drop.catalogue.mailboxes.all()
        boxes = {mailbox.name: mailbox for mailbox in all_boxes if not is_kept(mailbox.name)}
        subscribed = drop.catalogue.mailboxes.subscribed()
    names = {*boxes, *subscribed}
    for name in boxes:
        names.update(superiors(name))
    found = []
    for name in in_order(names):
        box = boxes.get(name)
        if box is None:
            found.append(MailboxEntry(name, selectable=False, subscribed=name in subscribed))
        else:
            found.append(MailboxEntry(name, box.mailbox_id, True, name in subscribed, box.special_use))
    return found


def create(drop: Maildrop, name: str, special_use: str | None) -> str:
    """See `IMailAccount.create`."""
    drop.adopt_mailboxes()
    with drop.writing():
        if drop.catalogue.mailboxes.named(name) is not None:
            raise refuse(ALREADYEXISTS)
        make_superiors(drop, name, 1)
        mailbox = drop.add_mailbox(name, special_use)
        drop.layout.mailboxes_made()
        return mailbox.mailbox_id


def delete(drop: Maildrop, name: str) -> None:
    """See `IMailAccount.delete`.

    The messages are put out of sight before the commit and removed after it: a crash in between leaves something to
    be swept, and never a mailbox that comes back.
    """
    mailbox = drop.find(name)
    mailbox_id = mailbox.mailbox_id
    if mailbox.name == INBOX:
        raise refuse(INBOX_STAYS)
    for _ in range(DELETE_TRIES):
        if keeping.is_wanted(drop, mailbox):
            drop.layout.look(mailbox)
            keeping.set_aside(drop, mailbox, None)
        if (gone := _taken_away(drop, mailbox_id)) is not None:
            break
    else:
        raise MailframeError(UNAVAILABLE, "mail comes into the mailbox faster than it can be kept")
    drop.changed.add(mailbox_id)
    drop.layout.taken_away(gone)
    # With the row on the disk too, neither the mailbox nor mail of a delivery journal comes back.
    drop.catalogue.flush()


def _taken_away(drop: Maildrop, mailbox_id: str) -> MailboxRow | None:
    """The mailbox, out of sight and without a row; None where mail has come that is to be kept first."""
    with drop.writing():
        mailbox = drop.current(mailbox_id)
        if mailbox.name == INBOX:
            raise refuse(INBOX_STAYS)
        if mailbox.messages and keeping.is_wanted(drop, mailbox):
            return None
        drop.layout.take_away(mailbox)
        drop.catalogue.mailboxes.remove(mailbox)
    return mailbox


def rename(drop: Maildrop, old: str, new: str) -> None:
    """See `IMailAccount.rename`; canonical names.

    The catalogue comes first and tells where each mailbox lies, so a crash leaves places with old names and no
    mailbox without a place; the layout puts them right when the account is opened.
    """
    drop.adopt_mailboxes()
    if is_kept(old):
        # What does not count for quotas, nobody makes a mailbox of.
        raise refuse(CANNOT)
    if old == INBOX:
        create(drop, new, None)
        move(drop, drop.find(INBOX).mailbox_id, None, new)
        return
    with drop.writing():
        boxes = {mailbox.name: mailbox for mailbox in drop.catalogue.mailboxes.all()}
        # In the order of names: some layouts have the place of an inferior within that of its superior.
        moving = [box for name, box in sorted(boxes.items()) if name == old or is_inferior(name, old)]
        if not moving:
            raise refuse(NONEXISTENT)
        if is_inferior(new, old):
            raise refuse(UNDER_ITSELF)
        targets = [check_new(renamed(box.name, old, new)) for box in moving]
        if new in boxes or any(target in boxes for target in targets):
            raise refuse(ALREADYEXISTS)
        if make_superiors(drop, new):
            drop.layout.mailboxes_made()
        for box, target in zip(moving, targets, strict=True):
            drop.catalogue.mailboxes.rename(box, target)
    for box in moving:
        drop.changed.add(box.mailbox_id)
        try:
            drop.layout.follow(box.mailbox_id)
        except (OSError, apsw.Error) as fault:
            # It is renamed all the same; its place follows when the account is opened the next time.
            log.error(
                "a mailbox of {account} could not follow its name: {fault}", account=drop.account, fault=fault
            )


def subscribe(drop: Maildrop, name: str, subscribed: bool) -> None:
    """See `IMailAccount.subscribe`."""
    drop.follow_subscriptions()
    if not subscribed:
        with drop.writing():
            drop.subscribe(canonical(name), False)
        return
    name = check_new(name)
    with drop.writing():
        names = drop.catalogue.mailboxes.subscribed() | {name}
        check_count(len(names), drop.surroundings.mailboxes_limit)
        drop.subscribe(name, True)


def status(drop: Maildrop, name: str) -> MailboxStatus:
    """See `IMailAccount.status`."""
    drop.layout.look(drop.find(name))
    with drop.catalogue.reading():
        mailbox = drop.find_now(name)
        return MailboxStatus(
            messages=mailbox.messages,
            recent=len(drop.catalogue.messages.recent(mailbox)),
            uidnext=mailbox.uidnext,
            uidvalidity=mailbox.uidvalidity,
            unseen=mailbox.unseen,
            deleted=mailbox.deleted,
            size=mailbox.octets,
            highestmodseq=mailbox.modseq,
            mailbox_id=mailbox.mailbox_id,
        )


def append(drop: Maildrop, name: str, messages: Sequence[NewMessage], exempt: bool = False) -> Appended:
    """See `IMailAccount.append`: as durable as a delivery, all or none.

    Args:
        exempt: whether there is room does not matter.
    """
    mailbox = drop.find(name, TRYCREATE)
    if not exempt:
        octets = sum(message.content.size for message in messages)
        room.check(drop, {mailbox.name: Usage(octets, len(messages))})
    attempts = [Attempt(Delivery(drop.account, message, name), 0, drop) for message in messages]
    if not attempts:
        return Appended(mailbox.uidvalidity, [])
    committed = False
    try:
        _write_all(drop, mailbox, attempts)
        with drop.writing(len(attempts)):
            mailbox = drop.current(mailbox.mailbox_id)
            add_rows(drop, mailbox, attempts, lenient=False)
        committed = True
        _make_last(drop, mailbox, attempts)
    except BaseException:
        _take_back(drop, mailbox, attempts, committed)
        raise
    drop.changed.add(mailbox.mailbox_id)
    ingest = drop.surroundings.policies.ingest
    if ingest is not None and ingest.appended:
        boxes = [(drop.account, mailbox.name)]
        ingest.add([Accepted(message.content, message.queue_id, boxes, "appended") for message in messages])
    return Appended(mailbox.uidvalidity, [attempt.row.uid for attempt in attempts if attempt.row is not None])


def _write_all(drop: Maildrop, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> None:
    describe, promises = drop.surroundings.describe, drop.promises
    limit, device = (-1, -1) if promises is None else (promises.limit, promises.device)
    for attempt in attempts:
        content = attempt.delivery.message.content
        attempt.written = drop.layout.write(
            Arrival(mailbox, content, describe, journalled=limit, device=device)
        )
    for attempt in attempts:
        if attempt.written is not None and attempt.written.octets is None:
            drop.layout.flush(attempt.written)


def _make_last(drop: Maildrop, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> None:
    """Small messages by a journal, with those of other sessions; others by a flush of their place."""
    entries, places = [], set()
    for attempt in attempts:
        attempt.mailbox = mailbox
        entry = entry_of(attempt)
        if entry is not None:
            entries.append(entry)
        elif attempt.written is not None:
            places.add(drop.layout.place_of(attempt.written))
    for place in places:
        if place is not None:
            drop.layout.flush_place(place)
    if entries and drop.promises is not None:
        drop.promises.add(Promise(entries, partial(_take_back, drop, mailbox, attempts, committed=True)))


def _take_back(drop: Maildrop, mailbox: MailboxRow, attempts: Sequence[Attempt], committed: bool) -> None:
    for attempt in attempts:
        if attempt.written is not None:
            drop.layout.abandon(attempt.written)
        if committed and attempt.row is not None:
            with suppress(OSError, apsw.Error, MailframeError):
                drop.expunge_row(mailbox, attempt.row)


def make_superiors(drop: Maildrop, name: str, more: int = 0) -> int:
    """Make the mailboxes above a name that are missing; how many. Needs a writing transaction.

    Args:
        more: mailboxes that are about to be made besides.

    Raises:
        MailframeError: ``LIMIT``.
    """
    if not drop.surroundings.nested:
        # Superiors are names without a mailbox; the layout refuses where one of them is a mailbox.
        return 0
    mailboxes = drop.catalogue.mailboxes
    missing = [superior for superior in superiors(name) if mailboxes.named(superior) is None]
    check_count(mailboxes.count() + len(missing) + more, drop.surroundings.mailboxes_limit)
    for superior in missing:
        drop.add_mailbox(superior)
    return len(missing)
