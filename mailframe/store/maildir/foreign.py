"""What Dovecot or Courier keeps beside a folder: read from the disk, with a bound. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from twisted.logger import Logger

from mailframe.store.adoption import (
    courier_keywords,
    dovecot_keywords,
    pop3_sizes,
    subscriptions,
    uidlist,
)
from mailframe.store.adoption.broken import BrokenFile, number
from mailframe.store.adoption.uidlist import Record, UidList
from mailframe.store.files import Files
from mailframe.store.names import canonical
from mailframe.store.values import Flags

from .folders import mailbox_of

UIDLIST = "dovecot-uidlist"
_COURIER_UIDS = "courierimapuiddb"
KEYWORDS = "dovecot-keywords"
_COURIER_KEYWORDS = "courierimapkeywords"
_POP3_SIZES = "courierpop3dsizelist"
SUBSCRIPTIONS = "subscriptions"
COURIER_SUBSCRIPTIONS = "courierimapsubscribed"

OCTETS_LIMIT = 256 * 1024 * 1024
"""Of a file that is read whole: a list of two million messages has as much."""
_UPDATES_LIMIT = 100_000
"""Files of single messages' keywords that are read; Courier sweeps them up every few minutes."""
_UIDVALIDITY_LIMIT = (1 << 32) - (1 << 20)
"""Mailboxes that are made later have higher ones, and these must exist."""
_SIZE_LIMIT = 1 << 48
_WINDOW = 1024 * 1024

T = TypeVar("T")
log = Logger()


@dataclass(frozen=True, slots=True)
class Foreign:
    """Another program's knowledge of one folder.

    Attributes:
        uids: its UIDs; None where it has none that can be used.
        program: whose they are: ``dovecot``, ``courier`` or ''.
        letters: keywords by the letters in names of files.
        keywords: keywords by file.
        uidls: what POP3 called messages, by file.
    """

    uids: UidList | None = None
    program: str = ""
    letters: Mapping[str, str] = field(default_factory=dict)
    keywords: Mapping[str, Flags] = field(default_factory=dict)
    uidls: Mapping[str, str] = field(default_factory=dict)

    def records(self) -> dict[str, Record]:
        """Records by file."""
        return {} if self.uids is None else {record.file: record for record in self.uids.records}

    def has(self, file: str) -> bool:
        """Has the other program given a UID to this file? Goes through all of them."""
        return self.uids is not None and any(record.file == file for record in self.uids.records)

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Sizes on disk and with CRLF line ends by file, of those whose names do not tell both."""
        found = {}
        for record in self.uids.records if self.uids is not None else ():
            on_disk = number(record.extension("S") or told_in_name(record.file, "S"), _SIZE_LIMIT)
            size = number(record.extension("W") or told_in_name(record.file, "W"), _SIZE_LIMIT)
            if on_disk is not None and size is not None:
                found[record.file] = on_disk, size
        return found

    def keywords_of(self, file: str, info: str | None) -> Flags:
        """The keywords of a message."""
        found = set(self.keywords.get(file, ()))
        if info:
            # Other programs have put sizes and more behind the flags, with a comma.
            flags = info[3:].partition(",")[0]
            found.update(self.letters[letter] for letter in flags if letter in self.letters)
        return frozenset(found)


def read_uids(files: Files, folder: str) -> tuple[UidList | None, str]:
    """A folder's UIDs, and whose they are: where there are two lists, those that were changed last."""
    lists = sorted(
        (
            (files.time(f"{folder}/{name}"), name, program)
            for name, program in ((UIDLIST, "dovecot"), (_COURIER_UIDS, "courier"))
            if files.exists(f"{folder}/{name}")
        ),
        reverse=True,
    )
    for _, name, program in lists:
        found = _parsed(files, f"{folder}/{name}", uidlist.read)
        if found is not None and found.uidvalidity < _UIDVALIDITY_LIMIT:
            return found, program
    return None, ""


def read_folder(files: Files, folder: str, pop3: bool) -> Foreign:
    """All that is known of a folder.

    Args:
        folder: its directory.
        pop3: it is what POP3 serves.
    """
    uids, program = read_uids(files, folder)
    return Foreign(
        uids,
        program,
        _parsed(files, f"{folder}/{KEYWORDS}", dovecot_keywords.read) or {},
        # Dovecot never shows what Courier has left behind.
        {} if program == "dovecot" else _courier_keywords(files, f"{folder}/{_COURIER_KEYWORDS}"),
        _uidls(files, folder, uids) if pop3 else {},
    )


def read_subscriptions(files: Files, directory: str, separator: str = ".") -> list[str] | None:
    """Names of mailboxes that an account has subscribed to, in the file that was changed last; None for no file.

    Args:
        separator: between levels in older lists of Dovecot's.
    """
    lists = [
        (files.time(f"{directory}/{name}"), name, read)
        for name, read in (
            (SUBSCRIPTIONS, partial(subscriptions.read, separator=separator)),
            (COURIER_SUBSCRIPTIONS, subscriptions.read_courier),
        )
        if files.exists(f"{directory}/{name}")
    ]
    if not lists:
        return None
    _, name, read = max(lists, key=lambda one: one[0])
    return mailboxes_listed(_parsed(files, f"{directory}/{name}", read) or ())


def read_octets(files: Files, path: str) -> bytes | None:
    """A whole file; None where there is none, or one that is too large to be what its name says.

    Raises:
        OSError: it cannot be read.
    """
    if not files.exists(path):
        return None
    descriptor = files.open(path)
    try:
        pieces: list[bytes] = []
        octets = 0
        while piece := files.read(descriptor, _WINDOW, octets):
            pieces.append(piece)
            octets += len(piece)
            if octets > OCTETS_LIMIT:
                log.warn("{path} is too large and not read", path=path)
                return None
        return b"".join(pieces)
    finally:
        files.close(descriptor)


def _parsed(files: Files, path: str, read: Callable[[bytes], T]) -> T | None:
    """A file's content; None where it has none that can be used.

    One that cannot be read now is not the same: what it tells would be lost for good, so this raises.
    """
    octets = read_octets(files, path)
    if octets is None:
        return None
    try:
        return read(octets)
    except BrokenFile as fault:
        log.warn("{path} is not used: it is {fault}", path=path, fault=fault)
        return None


def _courier_keywords(files: Files, directory: str) -> dict[str, Flags]:
    if not files.exists(directory):
        return {}
    found = _parsed(files, f"{directory}/{courier_keywords.LIST}", courier_keywords.read) or {}
    updates = courier_keywords.newest(files.names(directory))
    for file, name in list(updates.items())[:_UPDATES_LIMIT]:
        one = _parsed(files, f"{directory}/{name}", courier_keywords.read_one)
        if one is not None:
            found[file] = one
    return found


def _uidls(files: Files, folder: str, uids: UidList | None) -> dict[str, str]:
    """What POP3 called messages; what Dovecot's list says counts more: it was made of the other."""
    sized = _parsed(files, f"{folder}/{_POP3_SIZES}", pop3_sizes.read) or []
    found = {one.file: one.uidl for one in sized}
    for record in uids.records if uids is not None else ():
        uidl = record.extension("P")
        if uidl:
            found[record.file] = uidl
    return found


def told_in_name(file: str, letter: str) -> str:
    """What a file's name tells behind a comma, a letter and ``=``; '' for nothing."""
    return file.partition(f",{letter}=")[2].partition(",")[0]


def mailboxes_listed(found: Iterable[subscriptions.Levels]) -> list[str]:
    """Canonical names of mailboxes on a subscription list; those that no mailbox can have are left out."""
    return list(_names(found))


def _names(found: Iterable[subscriptions.Levels]) -> Iterable[str]:
    for levels in found:
        name = (
            "INBOX"
            if levels == ("INBOX",)
            else mailbox_of("".join("." + level.replace(".", "\\2e") for level in levels))
        )
        if name is not None:
            yield canonical(name)
