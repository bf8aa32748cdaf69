"""Changing flags: in the catalogue, and in the names of files, where other Maildir programs look for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from mailframe.store import flags as rules
from mailframe.store.catalogue.keywords import Packed
from mailframe.store.catalogue.mailboxes import MailboxRow
from mailframe.store.catalogue.messages import MessageRow
from mailframe.store.values import FlagChange, Flags, Message, Stored

from .filenames import NO_FLAGS, info_for
from .look import look
from .maildrop import Maildrop


def store(
    drop: Maildrop,
    mailbox_id: str,
    uids: Sequence[int],
    change: FlagChange,
    flags: Flags,
    unchanged_since: int | None,
) -> Stored:
    """See `IMailbox.store`. A message whose flags stay as they are keeps its modseq."""
    try:
        return _store(drop, mailbox_id, uids, change, flags, unchanged_since)
    except FileNotFoundError:
        # Another program renamed a file: see what it is called now, and try once more.
        look(drop, drop.current(mailbox_id), force=True)
        return _store(drop, mailbox_id, uids, change, flags, unchanged_since)


def _store(
    drop: Maildrop,
    mailbox_id: str,
    uids: Sequence[int],
    change: FlagChange,
    flags: Flags,
    unchanged_since: int | None,
) -> Stored:
    catalogue = drop.catalogue
    with drop.writing():
        mailbox = drop.current(mailbox_id)
        keywords = catalogue.mailboxes.keywords(mailbox)
        rows = list(catalogue.messages.rows(mailbox, uids))
        failed = [row.uid for row in rows if unchanged_since is not None and row.modseq > unchanged_since]
        spelled = keywords.known(flags) if change is FlagChange.REMOVE else keywords.spell(flags)
        touched: list[tuple[MessageRow, Packed]] = []
        untouchable = set(failed)
        for row in rows:
            if row.uid in untouchable:
                continue
            after = rules.changed(keywords.unpack(row.flags, row.keywords), change, spelled)
            packed = keywords.pack(after)
            if packed != (row.flags, row.keywords):
                touched.append((row, packed))
        modseq = mailbox.modseq
        if touched:
            modseq = catalogue.mailboxes.next_modseq(mailbox)
            infos = rename_files(drop, mailbox, [(row, packed[0]) for row, packed in touched])
            catalogue.messages.set_flags(modseq, [(row.id, packed, infos[row.id]) for row, packed in touched])
            drop.changed.add(mailbox.mailbox_id)
        now = {row.id: (packed, modseq) for row, packed in touched}
        messages = []
        for row in rows:
            packed, changed = now.get(row.id, ((row.flags, row.keywords), row.modseq))
            messages.append(Message(row.uid, keywords.unpack(*packed), changed))
    return Stored(messages, failed, modseq)


def rename_files(
    drop: Maildrop, mailbox: MailboxRow, wanted: Iterable[tuple[MessageRow, int]]
) -> dict[int, str | None]:
    """Give files the names that go with their flags; all or none. Needs a writing transaction.

    Files are renamed before the commit: after a crash in between the next look finds new flags in the names and
    takes them, while the other way round it would take old ones for somebody's change.

    Args:
        wanted: rows, and their flags from now on.

    Returns:
        The info of each, by row id.

    Raises:
        OSError: one could not be renamed; ``FileNotFoundError`` when it is not where the catalogue has it.
    """
    infos: dict[int, str | None] = {}
    renames = []
    directories = 0
    folder = drop.folder(mailbox)
    for row, flags in wanted:
        # Keywords alone do not take a file out of new/.
        info = info_for(flags, row.info or NO_FLAGS) if flags or row.info is not None else None
        infos[row.id] = info
        if info != row.info:
            directories |= 2 if row.info is not None else 3
            renames.append((drop.file(mailbox, row), f"{folder}/cur/{row.file}{info}"))
    if renames:
        with drop.own_change(mailbox, directories):
            rename_all(drop, renames)
    return infos


def rename_all(drop: Maildrop, renames: Sequence[tuple[str, str]]) -> None:
    """Rename all files or none.

    Raises:
        OSError: one could not be renamed; those before it have their old names again.
    """
    done = []
    try:
        for source, target in renames:
            drop.rename_file(source, target)
            done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            with suppress(OSError):
                drop.files.rename(target, source)
        raise
