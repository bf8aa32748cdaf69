"""What the mbox backend lends to all its accounts, and to each of its threads."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailframe.store.unique_names import UniqueNames

from .files import MboxFiles
from .locking import Locks
from .names import Folders
from .wire.quoting import Format


@dataclass(frozen=True, slots=True)
class Place:
    """Attributes:
    directory: where the accounts lie.
    locks: of this thread.
    inbox: a pattern for the file of INBOX; '' where it lies with the others.
    index: where catalogues lie; '' with the mailboxes.
    folders: how mailboxes lie.
    format: how lines are quoted.
    in_place: no new file is put in the place of an old one.
    files: operations on files.
    names: names for temporary files.
    """

    directory: str
    locks: Locks
    inbox: str = ""
    index: str = ""
    folders: Folders = "nested"
    format: Format = "mboxrd"
    in_place: bool = False
    files: MboxFiles = field(default_factory=MboxFiles)
    names: UniqueNames = field(default_factory=UniqueNames)
