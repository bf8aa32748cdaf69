"""COPY, MOVE and EXPUNGE: messages between mailboxes of one account, and out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from mailframe.store.catalogue.mailboxes import MailboxRow
from mailframe.store.catalogue.messages import MessageRow, row_id
from mailframe.store.refusals import TRYCREATE
from mailframe.store.values import Copied

from .filenames import NO_FLAGS, info_for, sizes, with_sizes
from .flagging import rename_all
from .look import look
from .maildrop import Maildrop, now, uids_of

EXPUNGE_GROUP = 2000
"""Messages removed in one transaction; deliveries to the account wait for no longer than that takes."""

FLUSHED_ONE_BY_ONE = 16
"""Files that are flushed one by one; of more, the whole file system is flushed, which takes less time."""


def copy(drop: Maildrop, mailbox_id: str, uids: Sequence[int], target: str) -> Copied:
    """See `IMailbox.copy`: hard links, all or none."""
    return _retried(drop, mailbox_id, lambda: _transfer(drop, mailbox_id, uids, target, move=False))


def move(drop: Maildrop, mailbox_id: str, uids: Sequence[int] | None, target: str) -> Copied:
    """See `IMailbox.move`: renames, all or none.

    Args:
        uids: None for all messages.
    """
    return _retried(drop, mailbox_id, lambda: _transfer(drop, mailbox_id, uids, target, move=True))


def remove(drop: Maildrop, mailbox_id: str, uids: Sequence[int]) -> list[int]:
    """See `IMailbox.remove`."""
    removed: list[int] = []
    wanted = sorted(set(uids))
    for start in range(0, len(wanted), EXPUNGE_GROUP):
        done, missing = _remove(drop, mailbox_id, wanted[start : start + EXPUNGE_GROUP])
        if missing:
            # Renamed by another program, or gone already: see which, and try those that are there once more.
            look(drop, drop.current(mailbox_id), force=True)
            done = sorted(done + _remove(drop, mailbox_id, missing)[0])
        removed.extend(done)
    drop.settle()
    return removed


def expunge(drop: Maildrop, mailbox_id: str, uids: Sequence[int] | None) -> list[int]:
    """See `IMailbox.expunge`."""
    return remove(drop, mailbox_id, drop.catalogue.messages.deleted(drop.current(mailbox_id), uids))


def _remove(drop: Maildrop, mailbox_id: str, uids: Sequence[int]) -> tuple[list[int], list[int]]:
    """Remove files, then rows: after a crash in between the next look expunges the rows, and nothing comes back.

    Returns:
        UIDs removed, and those whose file is not where the catalogue has it.

    Raises:
        OSError: nothing could be removed.
    """
    removed: list[int] = []
    missing: list[int] = []
    with drop.writing():
        mailbox = drop.current(mailbox_id)
        rows = list(drop.catalogue.messages.rows(mailbox, uids))
        if not rows:
            return [], []
        with drop.own_change(mailbox, _directories(rows)):
            for row in rows:
                try:
                    drop.files.unlink(drop.file(mailbox, row))
                    removed.append(row.uid)
                except FileNotFoundError:
                    missing.append(row.uid)
                except OSError:
                    if not removed:
                        raise
                    break
        if removed:
            modseq = drop.catalogue.mailboxes.next_modseq(mailbox)
            drop.catalogue.messages.expunge(mailbox, removed, modseq)
            drop.note_removed(rows)
            drop.changed.add(mailbox_id)
    return removed, missing


def _transfer(drop: Maildrop, mailbox_id: str, uids: Sequence[int] | None, name: str, move: bool) -> Copied:
    target_id = drop.find(name, TRYCREATE).mailbox_id
    renames: list[tuple[str, str]] = []
    try:
        with drop.writing(0 if uids is None else len(uids)):
            source, target = drop.current(mailbox_id), drop.current(target_id)
            rows = list(drop.catalogue.messages.rows(source, uids))
            if not rows:
                return Copied(target.uidvalidity, [], [])
            if not move:
                drop.check_quota(sum(row.size for row in rows))
            _flush_octets(drop, source, rows)
            new = _new_rows(drop, source, target, rows)
            _transfer_files(drop, (source, target), (rows, new), move, renames)
            _transfer_rows(drop, source, (rows, new), move)
            _flush(drop, renames, move)
    except BaseException:
        _undo(drop, renames, move)
        raise
    drop.settle()
    drop.changed.add(target.mailbox_id)
    if move:
        drop.changed.add(source.mailbox_id)
    return Copied(target.uidvalidity, uids_of(rows), uids_of(new))


def _transfer_files(
    drop: Maildrop,
    mailboxes: tuple[MailboxRow, MailboxRow],
    rows: tuple[Sequence[MessageRow], Sequence[MessageRow]],
    move: bool,
    renames: list[tuple[str, str]],
) -> None:
    """Link or rename all files or none; ``renames`` is filled when it is done."""
    source, target = mailboxes
    wanted = [(drop.file(source, old), drop.file(target, new)) for old, new in zip(*rows, strict=True)]
    with ExitStack() as changes:
        both = _directories(rows[0]) | _directories(rows[1])
        changes.enter_context(drop.own_change(target, both))
        if move and source.id != target.id:
            changes.enter_context(drop.own_change(source, both))
        if move:
            rename_all(drop, wanted)
        else:
            _link_all(drop, wanted)
        renames.extend(wanted)


def _transfer_rows(
    drop: Maildrop,
    source: MailboxRow,
    rows: tuple[Sequence[MessageRow], Sequence[MessageRow]],
    move: bool,
) -> None:
    catalogue = drop.catalogue
    catalogue.messages.add(rows[1])
    catalogue.descriptions.copy([(old.id, new.id) for old, new in zip(*rows, strict=True)])
    if move:
        modseq = catalogue.mailboxes.next_modseq(source)
        catalogue.messages.expunge(source, uids_of(rows[0]), modseq)
        drop.note_removed(rows[0])


def _new_rows(
    drop: Maildrop, source: MailboxRow, target: MailboxRow, rows: Sequence[MessageRow]
) -> list[MessageRow]:
    mailboxes = drop.catalogue.mailboxes
    uid, modseq = mailboxes.take_uids(target, len(rows))
    before, after = mailboxes.keywords(source), mailboxes.keywords(target)
    saved = now()
    new = []
    for number, row in enumerate(rows):
        spelled = after.spell(before.unpack(row.flags, row.keywords))
        flags, keywords = after.pack(spelled)
        new.append(
            row._replace(
                id=row_id(target, uid + number),
                mailbox=target.id,
                modseq=modseq,
                flags=flags,
                keywords=keywords,
                save_date=saved,
                file=_file_name(drop, row),
                info=None if row.info is None else info_for(flags, row.info or NO_FLAGS),
            )
        )
    return new


def _file_name(drop: Maildrop, row: MessageRow) -> str:
    unique = drop.surroundings.names.next()
    if sizes(row.file) is None and row.form is None:
        return unique
    return with_sizes(unique, row.disk_size, row.size)


def _link_all(drop: Maildrop, links: Sequence[tuple[str, str]]) -> None:
    done = []
    try:
        for source, target in links:
            drop.files.link(source, target)
            done.append(target)
    except OSError:
        for target in done:
            with suppress(OSError):
                drop.files.unlink(target)
        raise


def _flush_octets(drop: Maildrop, source: MailboxRow, rows: Sequence[MessageRow]) -> None:
    """A delivery journal knows files by the names they came under: before another name, their octets are flushed."""
    if not drop.surroundings.journalled:
        return
    if len(rows) > FLUSHED_ONE_BY_ONE:
        drop.files.flush_all(drop.folder(source))
        return
    for row in rows:
        descriptor = drop.files.open(drop.file(source, row))
        try:
            drop.files.flush(descriptor)
        finally:
            drop.files.close(descriptor)


def _flush(drop: Maildrop, renames: Sequence[tuple[str, str]], move: bool) -> None:
    """The target's names first: a message is in both places for a moment rather than in none."""
    for directory in sorted({target.rpartition("/")[0] for _, target in renames}):
        drop.files.flush_directory(directory)
    if move:
        for directory in sorted({source.rpartition("/")[0] for source, _ in renames}):
            drop.files.flush_directory(directory)


def _undo(drop: Maildrop, renames: Sequence[tuple[str, str]], move: bool) -> None:
    for source, target in renames:
        with suppress(OSError):
            if move:
                drop.files.rename(target, source)
            else:
                drop.files.unlink(target)


def _directories(rows: Sequence[MessageRow]) -> int:
    directories = 0
    for row in rows:
        directories |= 1 if row.info is None else 2
    return directories


def _retried(drop: Maildrop, mailbox_id: str, work: Callable[[], Copied]) -> Copied:
    try:
        return work()
    except FileNotFoundError:
        # Another program renamed or removed a file: see what there is now, and try once more.
        look(drop, drop.current(mailbox_id), force=True)
        return work()
