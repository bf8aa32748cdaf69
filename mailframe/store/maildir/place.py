"""What the Maildir backend lends to all its accounts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from twisted.logger import Logger

from mailframe.store import uidl_format
from mailframe.store.directories import account_directory
from mailframe.store.files import Files
from mailframe.store.line_ends import LineEnds
from mailframe.store.unique_names import UniqueNames

from . import folders, nesting
from .folders import CATALOGUE
from .options import MaildirOptions

log = Logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Attributes:
    directory: where the accounts lie.
    line_ends: how new files are written.
    files: operations on files.
    names: names for new files.
    journalled: deliveries are in a journal before they are flushed.
    adopts: what Dovecot or Courier keeps beside a folder is taken over.
    uidl_format: Dovecot's ``pop3_uidl_format``, as it was configured there.
    shares_uids: UIDs are given out together with Dovecot.
    index: where the catalogues lie; '': with the mail.
    separator: between a file's name and its info.
    nested: mailboxes are directories in directories, rather than Maildir++ folders.
    spread: an account's directory is in one of 256 of its domain's.
    keyword_letters: keywords are letters in names of files, as Dovecot has them.
    quota_file: ``maildirsize`` is written for others.
    subscriptions: whose list of subscriptions is kept in step: ``dovecot``, ``courier`` or ''.
    """

    directory: str
    line_ends: LineEnds = "lf"
    files: Files = field(default_factory=Files)
    names: UniqueNames = field(default_factory=UniqueNames)
    journalled: bool = False
    adopts: bool = True
    uidl_format: str = uidl_format.DEFAULT
    shares_uids: bool = False
    index: str = ""
    separator: str = ":"
    nested: bool = False
    spread: bool = False
    keyword_letters: bool = False
    quota_file: bool = False
    subscriptions: str = ""

    @property
    def no_flags(self) -> str:
        """The info of a file without flags."""
        return f"{self.separator}2,"

    @property
    def subscription_separator(self) -> str:
        """Between levels in Dovecot's older lists of subscriptions."""
        return "/" if self.nested else "."

    def account(self, name: str) -> str:
        """The directory of an account."""
        return os.path.join(self.directory, account_directory(name, self.spread))

    def catalogue(self, name: str) -> str:
        """The catalogue of an account."""
        return os.path.join(self.index or self.directory, account_directory(name, self.spread), CATALOGUE)

    def folder_of(self, name: str) -> str:
        """The directory of a mailbox, relative to its account's; '' for INBOX."""
        return nesting.folder_of(name) if self.nested else folders.folder_of(name)

    def mailbox_of(self, folder: str) -> str | None:
        """The mailbox that a directory is; None where it is none."""
        return nesting.mailbox_of(folder) if self.nested else folders.mailbox_of(folder)

    def folders(self, path: str) -> list[str]:
        """Directories that may be mailboxes, in an account's."""
        if self.nested:
            found = list(nesting.folders(self.files, path))
        else:
            found = [name for name in self.files.names(path) if name.startswith(".")]
        return [folder for folder in found if _is_text(path, folder)]


def _is_text(path: str, folder: str) -> bool:
    """Has a folder a name that a mailbox can have? One that has not must not hide all others."""
    try:
        folder.encode("utf-8")
    except UnicodeEncodeError:
        log.warn("{path!r} is no mailbox: its name is not UTF-8", path=f"{path}/{folder}")
        return False
    return True


def place_of(
    options: MaildirOptions, directory: str = "", files: Files | None = None, journalled: bool = False
) -> Place:
    """What options say.

    Args:
        directory: instead of that of the options.
        files: operations on files; tests make them fail.
        journalled: there is a delivery journal.
    """
    return Place(
        directory=os.path.abspath(directory or options.directory),
        line_ends="crlf" if options.line_ends == "crlf" else "lf",
        files=files or Files(),
        names=UniqueNames(),
        journalled=journalled,
        adopts=options.adopt,
        uidl_format=options.adopted_uidl_format,
        shares_uids=options.dovecot_uidlist,
        index=os.path.abspath(options.index) if options.index else "",
        separator=options.info_separator,
        nested=options.layout == "fs",
        spread=options.spread,
        keyword_letters=options.keywords == "dovecot",
        quota_file=options.maildirsize,
        subscriptions="" if options.subscriptions == "own" else options.subscriptions,
    )
