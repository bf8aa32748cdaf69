"""What an account's session asks of its mailboxes: list, make, delete, rename, append. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import apsw
from twisted.logger import Logger

from mailframe.message.status import MailframeError
from mailframe.store.catalogue.mailboxes import MailboxRow
from mailframe.store.names import (
    canonical,
    check_count,
    check_new,
    in_order,
    is_inferior,
    renamed,
    superiors,
)
from mailframe.store.refusals import (
    ALREADYEXISTS,
    INBOX_STAYS,
    NONEXISTENT,
    TRYCREATE,
    UNDER_ITSELF,
    refuse,
)
from mailframe.store.values import (
    INBOX,
    Appended,
    Delivery,
    MailboxEntry,
    MailboxStatus,
    NewMessage,
)

from .arrival import Attempt, add_rows, directories_of, take_row_back
from .folders import TMP
from .look import look
from .maildrop import Maildrop
from .moving import move
from .writing import abandon, write

log = Logger()


def entries(drop: Maildrop) -> list[MailboxEntry]:
    """See `IMailAccount.mailboxes`."""
    drop.adopt_folders()
    with drop.catalogue.reading():
        boxes = {mailbox.name: mailbox for mailbox in drop.catalogue.mailboxes.all()}
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
    drop.adopt_folders()
    with drop.writing():
        if drop.catalogue.mailboxes.named(name) is not None:
            raise refuse(ALREADYEXISTS)
        _make_superiors(drop, name, 1)
        mailbox = drop.add_mailbox(name, special_use)
        drop.files.flush_directory(drop.path)
        return mailbox.mailbox_id


def delete(drop: Maildrop, name: str) -> None:
    """See `IMailAccount.delete`.

    The directory is moved out of sight before the commit and removed after it: a crash in between leaves it in
    ``tmp/``, to be swept, and never a mailbox that comes back.
    """
    mailbox_id = drop.find(name).mailbox_id
    aside = f"{drop.path}/{TMP}/deleted-{mailbox_id}"
    folder = ""
    try:
        with drop.writing():
            mailbox = drop.current(mailbox_id)
            if mailbox.name == INBOX:
                raise refuse(INBOX_STAYS)
            drop.catalogue.mailboxes.remove(mailbox)
            with suppress(FileNotFoundError):
                drop.files.rename(drop.folder(mailbox), aside)
                folder = drop.folder(mailbox)
                drop.files.flush_directory(drop.path)
    except BaseException:
        if folder:
            with suppress(OSError):
                drop.files.rename(aside, folder)
        raise
    drop.changed.add(mailbox_id)
    drop.files.remove_tree(aside)
    # With the row on the disk too, neither the mailbox nor mail of a delivery journal comes back.
    drop.catalogue.flush()


def rename(drop: Maildrop, old: str, new: str) -> None:
    """See `IMailAccount.rename`; canonical names.

    The catalogue comes first and tells where each mailbox lies, so a crash leaves directories with old names and
    no mailbox without a directory; `Maildrop` puts them right when it is opened.
    """
    drop.adopt_folders()
    if old == INBOX:
        create(drop, new, None)
        move(drop, drop.find(INBOX).mailbox_id, None, new)
        return
    with drop.writing():
        boxes = {mailbox.name: mailbox for mailbox in drop.catalogue.mailboxes.all()}
        moving = [box for name, box in boxes.items() if name == old or is_inferior(name, old)]
        if not moving:
            raise refuse(NONEXISTENT)
        if is_inferior(new, old):
            raise refuse(UNDER_ITSELF)
        targets = [check_new(renamed(box.name, old, new)) for box in moving]
        if new in boxes or any(target in boxes for target in targets):
            raise refuse(ALREADYEXISTS)
        if _make_superiors(drop, new):
            drop.files.flush_directory(drop.path)
        for box, target in zip(moving, targets, strict=True):
            drop.catalogue.mailboxes.rename(box, target)
    for box in moving:
        drop.changed.add(box.mailbox_id)
        try:
            drop.move_folder(box.mailbox_id)
        except (OSError, apsw.Error) as fault:
            # It is renamed all the same; the directory follows when the account is opened the next time.
            log.error(
                "a folder of {account} could not be renamed: {fault}", account=drop.account, fault=fault
            )


def subscribe(drop: Maildrop, name: str, subscribed: bool) -> None:
    """See `IMailAccount.subscribe`."""
    if not subscribed:
        with drop.writing():
            drop.catalogue.mailboxes.subscribe(canonical(name), False)
        return
    name = check_new(name)
    with drop.writing():
        names = drop.catalogue.mailboxes.subscribed() | {name}
        check_count(len(names), drop.surroundings.mailboxes_limit)
        drop.catalogue.mailboxes.subscribe(name, True)


def status(drop: Maildrop, name: str) -> MailboxStatus:
    """See `IMailAccount.status`."""
    look(drop, drop.find(name))
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


def append(drop: Maildrop, name: str, messages: Sequence[NewMessage]) -> Appended:
    """See `IMailAccount.append`: as durable as a delivery, all or none."""
    mailbox = drop.find(name, TRYCREATE)
    drop.check_quota(sum(message.content.size for message in messages))
    attempts = [Attempt(Delivery(drop.account, message, name), 0, drop) for message in messages]
    if not attempts:
        return Appended(mailbox.uidvalidity, [])
    try:
        _write_all(drop, mailbox, attempts)
        with drop.writing(len(attempts)):
            mailbox = drop.current(mailbox.mailbox_id)
            with drop.own_change(mailbox, directories_of(attempts)):
                add_rows(drop, mailbox, attempts, lenient=False)
        for directory in {attempt.path.rpartition("/")[0] for attempt in attempts}:
            drop.files.flush_directory(directory)
    except BaseException:
        _take_back(drop, mailbox, attempts)
        raise
    drop.changed.add(mailbox.mailbox_id)
    return Appended(mailbox.uidvalidity, [attempt.row.uid for attempt in attempts if attempt.row is not None])


def _write_all(drop: Maildrop, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> None:
    files, surroundings = drop.files, drop.surroundings
    for attempt in attempts:
        path = f"{drop.folder(mailbox)}/{TMP}/{surroundings.names.next()}"
        content = attempt.delivery.message.content
        attempt.written = write(files, path, content, surroundings.line_ends, surroundings.describe)
    for attempt in attempts:
        written = attempt.written
        assert written is not None
        files.flush(written.descriptor)
        files.close(written.descriptor)
        written.descriptor = -1


def _take_back(drop: Maildrop, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> None:
    for attempt in attempts:
        written = attempt.written
        if written is not None:
            abandon(drop.files, attempt.path or written.path, written.descriptor)
        if attempt.row is not None:
            with suppress(OSError, apsw.Error, MailframeError):
                take_row_back(drop, mailbox, attempt.row)


def _make_superiors(drop: Maildrop, name: str, more: int = 0) -> int:
    mailboxes = drop.catalogue.mailboxes
    missing = [superior for superior in superiors(name) if mailboxes.named(superior) is None]
    check_count(mailboxes.count() + len(missing) + more, drop.surroundings.mailboxes_limit)
    for superior in missing:
        drop.add_mailbox(superior)
    return len(missing)
