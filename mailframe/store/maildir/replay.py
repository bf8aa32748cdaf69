"""After an unclean stop of the machine: putting back what the delivery journals know and the disk has lost. Blocking.

The rules, and why they are right, are told in `mailframe.store.maildir.journal`. Every step may be done again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress

from twisted.logger import Logger

from mailframe.store.catalogue.mailboxes import MailboxRow

from .filenames import split
from .folders import CATALOGUE, TMP, account_directory
from .maildrop import Maildrop
from .reading import LargeFiles, read_whole
from .records import Entry
from .surroundings import Surroundings
from .writing import abandon

log = Logger()


def restore(surroundings: Surroundings, entries: Sequence[Entry], distrusted: bool) -> None:
    """Put back the files of journal entries that are missing or not what was written.

    Args:
        surroundings: the store's.
        entries: in the order in which they were delivered.
        distrusted: write all of them again: what the system shows may not be on the disk.

    Raises:
        OSError, apsw.Error: something could not be put back. It can be tried again.
    """
    by_account: dict[str, list[Entry]] = {}
    for entry in entries:
        by_account.setdefault(entry.account, []).append(entry)
    for account, of_account in by_account.items():
        path = os.path.join(surroundings.directory, account_directory(account), CATALOGUE)
        if not surroundings.files.exists(path):
            # Its directories were on the disk before its first delivery: it was removed.
            continue
        drop = Maildrop(account, surroundings, LargeFiles(surroundings.files))
        try:
            count = _AccountReplay(drop, distrusted).restore(of_account)
        finally:
            drop.close()
        log.info(
            "{count} of {total} journalled messages of {account} were put back",
            count=count, total=len(of_account), account=account,
        )  # fmt: skip


class _AccountReplay:
    """The replay of one account's entries."""

    def __init__(self, drop: Maildrop, distrusted: bool) -> None:
        self._drop = drop
        self._distrusted = distrusted

    def restore(self, entries: Iterable[Entry]) -> int:
        """Returns how many files were written again."""
        by_mailbox: dict[str, list[Entry]] = {}
        for entry in entries:
            by_mailbox.setdefault(entry.mailbox_id, []).append(entry)
        count = 0
        for mailbox_id, of_mailbox in by_mailbox.items():
            mailbox = self._drop.catalogue.mailboxes.with_id(mailbox_id)
            # Directories are on the disk before a delivery: one that is not there was deleted with its mailbox.
            if mailbox is not None and self._drop.files.exists(self._drop.folder(mailbox)):
                count += self._restore(mailbox, of_mailbox)
        return count

    def _restore(self, mailbox: MailboxRow, entries: Sequence[Entry]) -> int:
        drop, folder = self._drop, self._drop.folder(mailbox)
        drop.make_folder(mailbox.folder)
        places = {
            split(name)[0]: f"{folder}/{place}/{name}"
            for place in ("new", "cur")
            for name in drop.files.names(f"{folder}/{place}")
        }
        count = 0
        for entry in entries:
            count += self._one(mailbox, entry, places.get(entry.file))
        for place in ("new", "cur"):
            drop.files.flush_directory(f"{folder}/{place}")
        return count

    def _one(self, mailbox: MailboxRow, entry: Entry, there: str | None) -> bool:
        drop, messages = self._drop, self._drop.catalogue.messages
        row = messages.row(mailbox, entry.uid)
        if row is not None and row.file == entry.file:
            wanted = drop.file(mailbox, row)
        elif messages.is_expunged(mailbox, entry.uid, entry.modseq):
            self._remove(mailbox, entry, there)
            return False
        else:
            wanted = f"{drop.folder(mailbox)}/{entry.place}/{entry.file}{entry.info}"
        if there is not None and not self._distrusted and self._is_whole(there, entry.octets):
            return False
        self._write(f"{drop.folder(mailbox)}/{TMP}", there or wanted, entry)
        return True

    def _remove(self, mailbox: MailboxRow, entry: Entry, there: str | None) -> None:
        """Removing the file was not on the disk yet. Not where a look has taken it in again, under another UID."""
        if there is not None and all(
            row.file != entry.file for row in self._drop.catalogue.messages.files(mailbox)
        ):
            self._drop.files.unlink(there)

    def _is_whole(self, path: str, octets: bytes) -> bool:
        files = self._drop.files
        return files.size(path) == len(octets) and read_whole(files, path) == octets

    def _write(self, folder: str, path: str, entry: Entry) -> None:
        files = self._drop.files
        temporary = f"{folder}/{self._drop.surroundings.names.next()}"
        descriptor = files.create(temporary)
        try:
            files.write(descriptor, entry.octets)
            files.flush(descriptor)
            files.set_time(temporary, entry.date)
            files.rename(temporary, path)
        except BaseException:
            abandon(files, temporary)
            raise
        finally:
            with suppress(OSError):
                files.close(descriptor)
