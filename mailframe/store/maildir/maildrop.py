"""One account, open in one thread: its catalogue, its directories, and the rules that span several mailboxes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from twisted.logger import Logger

from mailframe.message.status import MAILBOX_FULL, MailframeError, Status
from mailframe.store.catalogue.catalogue import Catalogue
from mailframe.store.catalogue.mailboxes import MailboxRow
from mailframe.store.catalogue.messages import MessageRow, new_object_id
from mailframe.store.names import canonical
from mailframe.store.refusals import NONEXISTENT, refuse
from mailframe.store.values import INBOX

from .folders import (
    CATALOGUE,
    LONG,
    NAME_FILE,
    SUBDIRECTORIES,
    account_directory,
    folder_of,
    long_folder,
    mailbox_of,
)
from .reading import LargeFiles
from .surroundings import Surroundings

RECENT_SECONDS = 900
"""Removals of older messages need no flush of their own: they are in no journal that a working disk has left."""

log = Logger()


@dataclass(slots=True)
class LastLook:
    """When the directories of a mailbox were last listed (``time.monotonic``), and how many seconds that took."""

    when: float
    seconds: float


class Maildrop:
    """One open account; for one thread.

    Args:
        account: its name.
        surroundings: the store's.
        large_files: of this thread.

    Attributes:
        path: its directory.
        catalogue: its catalogue, open.
        changed: MAILBOXIDs that something happened in; whoever runs a unit of work publishes and clears them.
        looks: when directories were listed last, by the mailbox's row id.
    """

    def __init__(self, account: str, surroundings: Surroundings, large_files: LargeFiles) -> None:
        self.account = account
        self.surroundings = surroundings
        self.files = surroundings.files
        self.large_files = large_files
        self.path = os.path.join(surroundings.directory, account_directory(account))
        self.changed: set[str] = set()
        self.looks: dict[int, LastLook] = {}
        self._devices: dict[str, int] = {}
        self._removed_recent = False
        self._made: list[str] = []
        self._renamed: list[tuple[str, str]] = []
        self.catalogue = self._opened()

    def close(self, clean: bool = False) -> None:
        """Close the catalogue; see `Catalogue.close`."""
        self.catalogue.close(clean)

    @contextmanager
    def writing(self, numbers: int = 1) -> Iterator[None]:
        """A writing transaction; what it changed in memory, folders it made and files it renamed are undone when
        it fails."""
        self._made.clear()
        self._renamed.clear()
        try:
            with self.catalogue.writing(numbers):
                yield
        except BaseException:
            self.catalogue.mailboxes.forget_keywords()
            for source, target in reversed(self._renamed):
                with suppress(OSError):
                    self.files.rename(target, source)
            for folder in self._made:
                self.files.remove_tree(folder)
            raise

    def rename_file(self, source: str, target: str) -> None:
        """Rename a file; taken back when the transaction fails.

        Raises:
            OSError: it could not be renamed.
        """
        self.files.rename(source, target)
        self._renamed.append((source, target))

    # Mailboxes.

    def find(self, name: str, missing: Status = NONEXISTENT) -> MailboxRow:
        """The mailbox of this name, also one that another program has made meanwhile.

        Raises:
            MailframeError: ``missing``.
        """
        name = canonical(name)
        mailbox = self.catalogue.mailboxes.named(name)
        if mailbox is None and self.adopt_folders():
            mailbox = self.catalogue.mailboxes.named(name)
        if mailbox is None:
            raise refuse(missing)
        return mailbox

    def find_now(self, name: str) -> MailboxRow:
        """The same without a look for new folders; within a reading transaction."""
        mailbox = self.catalogue.mailboxes.named(canonical(name))
        if mailbox is None:
            raise refuse(NONEXISTENT)
        return mailbox

    def current(self, mailbox_id: str) -> MailboxRow:
        """The mailbox of this MAILBOXID as it is now.

        Raises:
            MailframeError: ``NONEXISTENT``.
        """
        mailbox = self.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None:
            raise refuse(NONEXISTENT)
        return mailbox

    def add_mailbox(self, name: str, special_use: str | None = None) -> MailboxRow:
        """Make a mailbox's directory and row. Needs a writing transaction.

        The caller flushes the account's directory, once for all it makes.
        """
        folder = folder_of(name)
        if any(mailbox.folder == folder for mailbox in self.catalogue.mailboxes.all()):
            # A mailbox that was renamed and whose directory could not follow lies there.
            folder = long_folder(name + new_object_id("/"))
        path = os.path.join(self.path, folder)
        if not self.files.exists(path):
            self._made.append(path)
        self.make_folder(folder)
        if folder.startswith(LONG):
            self._write_name(folder, name)
        return self.catalogue.mailboxes.add(name, folder, new_object_id("F"), special_use)

    def make_folder(self, folder: str) -> None:
        """Make the directories of a mailbox, durably but for their own names."""
        path = os.path.join(self.path, folder) if folder else self.path
        for name in SUBDIRECTORIES:
            self.files.make_directory(os.path.join(path, name))
        if folder:
            # Maildir++ marks a folder so that delivery programs can tell it from an account.
            marker = os.path.join(path, "maildirfolder")
            if not self.files.exists(marker):
                self.files.close(self.files.create(marker))
        self.files.flush_directory(path)

    def move_folder(self, mailbox_id: str) -> None:
        """Give a mailbox's directory the name that goes with the mailbox's.

        Where something of that name lies there already, the directory stays where it is: the catalogue knows.
        """
        with self.writing():
            mailbox = self.current(mailbox_id)
            folder = folder_of(mailbox.name)
            if folder == mailbox.folder:
                return
            old, new = self.folder(mailbox), os.path.join(self.path, folder)
            if not self.files.exists(new):
                self.files.rename(old, new)
                self.files.flush_directory(self.path)
            elif self.files.exists(old):
                return
            # Else a crash came between this rename and its commit.
            self.catalogue.mailboxes.set_folder(mailbox, folder)
            if folder.startswith(LONG):
                self._write_name(folder, mailbox.name)

    def adopt_folders(self) -> bool:
        """Take in folders that other programs have made; True when there were any."""
        known = {mailbox.folder: mailbox.name for mailbox in self.catalogue.mailboxes.all()}
        found = [name for name in self.files.names(self.path) if name.startswith(".") and name not in known]
        names = {folder: self._name_of(folder) for folder in found}
        new = {folder: name for folder, name in names.items() if name is not None}
        if not new:
            return False
        taken = set(known.values())
        with self.writing():
            for folder, name in sorted(new.items()):
                if name not in taken and self.catalogue.mailboxes.named(name) is None:
                    self.catalogue.mailboxes.add(name, folder, new_object_id("F"))
                    taken.add(name)
        return True

    # Files.

    def folder(self, mailbox: MailboxRow) -> str:
        """A mailbox's directory."""
        return f"{self.path}/{mailbox.folder}" if mailbox.folder else self.path

    def file(self, mailbox: MailboxRow, row: MessageRow) -> str:
        """A message's file."""
        folder = self.folder(mailbox)
        return f"{folder}/new/{row.file}" if row.info is None else f"{folder}/cur/{row.file}{row.info}"

    def device(self, folder: str) -> int:
        """The device that new files of a mailbox's directory lie on, which may be a link to somewhere else."""
        device = self._devices.get(folder)
        if device is None:
            device = self._devices[folder] = self.files.device(folder + "/new")
        return device

    def times(self, mailbox: MailboxRow) -> tuple[int, int]:
        """When new/ and cur/ were last changed; missing ones are made again."""
        folder = self.folder(mailbox)
        try:
            return self.files.time(folder + "/new"), self.files.time(folder + "/cur")
        except FileNotFoundError:
            self.make_folder(mailbox.folder)
            return self.files.time(folder + "/new"), self.files.time(folder + "/cur")

    @contextmanager
    def own_change(self, mailbox: MailboxRow, directories: int) -> Iterator[None]:
        """Around changes of our own to a mailbox's directories, so that they are not taken for somebody else's.

        Needs a writing transaction. Where another program has been there before us and nobody has looked yet, the
        times on record stay old, and the next look finds all.

        Args:
            mailbox: as read within the transaction.
            directories: 1 for new/, 2 for cur/, 3 for both.
        """
        known = self._times(mailbox, directories) == (mailbox.new_time, mailbox.cur_time)
        yield
        if known:
            after = self._times(mailbox, directories)
            self.catalogue.mailboxes.set_times(mailbox, *after, mailbox.settled & ~directories)

    def _times(self, mailbox: MailboxRow, directories: int) -> tuple[int, int]:
        """As `times`, but asks for those directories only, and has the times on record of the other."""
        if directories == 3:
            return self.times(mailbox)
        folder = self.folder(mailbox)
        try:
            if directories == 1:
                return self.files.time(folder + "/new"), mailbox.cur_time
            return mailbox.new_time, self.files.time(folder + "/cur")
        except FileNotFoundError:
            return self.times(mailbox)

    def note_removed(self, rows: Iterable[MessageRow]) -> None:
        """Messages go from where they were delivered: `settle` follows."""
        if self.surroundings.journalled:
            begin = now() - RECENT_SECONDS
            self._removed_recent |= any(row.save_date >= begin for row in rows)

    def settle(self) -> None:
        """Put removals of recent messages on stable storage, so that a delivery journal does not put them back."""
        if self._removed_recent:
            self._removed_recent = False
            try:
                self.catalogue.flush()
            except OSError as fault:
                # They are removed, and it is tried again within a second.
                log.error(
                    "the catalogue of {account} cannot be flushed: {fault}", account=self.account, fault=fault
                )

    def check_quota(self, octets: int) -> None:
        """Refuse what does not fit.

        Raises:
            MailframeError: ``OVERQUOTA``.
        """
        quota = self.surroundings.quota
        if quota and self.catalogue.mailboxes.octets() + octets > quota:
            raise MailframeError(MAILBOX_FULL)

    # Opening.

    def _opened(self) -> Catalogue:
        path = os.path.join(self.path, CATALOGUE)
        if not self.files.exists(path):
            self.files.make_directory(self.path)
        catalogue = Catalogue(path, self.surroundings.boot, self.surroundings.keywords_limit)
        try:
            self.catalogue = catalogue
            if catalogue.mailboxes.named(INBOX) is None:
                self._furnish()
            self._put_folders_right()
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def _put_folders_right(self) -> None:
        """Finish what a crash in the middle of a rename has left."""
        for mailbox in self.catalogue.mailboxes.all():
            expected = mailbox.folder in ("", folder_of(mailbox.name))
            if not expected and self._name_of(mailbox.folder) != mailbox.name:
                with suppress(OSError):
                    self.move_folder(mailbox.mailbox_id)

    def _furnish(self) -> None:
        """Make INBOX and the default folders, around what another program may have put there already."""
        with self.writing():
            if self.catalogue.mailboxes.named(INBOX) is not None:
                return
            self.make_folder("")
            inbox = self.catalogue.mailboxes.add(INBOX, "", new_object_id("F"))
            self.catalogue.mailboxes.set_times(inbox, 0, 0, 0)
            for name, special_use in self.surroundings.mailboxes.items():
                self.add_mailbox(name, special_use)
            for name in (INBOX, *self.surroundings.mailboxes):
                self.catalogue.mailboxes.subscribe(name, True)
        self.adopt_folders()
        self.files.flush_directory(self.path)
        self.files.flush_directory(os.path.dirname(self.path))
        self.files.flush_directory(self.surroundings.directory)

    def _name_of(self, folder: str) -> str | None:
        """The mailbox name of an unknown folder; None when it is no folder of mail."""
        path = os.path.join(self.path, folder)
        if not self.files.exists(os.path.join(path, "cur")):
            return None
        if folder.startswith(LONG):
            with suppress(OSError, ValueError):
                return canonical(self._read_name(path))
        name = mailbox_of(folder)
        return None if name is None else canonical(name)

    def _read_name(self, path: str) -> str:
        descriptor = self.files.open(os.path.join(path, NAME_FILE))
        try:
            return self.files.read(descriptor, 1 << 16, 0).decode("utf-8")
        finally:
            self.files.close(descriptor)

    def _write_name(self, folder: str, name: str) -> None:
        path = os.path.join(self.path, folder, NAME_FILE)
        if self.files.exists(path):
            # A folder that was renamed brings its old name along.
            self.files.unlink(path)
        descriptor = self.files.create(path)
        try:
            self.files.write(descriptor, name.encode("utf-8"))
            self.files.flush(descriptor)
        finally:
            self.files.close(descriptor)


def now() -> int:
    """Seconds since the epoch."""
    return int(time.time())


def uids_of(rows: Sequence[MessageRow]) -> list[int]:
    """The UIDs of rows."""
    return [row.uid for row in rows]
