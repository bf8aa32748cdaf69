"""Messages change their names and places: flags, copies, moves, removals. Blocking, in a writing transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, Packed
from mailframe.store.maildrop.layout import Removed

from .filenames import info_for, sizes, with_sizes
from .letters import Letters
from .tree import IN_BOTH, IN_CUR, IN_NEW, Tree

FLUSHED_ONE_BY_ONE = 16
"""Files that are flushed one by one; of more, the whole file system is flushed, which takes less time."""

Pairs = Sequence[tuple[MessageRow, MessageRow]]
"""Rows as they are, and as they will be."""


def info_of(
    tree: Tree, mailbox: MailboxRow, packed: Packed, before: str | None, words: Keywords | None = None
) -> str | None:
    """The info of a message with these flags and keywords; None where it has none and had none.

    Args:
        mailbox: where its file is to be.
        before: its info so far.
        words: of the mailbox that the keywords are told by; None: of that one.
    """
    if tree.place.keyword_letters:
        return Letters.of(tree).info(mailbox, packed, before, words)
    # Keywords alone do not take a file out of new/.
    return info_for(packed[0], before or tree.place.no_flags) if packed[0] or before is not None else None


def claim(tree: Tree, mailbox: MailboxRow, uids: Sequence[int]) -> None:
    """Move files to cur/, as Maildir programs do with messages they have seen."""
    rows = [row for row in tree.catalogue.messages.rows(mailbox, uids) if row.info is None]
    if not rows:
        return
    folder = tree.folder(mailbox)
    moved = []
    with tree.own_change(mailbox, IN_BOTH):
        for row in rows:
            info = info_of(tree, mailbox, (row.flags, row.keywords), tree.place.no_flags)
            try:
                tree.rename_file(tree.file(mailbox, row), f"{folder}/cur/{row.file}{info}")
            except OSError:
                # Another program was first, or the disk is full: the message can be read all the same.
                continue
            moved.append((row.id, info))
    tree.catalogue.messages.set_infos(moved)


def flag(
    tree: Tree, mailbox: MailboxRow, changes: Sequence[tuple[MessageRow, Packed]]
) -> Mapping[int, str | None]:
    """Give files the names that go with their flags; all or none.

    Files are renamed before the commit: after a crash in between the next look finds new flags in the names and
    takes them, while the other way round it would take old ones for somebody's change.

    Raises:
        OSError: one could not be renamed; ``FileNotFoundError`` when it is not where the catalogue has it.
    """
    infos: dict[int, str | None] = {}
    renames = []
    directories = 0
    folder = tree.folder(mailbox)
    # Thousands of messages have the same few combinations of flags and info: 4 us for each message that is not made.
    made: dict[tuple[Packed, str | None], str | None] = {}
    for row, packed in changes:
        key = packed, row.info
        if key not in made:
            made[key] = info_of(tree, mailbox, packed, row.info)
        info = infos[row.id] = made[key]
        if info != row.info:
            directories |= IN_CUR if row.info is not None else IN_BOTH
            renames.append((tree.file(mailbox, row), f"{folder}/cur/{row.file}{info}"))
    if renames:
        with tree.own_change(mailbox, directories):
            for source, target in renames:
                tree.rename_file(source, target)
    return infos


def name(tree: Tree, row: MessageRow, target: MailboxRow, flags: int) -> tuple[str, str | None]:
    """File name and info for a copy."""
    unique = tree.place.names.next()
    if sizes(row.file) is not None or row.form is not None:
        unique = with_sizes(unique, row.disk_size, row.size)
    if row.info is None:
        return unique, None
    if not tree.place.keyword_letters:
        return unique, info_for(flags, row.info)
    return unique, Letters.of(tree).moved(row, target, flags)


def transfer(tree: Tree, source: MailboxRow, target: MailboxRow, rows: Pairs, move: bool) -> None:
    """Link or rename all files or none, and flush the directories.

    Raises:
        OSError: it could not be done.
    """
    _flush_octets(tree, source, [old for old, _ in rows])
    wanted = [(tree.file(source, old), tree.file(target, new)) for old, new in rows]
    directories = directories_of([row for pair in rows for row in pair])
    with ExitStack() as changes:
        changes.enter_context(tree.own_change(target, directories))
        if move and source.id != target.id:
            changes.enter_context(tree.own_change(source, directories))
        for old, new in wanted:
            tree.move_file(old, new) if move else tree.link_file(old, new)
    # The target's names first: a message is in both places for a moment rather than in none.
    for directory in sorted({new.rpartition("/")[0] for _, new in wanted}):
        tree.files.flush_directory(directory)
    if move:
        for directory in sorted({old.rpartition("/")[0] for old, _ in wanted}):
            tree.files.flush_directory(directory)


def remove(tree: Tree, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> Removed:
    """Remove files.

    Raises:
        OSError: none could be removed.
    """
    removed: list[int] = []
    missing: list[int] = []
    with tree.own_change(mailbox, directories_of(rows)):
        for row in rows:
            try:
                tree.files.unlink(tree.file(mailbox, row))
                removed.append(row.uid)
            except FileNotFoundError:
                missing.append(row.uid)
            except OSError:
                if not removed:
                    raise
                break
    return Removed(removed, missing)


def directories_of(rows: Sequence[MessageRow]) -> int:
    """The directories that files of these lie in, as `Tree.own_change` has them."""
    directories = 0
    for row in rows:
        directories |= IN_NEW if row.info is None else IN_CUR
    return directories


def _flush_octets(tree: Tree, source: MailboxRow, rows: Sequence[MessageRow]) -> None:
    """A delivery journal knows files by the names they came under: before another name, their octets are flushed."""
    if not tree.place.journalled:
        return
    if len(rows) > FLUSHED_ONE_BY_ONE:
        tree.files.flush_all(tree.folder(source))
        return
    for row in rows:
        descriptor = tree.files.open(tree.file(source, row), follow=False)
        try:
            tree.files.flush(descriptor)
        finally:
            tree.files.close(descriptor)
