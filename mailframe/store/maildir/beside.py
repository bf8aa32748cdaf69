"""Dovecot serves the same folders, now or later: UIDs are given out together, by ``dovecot-uidlist``. Blocking.

Whoever gives out UIDs locks the list as Dovecot does, takes its next UID where that is higher, and appends what it
has given. So both programs call a message by one UID, and Dovecot can take the folders back with nothing lost. A list
that says otherwise than the catalogue, because the option was off for a while, is written anew: what clients of this
store were told stays true.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from twisted.logger import Logger

from mailframe.store.adoption import uidlist
from mailframe.store.adoption.broken import BrokenFile
from mailframe.store.adoption.uidlist import Record, UidList
from mailframe.store.catalogue.rows import UID_MASK, MailboxRow
from mailframe.store.files import Files

from .folders import TMP
from .foreign import UIDLIST, read_octets
from .tree import Tree

LOCK_SECONDS = 10.0
"""How long a lock is waited for; Dovecot holds it for as long as it lists the folder."""
STALE_SECONDS = 120
"""A lock that is older was left by a crash; Dovecot says the same of ours."""
_PAUSE = 0.02

log = Logger()


@contextmanager
def numbering(tree: Tree, mailbox: MailboxRow) -> Iterator[Mapping[str, int]]:
    """Around giving out UIDs and adding rows, in a writing transaction.

    Yields:
        UIDs by file of messages that Dovecot has numbered since this store last looked.

    Raises:
        OSError: the list cannot be locked, read or written now.
    """
    if not tree.place.shares_uids:
        yield {}
        return
    path = f"{tree.folder(mailbox)}/{UIDLIST}"
    with locked(tree.files, path + ".lock"):
        # Whatever comes of the transaction, only what was written at its end is known to be so.
        known = tree.lists.pop(mailbox.id, None)
        current = known is not None and known == _stamp(path)
        listed = None if current else _read(tree.files, path)
        first, news = _next(tree, mailbox), {}
        if listed is not None and listed.uidvalidity == mailbox.uidvalidity:
            news = {record.file: record.uid for record in listed.records if record.uid >= first}
            tree.catalogue.mailboxes.advance(mailbox, listed.uidnext, 0)
        current = current or (listed is not None and _agrees(tree, mailbox, listed))
        yield news
        if current:
            _append(tree, mailbox, path, first, news)
        else:
            _write(tree, mailbox, path, listed)
        tree.lists[mailbox.id] = _stamp(path)
        # What is rolled back was listed: its UIDs are not to be given out again.
        tree.undoing.append(lambda: tree.lists.pop(mailbox.id, None))


def _next(tree: Tree, mailbox: MailboxRow) -> int:
    return tree.drop.current(mailbox.mailbox_id).uidnext


def _agrees(tree: Tree, mailbox: MailboxRow, listed: UidList) -> bool:
    """Does a list have the catalogue's numbers, whatever it has besides, in a version that can be appended to?"""
    if listed.uidvalidity != mailbox.uidvalidity or not listed.guid:
        # Without a GUID it is of an old version, or of one that Dovecot writes anew, too.
        return False
    uids = {record.file: record.uid for record in listed.records}
    return all(uids.get(row.file) == row.id & UID_MASK for row in tree.catalogue.messages.files(mailbox))


def _append(tree: Tree, mailbox: MailboxRow, path: str, first: int, listed: Mapping[str, int]) -> None:
    """Append what got UIDs."""
    uids = tree.catalogue.messages.uids_from(mailbox, first)
    rows = tree.catalogue.messages.rows(mailbox, uids) if uids else ()
    octets = uidlist.lines(Record(row.uid, row.file) for row in rows if row.file not in listed)
    if not octets:
        return
    descriptor = tree.files.open_journal(path)
    try:
        tree.files.write_at(descriptor, [octets], tree.files.size(path))
    finally:
        tree.files.close(descriptor)


def _write(tree: Tree, mailbox: MailboxRow, path: str, before: UidList | None) -> None:
    """Write the whole list, with what the one before tells of files besides their UIDs."""
    told = {} if before is None else {record.file: record.extensions for record in before.records}
    records = [
        Record(row.id & UID_MASK, row.file, told.get(row.file, ()))
        for row in tree.catalogue.messages.files(mailbox)
    ]
    guid = before.guid if before is not None and before.guid else os.urandom(16).hex()
    octets = uidlist.write(UidList(mailbox.uidvalidity, _next(tree, mailbox), guid, records))
    tree.replace_file(f"{tree.folder(mailbox)}/{TMP}", path, octets)
    log.info(
        "{path} is written: {count} messages", path=path, count=len(records), account=tree.account,
        mailbox=mailbox.name,
    )  # fmt: skip


def _read(files: Files, path: str) -> UidList | None:
    octets = read_octets(files, path)
    try:
        return None if octets is None else uidlist.read(octets)
    except BrokenFile:
        return None


def _stamp(path: str) -> tuple[int, int, int] | None:
    """What tells one state of a list from another: a new one is another file, and one that was appended to longer."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def locked(files: Files, path: str) -> Iterator[None]:
    """Hold a dot-lock, as Dovecot does.

    Args:
        path: of the lock.

    Raises:
        OSError: it cannot be had; ``FileExistsError`` when somebody holds it for too long.
    """
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            descriptor = files.create(path)
            break
        except FileExistsError:
            _break_stale(files, path)
            if time.monotonic() >= end:
                raise
            time.sleep(_PAUSE)
    try:
        try:
            files.write(descriptor, f"{os.getpid()}:{socket.gethostname()}".encode("utf-8", "replace"))
        finally:
            files.close(descriptor)
        yield
    finally:
        with suppress(FileNotFoundError):
            files.unlink(path)


def _break_stale(files: Files, path: str) -> None:
    with suppress(FileNotFoundError):
        if files.time(path) < time.time_ns() - STALE_SECONDS * 1_000_000_000:
            log.warn("{path} was left by a crash and is removed", path=path)
            files.unlink(path)
