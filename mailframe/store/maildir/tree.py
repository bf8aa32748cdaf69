"""An account's directories: where its mailboxes and messages lie, and how mailboxes get and change their places."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial

from mailframe.message.content import CHUNK
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, new_object_id
from mailframe.store.directories import LONG, NAME_FILE, long_folder
from mailframe.store.maildrop.maildrop import Maildrop
from mailframe.store.names import canonical

from .folders import SUBDIRECTORIES, TMP
from .place import Place

IN_NEW, IN_CUR, IN_BOTH = 1, 2, 3
_NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})
"""No links on this file system, to another one, so many, or (``fs.protected_hardlinks``) to another user's file."""
DELETED = "deleted-"
"""How a mailbox is called in ``tmp/`` while it is being deleted; its MAILBOXID follows."""


@dataclass(slots=True)
class LastLook:
    """When the directories of a mailbox were last listed (``time.monotonic``), and how many seconds that took."""

    when: float
    seconds: float


class Tree:
    """The directories of one open account.

    Args:
        drop: the account.
        place: what the backend lends.

    Attributes:
        path: the account's directory.
        looks: when directories were listed last, by the mailbox's row id.
        lists: the state of Dovecot's list that has all UIDs of a mailbox, by the mailbox's row id.
        letters: `mailframe.store.maildir.letters.Letters`, once somebody has asked for them.
        undoing: what takes back, in reverse, what the open transaction has done to files.
    """

    def __init__(self, drop: Maildrop, place: Place) -> None:
        self.drop = drop
        self.account = drop.account
        self.catalogue = drop.catalogue
        self.place = place
        self.files = place.files
        self.path = place.account(drop.account)
        self.looks: dict[int, LastLook] = {}
        self.letters: object = None
        self.undoing: list[Callable[[], object]] = []
        self.lists: dict[int, tuple[int, int, int] | None] = {}
        self._devices: dict[str, int] = {}

    # Transactions.

    def undo(self) -> None:
        """Take back what the transaction did."""
        while self.undoing:
            with suppress(OSError):
                self.undoing.pop()()

    def rename_file(self, source: str, target: str) -> None:
        """Rename a file; taken back when the transaction fails.

        Raises:
            OSError: it could not be renamed.
        """
        self.files.rename(source, target)
        self.undoing.append(lambda: self.files.rename(target, source))

    def move_file(self, source: str, target: str) -> None:
        """As `rename_file`, also to a mailbox that is a link to another file system's directory.

        Raises:
            OSError: it could not be moved.
        """
        try:
            self.rename_file(source, target)
        except OSError as fault:
            if fault.errno != errno.EXDEV:
                raise
            self._move_by_copy(source, target)
            self.undoing.append(lambda: self._move_by_copy(target, source))

    def _move_by_copy(self, source: str, target: str) -> None:
        self._copy_file(source, target)
        try:
            # Before the old name goes: file systems forget in their own order.
            self.files.flush_directory(os.path.dirname(target))
            self.files.unlink(source)
        except OSError:
            with suppress(OSError):
                self.files.unlink(target)
            raise

    def link_file(self, source: str, target: str) -> None:
        """Give a file a second name, or make a copy where there can be none; taken back when the transaction fails.

        Raises:
            OSError: it could not be done.
        """
        try:
            self.files.link(source, target)
        except OSError as fault:
            if fault.errno not in _NO_LINKS:
                raise
            self._copy_file(source, target)
        self.undoing.append(lambda: self.files.unlink(target))

    def _copy_file(self, source: str, target: str) -> None:
        """Make a copy of a message's file, its octets durable and its time the same."""
        temporary = f"{os.path.dirname(os.path.dirname(target))}/{TMP}/{self.place.names.next()}"
        try:
            with ExitStack() as opened:
                read = self.files.open(source, follow=False)
                opened.callback(self.files.close, read)
                written = self.files.create(temporary)
                opened.callback(self.files.close, written)
                offset = 0
                while piece := self.files.read(read, CHUNK, offset):
                    self.files.write(written, piece)
                    offset += len(piece)
                self.files.flush(written)
            self.files.set_time(temporary, self.files.time(source) // 1_000_000_000)
            self.files.rename(temporary, target)
        except BaseException:
            with suppress(OSError):
                self.files.unlink(temporary)
            raise

    def replace_file(self, aside: str, path: str, octets: bytes) -> None:
        """Put a small file in the place of another, or of none: whoever reads it sees the old one or the new.

        Args:
            aside: a directory of the same file system to write it in.

        Raises:
            OSError: it could not be done.
        """
        temporary = f"{aside}/{self.place.names.next()}"
        descriptor = self.files.create(temporary)
        try:
            try:
                self.files.write(descriptor, octets)
                self.files.flush(descriptor)
            finally:
                self.files.close(descriptor)
            self.files.rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                self.files.unlink(temporary)
            raise

    # Mailboxes.

    def make_mailbox(self, name: str) -> str:
        """A directory for a new mailbox, relative to the account's; the account's own is not flushed."""
        folder = self.place.folder_of(name)
        if any(mailbox.folder == folder for mailbox in self.catalogue.mailboxes.all()):
            # A mailbox that was renamed and whose directory could not follow lies there.
            folder = long_folder(name + new_object_id("/"))
        path = os.path.join(self.path, folder)
        if not self.files.exists(path):
            self.undoing.append(lambda: self.files.remove_tree(path))
        elif not self.files.exists(f"{path}/cur"):
            # A directory of inferiors only.
            self.undoing.extend(partial(self.files.remove_tree, f"{path}/{each}") for each in SUBDIRECTORIES)
        self.make_folder(folder)
        self._flush_above(folder)
        if folder.startswith(LONG):
            self._write_name(folder, name)
        return folder

    def _flush_above(self, folder: str) -> None:
        """Put the names of directories that a nested one is in on stable storage, but for the outermost."""
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            self.files.flush_directory(os.path.join(self.path, folder))

    def take_away(self, mailbox: MailboxRow) -> None:
        """Put a mailbox that is being deleted out of sight; what is nested in it stays.

        Raises:
            OSError: it could not be done.
        """
        folder, aside = self.folder(mailbox), self.aside(mailbox)
        if not self.place.nested or not any(self._nested(folder)):
            self.rename_file(folder, aside)
            return
        self.files.make_directory(aside)
        nested = set(self._nested(folder))
        for name in self.files.names(folder):
            if name not in nested:
                self.rename_file(f"{folder}/{name}", f"{aside}/{name}")
        self.files.flush_directory(folder)

    def _nested(self, folder: str) -> Iterator[str]:
        """Directories in a mailbox's that are not its own."""
        for name in self.files.names(folder):
            if name not in SUBDIRECTORIES and os.path.isdir(f"{folder}/{name}"):
                yield name

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

    def aside(self, mailbox: MailboxRow) -> str:
        """Where a mailbox that is being deleted lies meanwhile."""
        return f"{self.path}/{TMP}/{DELETED}{mailbox.mailbox_id}"

    def follow(self, mailbox_id: str) -> None:
        """Give a mailbox's directory the name that goes with the mailbox's.

        Where something of that name lies there already, the directory stays where it is: the catalogue knows.
        """
        with self.drop.writing():
            mailbox = self.drop.current(mailbox_id)
            folder = self.place.folder_of(mailbox.name)
            if folder == mailbox.folder:
                return
            old, new = self.folder(mailbox), os.path.join(self.path, folder)
            if not self.files.exists(new):
                self.files.make_directory(os.path.dirname(new))
                self.files.rename(old, new)
                self._flush_above(folder)
                self.files.flush_directory(self.path)
            elif self.files.exists(old):
                return
            # Else a crash came between this rename and its commit.
            self._note_folder(mailbox, folder)
            if folder.startswith(LONG):
                self._write_name(folder, mailbox.name)

    def _note_folder(self, mailbox: MailboxRow, folder: str) -> None:
        self.catalogue.mailboxes.set_folder(mailbox, folder)
        for inferior in self.catalogue.mailboxes.all():
            if inferior.folder.startswith(mailbox.folder + "/"):
                # It was in there, and went along.
                moved = folder + inferior.folder.removeprefix(mailbox.folder)
                self.catalogue.mailboxes.set_folder(inferior, moved)

    def put_right(self) -> None:
        """Finish what a crash in the middle of a deletion or a rename has left."""
        with suppress(FileNotFoundError):
            for name in self.files.names(f"{self.path}/{TMP}"):
                if name.startswith(DELETED):
                    with suppress(OSError):
                        self._put_back(name.removeprefix(DELETED))
        for mailbox in sorted(self.catalogue.mailboxes.all(), key=lambda mailbox: mailbox.name):
            expected = mailbox.folder in ("", self.place.folder_of(mailbox.name))
            if not expected and self._name_of(mailbox.folder) != mailbox.name:
                with suppress(OSError):
                    self.follow(mailbox.mailbox_id)

    def _put_back(self, mailbox_id: str) -> None:
        """Bring back a mailbox whose deletion was not committed; others are swept."""
        # In a transaction: another process may be deleting it at this moment.
        with self.drop.writing(0):
            mailbox = self.catalogue.mailboxes.with_id(mailbox_id)
            if mailbox is not None:
                self._bring_back(mailbox)

    def _bring_back(self, mailbox: MailboxRow) -> None:
        folder, aside = self.folder(mailbox), self.aside(mailbox)
        self.files.make_directory(folder)
        for name in self.files.names(aside):
            if not self.files.exists(f"{folder}/{name}"):
                self.rename_file(f"{aside}/{name}", f"{folder}/{name}")
        self.files.flush_directory(folder)
        self.files.flush_directory(os.path.dirname(folder))

    def _make_again(self, mailbox: MailboxRow) -> str:
        """Directories are missing. In a transaction: another process may be deleting the mailbox at this moment."""
        mailbox = self.drop.current(mailbox.mailbox_id)
        if self.files.exists(self.aside(mailbox)):
            # A process was killed while it deleted the mailbox.
            self._bring_back(mailbox)
        elif mailbox.folder and not self.files.exists(self.folder(mailbox)):
            renamed = self.place.folder_of(mailbox.name)
            if self.files.exists(os.path.join(self.path, renamed)):
                # A process was killed while it gave the directory the mailbox's new name.
                self._note_folder(mailbox, renamed)
                mailbox = self.drop.current(mailbox.mailbox_id)
        self.make_folder(mailbox.folder)
        return self.folder(mailbox)

    def unknown(self) -> list[tuple[str, str]]:
        """Folders that other programs have made, and the names of their mailboxes."""
        boxes = self.catalogue.mailboxes.all()
        folders, taken = {box.folder for box in boxes}, {box.name for box in boxes}
        found = []
        for folder in sorted(self.place.folders(self.path)):
            if folder not in folders:
                name = self._name_of(folder)
                if name is not None and name not in taken:
                    found.append((folder, name))
                    taken.add(name)
        return found

    # Files.

    def folder(self, mailbox: MailboxRow | None) -> str:
        """A mailbox's directory; None: INBOX."""
        return f"{self.path}/{mailbox.folder}" if mailbox is not None and mailbox.folder else self.path

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
            with nullcontext() if self.catalogue.in_transaction else self.drop.writing(0):
                folder = self._make_again(mailbox)
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
        if directories == IN_BOTH:
            return self.times(mailbox)
        folder = self.folder(mailbox)
        try:
            if directories == IN_NEW:
                return self.files.time(folder + "/new"), mailbox.cur_time
            return mailbox.new_time, self.files.time(folder + "/cur")
        except FileNotFoundError:
            return self.times(mailbox)

    def _name_of(self, folder: str) -> str | None:
        """The mailbox name of an unknown folder; None when it is no folder of mail."""
        path = os.path.join(self.path, folder)
        if not self.files.exists(os.path.join(path, "cur")):
            return None
        if folder.startswith(LONG):
            with suppress(OSError, ValueError):
                return canonical(self._read_name(path))
        name = self.place.mailbox_of(folder)
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
