"""The file-system layout: mailboxes are directories, inferiors directories in them (Dovecot's ``LAYOUT=fs``).

INBOX is the account's directory itself. Levels are in modified UTF-7; one that would be taken for something else
(``cur``, a hidden file, a file that mail programs keep there) has its first character as ``\\hh``.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailframe.store.directories import LENGTH_LIMIT, LONG, encode_utf7, long_folder
from mailframe.store.files import Files
from mailframe.store.names import DEPTH_LIMIT
from mailframe.store.values import INBOX, SEPARATOR

from .folders import SUBDIRECTORIES, level_text

_TAKEN = ("catalogue.", "courier", "dovecot", "mailbox-", "maildir", "subscriptions")
"""How files begin that lie beside messages."""


def folder_of(name: str) -> str:
    """The directory of a mailbox, relative to its account's; '' for INBOX."""
    if name == INBOX:
        return ""
    levels = [_level(level) for level in name.split(SEPARATOR)]
    if any(len(level) > LENGTH_LIMIT for level in levels):
        return long_folder(name)
    return "/".join(levels)


def mailbox_of(folder: str) -> str | None:
    """The mailbox that a directory of this path is; None where it is none."""
    levels = folder.split("/")
    if any(not level or level.startswith(".") or level in SUBDIRECTORIES for level in levels):
        return None
    return SEPARATOR.join(level_text(level) for level in levels)


def folders(files: Files, path: str) -> Iterator[str]:
    """Directories of mail below an account's, those of INBOX not among them."""
    for name in files.names(path):
        if name.startswith(LONG) and files.exists(f"{path}/{name}/cur"):
            yield name
    yield from _below(files, path, "", DEPTH_LIMIT, set())


def _below(files: Files, path: str, above: str, depth: int, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Directories of mail in one.

    Args:
        seen: directories that were gone through, and are not again by way of a link: two links to a superior would
            be four directories on the next level, and four thousand million on the last.
    """
    try:
        status = files.status(f"{path}/{above}.")
        names = files.names(f"{path}/{above}")
    except OSError:
        # A file, or a directory that is gone.
        return
    itself = status.st_dev, status.st_ino
    if itself in seen:
        return
    seen.add(itself)
    for name in names:
        if name.startswith(".") or name in SUBDIRECTORIES:
            continue
        folder = f"{above}{name}"
        if files.exists(f"{path}/{folder}/cur"):
            yield folder
        if depth:
            yield from _below(files, path, folder + "/", depth - 1, seen)


def _level(level: str) -> str:
    written = encode_utf7(level.replace("\\", "\\5c"))
    if written.startswith(".") or written in SUBDIRECTORIES or written.startswith(_TAKEN):
        return f"\\{ord(written[0]):02x}{written[1:]}"
    return written
