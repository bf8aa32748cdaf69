"""What lies in a mailbox's directories, beside what the catalogue has: names only, no octets. Blocking.

Names that cannot stay are changed on the way: two files may not have one name but for their flags, since a change of
flags would put one in the place of the other; and a catalogue keeps no octets that are not UTF-8. All in a writing
transaction, but not undone with it: that a file has a name of its own is right, whatever becomes of the rest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from twisted.logger import Logger

from mailframe.store.catalogue.rows import FileRow, MailboxRow

from . import filenames
from .tree import Tree

log = Logger()

NAME_LIMIT = 255
"""Octets of a name; all of Linux's usual file systems have the same."""
INFO_ROOM = 32
"""Octets that a name needs for its info: all flags and 26 keywords."""
LISTINGS = 5
"""More listings before a file counts as gone. One that gets another name while a directory is listed may come
twice in the list, or not at all: ext4 left out 24 of 3,000 files that another program went through."""
CRASHED_SECONDS = 60
"""Two names of one file that are older were left by a crash in the middle of a change of its name."""


@dataclass(slots=True)
class Findings:
    """What a listing found different from the catalogue.

    Attributes:
        came: files without a row: name, and info or None in new/.
        went: rows without a file.
        flagged: rows whose file has another info, and that info.
    """

    came: list[tuple[str, str | None]] = field(default_factory=list)
    went: list[FileRow] = field(default_factory=list)
    flagged: list[tuple[FileRow, str | None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.came or self.went or self.flagged)


def path_of(tree: Tree, mailbox: MailboxRow, file: str, info: str | None) -> str:
    """Where a file is."""
    return f"{tree.folder(mailbox)}/{'new' if info is None else 'cur'}/{file}{info or ''}"


def files(tree: Tree, mailbox: MailboxRow, directory: str) -> list[str]:
    """The names of message files in a directory."""
    names = tree.files.names(f"{tree.folder(mailbox)}/{directory}")
    found = [name for name in names if not name.startswith(".")]
    if not all(map(str.isascii, found)):
        return list(_encodable(tree, f"{tree.folder(mailbox)}/{directory}", found))
    return found


def put_right(tree: Tree, mailbox: MailboxRow, names: list[str]) -> bool:
    """Move files with flags from new/ to cur/, where they belong; True where there were any.

    neomutt puts a message there that it has flagged and not marked as old.

    Args:
        names: in new/; those that were moved are taken out.
    """
    flagged = [name for name in names if filenames.split(name)[1]]
    folder = tree.folder(mailbox)
    for name in flagged:
        target = f"{folder}/cur/{name}"
        if tree.files.exists(target):
            # Another message has that name.
            target = f"{folder}/cur/{tree.place.names.next()}{filenames.split(name)[1]}"
        with suppress(OSError):
            tree.files.rename(f"{folder}/new/{name}", target)
            names.remove(name)
    return bool(flagged)


def in_new(tree: Tree, mailbox: MailboxRow, names: list[str]) -> Findings:
    """What a listing of new/ finds."""
    listed: dict[str, str | None] = dict.fromkeys(names)
    return _compared(listed, tree.catalogue.messages.files(mailbox, in_new=True))


def in_both(tree: Tree, mailbox: MailboxRow) -> Findings:
    """What a listing of both directories finds, before anything is taken in."""
    findings = _compared(_listed(tree, mailbox), tree.catalogue.messages.files(mailbox))
    for _ in range(LISTINGS):
        if not findings.went:
            break
        times = tree.times(mailbox)
        again = _listed(tree, mailbox)
        missed = [row for row in findings.went if row.file in again]
        findings.went = [row for row in findings.went if row.file not in again]
        findings.flagged.extend((row, again[row.file]) for row in missed if again[row.file] != row.info)
        if tree.times(mailbox) == times:
            break
    return findings


def with_short_names(
    tree: Tree, mailbox: MailboxRow, came: Iterable[tuple[str, str | None]]
) -> list[tuple[str, str | None]]:
    """Files with names that have room for flags: those that are too long get others."""
    found = []
    for file, info in came:
        if len(os.fsencode(file + (info or ""))) > NAME_LIMIT - INFO_ROOM:
            fresh = tree.place.names.next()
            with suppress(OSError):
                tree.files.rename(path_of(tree, mailbox, file, info), path_of(tree, mailbox, fresh, info))
                file = fresh
        found.append((file, info))
    return found


def _compared(listed: dict[str, str | None], rows: Iterable[FileRow]) -> Findings:
    findings = Findings()
    for row in rows:
        if row.file not in listed:
            findings.went.append(row)
            continue
        info = listed.pop(row.file)
        if info != row.info:
            findings.flagged.append((row, info))
    findings.came.extend(listed.items())
    return findings


def _encodable(tree: Tree, folder: str, names: Iterable[str]) -> Iterator[str]:
    """Names that are UTF-8; others get new ones, and keep the flags that we know."""
    for name in names:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            info = filenames.split(name)[1]
            flags = filenames.info_for(filenames.flags_of(info), info[:1] + "2,") if info else ""
            fresh = tree.place.names.next() + flags
            try:
                tree.files.rename(f"{folder}/{name}", f"{folder}/{fresh}")
            except OSError as fault:
                log.error("{path!r} cannot get another name: {fault}", path=f"{folder}/{name}", fault=fault)
                continue
            yield fresh
        else:
            yield name


def _listed(tree: Tree, mailbox: MailboxRow) -> dict[str, str | None]:
    """Files, and their infos; None in new/."""
    new, cur = files(tree, mailbox, "new"), files(tree, mailbox, "cur")
    listed: dict[str, str | None] = dict.fromkeys(new)
    listed.update(map(filenames.split, cur))
    return listed if len(listed) == len(new) + len(cur) else _apart(tree, mailbox, new, cur)


def _apart(tree: Tree, mailbox: MailboxRow, new: list[str], cur: list[str]) -> dict[str, str | None]:
    """The same where several have one name: each file that is another one gets a name of its own."""
    infos: dict[str, list[str | None]] = {}
    for name in new:
        infos.setdefault(name, []).append(None)
    for name in cur:
        file, info = filenames.split(name)
        infos.setdefault(file, []).append(info)
    known = {
        row.file: row.info
        for row in tree.catalogue.messages.files(mailbox)
        if len(infos.get(row.file, ())) > 1
    }
    listed: dict[str, str | None] = {}
    for file, found in infos.items():
        if len(found) == 1:
            listed[file] = found[0]
        else:
            listed.update(_one_each(tree, mailbox, file, found, known.get(file, "")))
    return listed


def _one_each(
    tree: Tree, mailbox: MailboxRow, file: str, infos: list[str | None], known: str | None
) -> Iterator[tuple[str, str | None]]:
    """Files that have one name but for their infos; the one that the catalogue has keeps it.

    Args:
        known: the info that the catalogue has.
    """
    inodes: dict[tuple[int, int], list[str | None]] = {}
    for info in sorted(infos, key=lambda info: (info != known, info is None, info or "")):
        with suppress(FileNotFoundError):
            status = tree.files.status(path_of(tree, mailbox, file, info))
            inodes.setdefault((status.st_dev, status.st_ino), []).append(info)
    first = True
    for names in inodes.values():
        if first:
            yield file, _last_name(tree, mailbox, file, names)
        else:
            yield from _renamed(tree, mailbox, file, names)
        first = False


def _last_name(tree: Tree, mailbox: MailboxRow, file: str, infos: list[str | None]) -> str | None:
    """The info of a file that has several names by way of links: one in cur/, and always the same.

    Which one is news cannot be told. While another program changes a name so, it removes the old one at once, and
    the next look knows.
    """
    chosen = max(infos, key=lambda info: (info is not None, len(info or ""), info or ""))
    for info in infos:
        path = path_of(tree, mailbox, file, info)
        with suppress(OSError):
            # Not at once: else the other program may remove the name that is left.
            if info != chosen and tree.files.status(path).st_ctime < time.time() - CRASHED_SECONDS:
                log.warn("{path} was left by a crash and is removed", path=path)
                tree.files.unlink(path)
    return chosen


def _renamed(
    tree: Tree, mailbox: MailboxRow, file: str, infos: list[str | None]
) -> Iterator[tuple[str, str | None]]:
    for info in infos:
        path, fresh = path_of(tree, mailbox, file, info), tree.place.names.next()
        try:
            tree.files.rename(path, path_of(tree, mailbox, fresh, info))
        except OSError as fault:
            log.error("{path} cannot get another name: {fault}", path=path, fault=fault)
            continue
        log.info("{path} is another message's name, too; it is {fresh} now", path=path, fresh=fresh)
        yield fresh, info
