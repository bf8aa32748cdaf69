"""What taking over an account of Dovecot's or Courier's would do: nothing is changed, made or locked. Blocking."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import apsw

from mailframe.store.files import Files
from mailframe.store.names import canonical
from mailframe.store.values import INBOX

from . import filenames
from .adopting import TAKEN_OVER, uidls_of
from .foreign import Foreign, read_folder, read_subscriptions
from .options import MaildirOptions
from .place import Place, place_of


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What would become of one folder.

    Attributes:
        mailbox: its name here.
        folder: where it lies, relative to the account's directory.
        program: whose UIDs it has: ``dovecot``, ``courier`` or '' for nobody's.
        known: this store has it already, and changes none of its numbers.
        uidvalidity, uidnext: that would be kept; 0 for new ones.
        messages: files there are.
        uids_kept: messages whose UID would be kept.
        keywords: that some message has, sorted.
        uidls_kept: messages that POP3 would go on calling by a name of the other server's making.
    """

    mailbox: str
    folder: str
    program: str
    known: bool
    uidvalidity: int
    uidnext: int
    messages: int
    uids_kept: int
    keywords: Sequence[str]
    uidls_kept: int


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """What would become of one account.

    Attributes:
        directory: where it lies.
        known: this store has it already.
        folders: INBOX first, then by name.
        subscriptions: names, sorted, that would be subscribed to; None where nobody has kept a list, or too late.
    """

    account: str
    directory: str
    known: bool
    folders: Sequence[FolderPlan]
    subscriptions: Sequence[str] | None


def plan(options: MaildirOptions, account: str) -> AccountPlan | None:
    """What taking over an account would do; None where nothing of it is there.

    Args:
        options: of the store.

    Raises:
        OSError: something cannot be read.
        apsw.Error: the account's catalogue cannot be read.
    """
    place = place_of(options)
    files, path, written = place.files, place.account(account), place.uidl_format
    if not files.exists(f"{path}/cur") and not files.exists(f"{path}/new"):
        return None
    known = known_folders(place.catalogue(account))
    folders = [
        _folder(files, path, folder, name, folder in (known or ()), written)
        for name, folder in sorted(_folders(place, path), key=lambda each: (each[0] != INBOX, each[0]))
    ]
    names = read_subscriptions(files, path, place.subscription_separator) if known is None else None
    return AccountPlan(
        account, path, known is not None, folders, None if names is None else sorted(set(names))
    )


def known_folders(catalogue: str) -> set[str] | None:
    """Folders that a catalogue has; None where there is no catalogue yet.

    Raises:
        apsw.Error: it cannot be read.
    """
    if not os.path.exists(catalogue):
        return None
    connection = apsw.Connection(catalogue, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5000)
        return {str(folder) for (folder,) in connection.execute("SELECT folder FROM mailboxes")}
    finally:
        connection.close()


def _folders(place: Place, path: str) -> Iterator[tuple[str, str]]:
    """Names of mailboxes and the folders that they lie in."""
    yield INBOX, ""
    for folder in place.folders(path):
        name = place.mailbox_of(folder)
        if name is not None and place.files.exists(f"{path}/{folder}/cur"):
            yield canonical(name), folder


def _folder(files: Files, path: str, folder: str, name: str, known: bool, written: str) -> FolderPlan:
    place = f"{path}/{folder}" if folder else path
    listed = dict(_listed(files, place))
    if known or files.exists(f"{place}/{TAKEN_OVER}"):
        return FolderPlan(name, folder, "", known, 0, 0, len(listed), 0, (), 0)
    foreign = read_folder(files, place, name == INBOX)
    uids = {file: record.uid for file, record in foreign.records().items() if file in listed}
    keywords = {word for file, info in listed.items() for word in foreign.keywords_of(file, info)}
    return FolderPlan(
        name, folder, foreign.program, known,
        foreign.uids.uidvalidity if foreign.uids is not None else 0,
        foreign.uids.uidnext if foreign.uids is not None else 0,
        len(listed), len(uids), sorted(keywords), _uidls(foreign, name, uids, listed, written),
    )  # fmt: skip


def _uidls(
    foreign: Foreign, name: str, uids: dict[str, int], listed: dict[str, str | None], written: str
) -> int:
    if name != INBOX:
        return 0
    # New UIDs are as good as any here: a name that is made of a UID is made of one that is kept.
    numbered = [(uids.get(file, 0), file) for file in listed]
    return sum(1 for _ in uidls_of(foreign, written, numbered))


def _listed(files: Files, place: str) -> Iterator[tuple[str, str | None]]:
    """Message files, and their infos."""
    for directory in ("new", "cur"):
        with suppress(FileNotFoundError):
            for entry in files.names(f"{place}/{directory}"):
                if not entry.startswith("."):
                    file, info = filenames.split(entry)
                    yield file, info if directory == "cur" else None
