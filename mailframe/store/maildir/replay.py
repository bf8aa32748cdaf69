"""After an unclean stop of the machine: files that the delivery journal knows and the disk has lost. Blocking.

The rules, and why they are right, are told in `mailframe.store.journal.journal`. Every step may be done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mailframe.store.catalogue.rows import MailboxRow
from mailframe.store.journal.records import Entry

from .filenames import split
from .folders import TMP
from .reading import read_whole
from .tree import Tree
from .writing import abandon


def restore(tree: Tree, mailbox: MailboxRow, entries: Sequence[Entry], distrusted: bool) -> int:
    """Put back the files of journal entries that are missing or not what was written; how many.

    Args:
        tree: the account's.
        mailbox: where they were delivered.
        entries: what the journal knows.
        distrusted: write all of them again: what the system shows may not be on the disk.

    Raises:
        OSError: something could not be put back.
    """
    # Directories are on the disk before a delivery: one that is not there was deleted with its mailbox.
    if not tree.files.exists(tree.folder(mailbox)):
        return 0
    return _Replay(tree, distrusted).restore(mailbox, entries)


class _Replay:
    def __init__(self, tree: Tree, distrusted: bool) -> None:
        self._tree = tree
        self._distrusted = distrusted

    def restore(self, mailbox: MailboxRow, entries: Sequence[Entry]) -> int:
        tree, folder = self._tree, self._tree.folder(mailbox)
        tree.make_folder(mailbox.folder)
        places = {
            split(name)[0]: f"{folder}/{place}/{name}"
            for place in ("new", "cur")
            for name in tree.files.names(f"{folder}/{place}")
        }
        count = 0
        for entry in entries:
            count += self._one(mailbox, entry, places.get(entry.file))
        for place in ("new", "cur"):
            tree.files.flush_directory(f"{folder}/{place}")
        return count

    def _one(self, mailbox: MailboxRow, entry: Entry, there: str | None) -> bool:
        tree, messages = self._tree, self._tree.catalogue.messages
        row = messages.row(mailbox, entry.uid)
        if row is not None and row.file == entry.file:
            wanted = tree.file(mailbox, row)
        elif messages.is_expunged(mailbox, entry.uid, entry.modseq):
            self._remove(mailbox, entry, there)
            return False
        else:
            wanted = f"{tree.folder(mailbox)}/{entry.place}/{entry.file}{entry.info}"
        if there is not None and not self._distrusted and self._is_whole(there, entry.octets):
            return False
        self._write(f"{tree.folder(mailbox)}/{TMP}", there or wanted, entry)
        return True

    def _remove(self, mailbox: MailboxRow, entry: Entry, there: str | None) -> None:
        """Removing the file was not on the disk yet. Not where a look has taken it in again, under another UID."""
        if there is not None and all(
            row.file != entry.file for row in self._tree.catalogue.messages.files(mailbox)
        ):
            self._tree.files.unlink(there)

    def _is_whole(self, path: str, octets: bytes) -> bool:
        files = self._tree.files
        return files.size(path) == len(octets) and read_whole(files, path) == octets

    def _write(self, folder: str, path: str, entry: Entry) -> None:
        files = self._tree.files
        temporary = f"{folder}/{self._tree.place.names.next()}"
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
