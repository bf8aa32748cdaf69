"""An account's files: where its mailboxes lie, how they get and change their places, and what is known of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from twisted.logger import Logger

from mailframe.store.catalogue.rows import MailboxRow, new_object_id
from mailframe.store.directories import account_directory, long_folder
from mailframe.store.maildrop.maildrop import Maildrop
from mailframe.store.names import MAILBOXES_LIMIT, canonical
from mailframe.store.refusals import CANNOT, refuse

from .names import LONG, MESSAGES, NAME_FILE, folder_of, mailbox_of, pattern_path
from .place import Place

INDEX: Final = ".index"
DELETED: Final = ".deleted-"
"""How the file of a mailbox is called while that is being deleted; its MAILBOXID follows."""
CATALOGUE: Final = "catalogue.sqlite"
BEHIND: Final = 1
"""Bit of the row's ``settled``: the file lacks UIDs or flags that the catalogue has."""
HOLES: Final = 2
"""It has messages that are not there any more."""
_BITS: Final = 2
_INODE_MASK: Final = (1 << 60) - 1

log = Logger()


@dataclass(slots=True)
class LastLook:
    """When a mailbox was last read from its start (``monotonic``), and how many seconds that took."""

    when: float
    seconds: float


class Tree:
    """The files of one open account.

    A mailbox's row knows when its file was last changed by us or looked at: ``new_time`` is the file's change time
    (ctime, which nobody can set back, as mutt does with the other one), ``cur_time`` its size, and ``settled`` its
    inode number above `BEHIND` and `HOLES`. All octets up to that size are known: they are messages with rows, or
    messages that were removed.

    Args:
        drop: the account.
        place: what the backend lends.

    Attributes:
        path: the account's directory.
        looks: when files were read from the start, by the mailbox's row id.
        undoing: what takes back, in reverse, what the open transaction has done to files.
        behind: MAILBOXIDs of files that `MboxLayout.rest` has to write, and when (``monotonic``).
        holes: MAILBOXIDs of files that `MboxLayout.settle` has to write.
    """

    def __init__(self, drop: Maildrop, place: Place) -> None:
        self.drop = drop
        self.account = drop.account
        self.catalogue = drop.catalogue
        self.place = place
        self.files = place.files
        self.path = os.path.join(place.directory, account_directory(drop.account))
        self.looks: dict[int, LastLook] = {}
        self.undoing: list[Callable[[], None]] = []
        self.behind: dict[str, float] = {}
        self.holes: set[str] = set()

    @property
    def index(self) -> str:
        """Where the catalogue and temporary files lie."""
        return index_directory(self.place, self.account)

    # Files.

    def file(self, mailbox: MailboxRow | None) -> str:
        """The file of a mailbox; None: INBOX."""
        if mailbox is None or not mailbox.folder:
            if self.place.inbox:
                return os.path.abspath(pattern_path(self.place.inbox, self.account))
            return f"{self.path}/{'INBOX' if self.place.folders == 'plain' else 'INBOX/' + MESSAGES}"
        return self._path(mailbox.folder)

    def _path(self, folder: str) -> str:
        path = f"{self.path}/{folder}"
        return path if self.place.folders == "plain" else f"{path}/{MESSAGES}"

    @contextmanager
    def locked(self, mailbox: MailboxRow, write: bool = True) -> Iterator[int]:
        """Have a mailbox's file locked, open; one that somebody removed is made again.

        Raises:
            OSError: it cannot be had.
        """
        path = self.file(mailbox)
        if not self.files.exists(path):
            self.make_file(path)
        with self.place.locks.hold(path, write) as descriptor:
            yield descriptor

    def make_file(self, path: str) -> None:
        """Make an empty mailbox file, durably; one that exists is fine."""
        directory = os.path.dirname(path)
        if not self.files.exists(directory):
            self.files.make_directory(directory)
        with suppress(FileExistsError):
            self.files.close(self.files.make(path))
        self.files.flush_directory(directory)

    # What is known of a file.

    def is_known(self, mailbox: MailboxRow, status: os.stat_result | None) -> bool:
        """Is a file as it was when it was noted?"""
        if status is None:
            return mailbox.new_time == 0 and mailbox.cur_time == 0
        return signature(status) == (mailbox.new_time, mailbox.cur_time, mailbox.settled >> _BITS)

    def note(self, mailbox_id: str, status: os.stat_result, bits: int) -> None:
        """Note what a file is like now, which holds all that the catalogue knows but for ``bits``."""
        time, size, inode = signature(status)
        self.catalogue.mailboxes.set_times(self.drop.current(mailbox_id), time, size, inode << _BITS | bits)
        self._plan(mailbox_id, bits)

    def mark(self, mailbox_id: str, bits: int) -> None:
        """Note that a file has to be written."""
        mailbox = self.drop.current(mailbox_id)
        if mailbox.settled & bits != bits:
            settled = mailbox.settled | bits
            self.catalogue.mailboxes.set_times(mailbox, mailbox.new_time, mailbox.cur_time, settled)
        self._plan(mailbox_id, bits)

    def _plan(self, mailbox_id: str, bits: int) -> None:
        if bits & BEHIND:
            self.behind.setdefault(mailbox_id, self.files.monotonic())
        if bits & HOLES:
            self.holes.add(mailbox_id)

    # Mailboxes.

    def make_mailbox(self, name: str) -> str:
        """Make the file of a new mailbox; its folder.

        Raises:
            MailframeError: ``CANNOT``: this layout has no place for it.
        """
        folder = folder_of(name, self.place.folders)
        if any(mailbox.folder == folder for mailbox in self.catalogue.mailboxes.all()):
            # A mailbox that was renamed and whose file could not follow lies there.
            folder = long_folder(name + new_object_id("/"))
        if self.place.folders == "plain":
            self._check_plain(folder)
        path = self._path(folder)
        made = not self.files.exists(path)
        if not made and self.files.is_directory(path):
            raise refuse(CANNOT, "a name with inferiors can be no mailbox of messages here")
        try:
            self.make_file(path)
        except NotADirectoryError:
            raise refuse(CANNOT, "a mailbox of messages can have no inferiors here") from None
        if made:
            self.undoing.append(lambda: self.remove_file(folder))
        if folder.startswith(LONG):
            self._write_name(folder, name)
        return folder

    def _check_plain(self, folder: str) -> None:
        if folder.startswith(LONG) or folder.partition("/")[0].upper() == "INBOX":
            raise refuse(CANNOT, "this name can be none of a file")

    def remove_file(self, folder: str) -> None:
        """Remove a mailbox's file, and directories that are empty then."""
        path = self._path(folder)
        with suppress(FileNotFoundError):
            self.files.unlink(path)
        directory = os.path.dirname(path)
        if folder.startswith(LONG):
            with suppress(FileNotFoundError):
                self.files.unlink(f"{directory}/{NAME_FILE}")
        while directory.startswith(self.path + "/"):
            try:
                self.files.remove_directory(directory)
            except OSError:
                break
            directory = os.path.dirname(directory)

    def aside(self, mailbox_id: str) -> str:
        """Where the file of a mailbox lies while that is being deleted; not in the index, which may be elsewhere."""
        return f"{self.path}/{DELETED}{mailbox_id}"

    def take_away(self, mailbox: MailboxRow) -> None:
        """Put a mailbox's file out of sight; `put_right` brings it back when the mailbox is there still."""
        source, target = self.file(mailbox), self.aside(mailbox.mailbox_id)
        with suppress(FileNotFoundError):
            self.files.rename(source, target)
            self.undoing.append(lambda: self.files.rename(target, source))
            # First the new name: a disk that forgets one of them must not forget both.
            self.files.flush_directory(self.path)
            self.files.flush_directory(os.path.dirname(source))

    def follow(self, mailbox_id: str) -> None:
        """Give a mailbox's file the place that goes with its name, where that is free."""
        with self.drop.writing():
            mailbox = self.drop.current(mailbox_id)
            folder = folder_of(mailbox.name, self.place.folders)
            if folder == mailbox.folder:
                return
            old, new = self._path(mailbox.folder), self._path(folder)
            if self.files.exists(old):
                if self.files.exists(new):
                    return
                self.files.make_directory(os.path.dirname(new))
                self.files.rename(old, new)
                self.files.flush_directory(os.path.dirname(new))
                self.remove_file(mailbox.folder)
            # Else a crash came between this rename and its commit.
            self.catalogue.mailboxes.set_folder(mailbox, folder)
            if folder.startswith(LONG):
                self._write_name(folder, mailbox.name)

    def put_right(self) -> None:
        """Finish what a crash has left: deletions, renames, and files that are behind the catalogue."""
        for name in self.files.names(self.path) if self.files.exists(self.path) else ():
            if name.startswith(DELETED):
                with suppress(OSError):
                    self._put_back(name.removeprefix(DELETED))
        for mailbox in self.catalogue.mailboxes.all():
            if mailbox.folder != folder_of(mailbox.name, self.place.folders) and mailbox.folder:
                with suppress(OSError):
                    self.follow(mailbox.mailbox_id)
            self._plan(mailbox.mailbox_id, BEHIND if mailbox.settled & (BEHIND | HOLES) else 0)

    def _put_back(self, mailbox_id: str) -> None:
        """A crash came while a mailbox was deleted: its file goes, or comes back, as the catalogue has it."""
        aside = self.aside(mailbox_id)
        # In a transaction: another process may be deleting it at this moment.
        with self.drop.writing(0):
            mailbox = self.catalogue.mailboxes.with_id(mailbox_id)
            if mailbox is None:
                self.files.unlink(aside)
                return
            path = self.file(mailbox)
            if self.files.exists(path) and self.files.size(path):
                log.error(
                    "{mailbox} of {account} has another file meanwhile; its messages are in {path}",
                    mailbox=mailbox.name, account=self.account, path=aside,
                )  # fmt: skip
                return
            self.files.make_directory(os.path.dirname(path))
            self.files.rename(aside, path)
            self.files.flush_directory(os.path.dirname(path))
            self.files.flush_directory(self.path)

    def bring_back(self, mailbox: MailboxRow) -> None:
        """A mailbox's file is missing: perhaps a process was killed while it deleted the mailbox, or renamed it."""
        if self.files.exists(self.aside(mailbox.mailbox_id)):
            self._put_back(mailbox.mailbox_id)
        elif self.files.exists(self._path(folder_of(mailbox.name, self.place.folders))):
            self.follow(mailbox.mailbox_id)

    def unknown(self) -> list[tuple[str, str]]:
        """Places and names of mailboxes that other programs have made."""
        boxes = self.catalogue.mailboxes.all()
        folders, taken = {box.folder for box in boxes}, {box.name for box in boxes}
        found = []
        for folder in self._folders():
            if folder not in folders:
                name = self._name_of(folder)
                if name is not None and name not in taken:
                    found.append((folder, name))
                    taken.add(name)
        return found

    def _folders(self) -> list[str]:
        """All places where a mailbox's file is, at most as many as an account may have."""
        found: list[str] = []
        for directory, directories, names in os.walk(self.path):
            directories[:] = [name for name in directories if name != INDEX]
            relative = os.path.relpath(directory, self.path)
            if self.place.folders == "nested":
                if MESSAGES in names and relative != ".":
                    found.append(relative)
            else:
                within = "" if relative == "." else relative + "/"
                found.extend(within + name for name in names if self._is_plain(directory, name))
            if len(found) > MAILBOXES_LIMIT:
                break
        return sorted(found)[:MAILBOXES_LIMIT]

    def _is_plain(self, directory: str, name: str) -> bool:
        if name.startswith((".", CATALOGUE)) or name.endswith(".lock"):
            return False
        try:
            descriptor = self.files.open(f"{directory}/{name}")
        except OSError:
            return False
        try:
            return self.files.read(descriptor, 5, 0) in (b"", b"From ")
        except OSError:
            return False
        finally:
            self.files.close(descriptor)

    def _name_of(self, folder: str) -> str | None:
        if folder.startswith(LONG):
            with suppress(OSError, ValueError):
                descriptor = self.files.open(f"{self.path}/{folder}/{NAME_FILE}")
                try:
                    return canonical(self.files.read(descriptor, 1 << 16, 0).decode("utf-8"))
                finally:
                    self.files.close(descriptor)
        return mailbox_of(folder)

    def _write_name(self, folder: str, name: str) -> None:
        path = f"{self.path}/{folder}/{NAME_FILE}"
        with suppress(FileNotFoundError):
            self.files.unlink(path)
        descriptor = self.files.create(path)
        try:
            self.files.write(descriptor, name.encode("utf-8"))
            self.files.flush(descriptor)
        finally:
            self.files.close(descriptor)


def index_directory(place: Place, account: str) -> str:
    """Where an account's catalogue and temporary files lie."""
    own = account_directory(account)
    return os.path.join(place.index, own) if place.index else os.path.join(place.directory, own, INDEX)


def signature(status: os.stat_result) -> tuple[int, int, int]:
    """What tells that a file was changed: the time of its last change, its size, its inode number."""
    return status.st_ctime_ns, status.st_size, status.st_ino & _INODE_MASK
