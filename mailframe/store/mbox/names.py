"""Where accounts and mailboxes lie: names of files and directories, and back. Values only, no I/O.

Levels are directories, written in modified UTF-7 (RFC 3501 section 5.1.3) as UW-IMAP and Dovecot do; what would hide,
or be taken for something else, is escaped with a backslash and two hexadecimal digits.

Nested, a mailbox is a directory with its messages in the file `MESSAGES`, as with Dovecot's
``DIRNAME=mBoX-MeSsAgEs``. Plain, it is a file, and inferiors lie in directories; expunged mail that is kept has all
its files in one directory, because ``Work`` and later ``Work/one`` may have some.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from mailframe.store.directories import account_directory, decode_utf7, encode_utf7, long_folder
from mailframe.store.names import EXPUNGED, canonical
from mailframe.store.retention import origin_of
from mailframe.store.values import INBOX, SEPARATOR

from .locking import SUFFIX

Folders = Literal["nested", "plain"]
MESSAGES = "mBoX-MeSsAgEs"
NAME_FILE = "mailbox-name"
"""In the directory of a mailbox whose name cannot be one of a file: the name, in UTF-8."""
LONG = ".long-"
_LEVEL_LIMIT, _PATH_LIMIT = 200, 1000
_ESCAPED = re.compile(r"\\([0-9a-f]{2})")


def folder_of(name: str, folders: Folders) -> str:
    """The place of a mailbox relative to its account's; '' for INBOX."""
    if name == INBOX:
        return ""
    origin = origin_of(name)
    if folders == "plain" and origin is not None:
        return _kept_folder(origin)
    levels = [_level(level) for level in name.split(SEPARATOR)]
    folder = "/".join(levels)
    if len(folder) > _PATH_LIMIT or any(len(level) > _LEVEL_LIMIT for level in levels):
        return long_folder(name)
    return folder


def mailbox_of(folder: str) -> str | None:
    """The canonical name of the mailbox that lies there; None where no mailbox can."""
    levels = folder.split("/")
    if not all(levels) or any(level.startswith(".") for level in levels):
        return None
    if len(levels) == 2 and levels[0] == _level(EXPUNGED):
        # See `_kept_folder`.
        return canonical(EXPUNGED + SEPARATOR + _unescaped(levels[1]))
    return canonical(SEPARATOR.join(_text(level) for level in levels))


def pattern_path(pattern: str, account: str) -> str:
    """A path with the parts of an account's name in it, each of which names one file and leads nowhere else."""
    domain, _, local = account_directory(account).partition("/")
    for variable, value in (("local", local), ("domain", domain), ("account", f"{local}@{domain}")):
        pattern = pattern.replace(f"%{{{variable}}}", value)
    return pattern


def _kept_folder(origin: str) -> str:
    """Where mail of a mailbox is kept, plain: in a file whose name has all levels."""
    file = _level(origin).replace(SEPARATOR, "\\2f")
    if len(file) > _LEVEL_LIMIT:
        file = hashlib.sha256(file.encode()).hexdigest()
    return f"{_level(EXPUNGED)}/{file}"


def _level(level: str) -> str:
    level = level.replace("\\", "\\5c")
    if level.startswith("."):
        level = "\\2e" + level[1:]
    if level.lower().endswith(SUFFIX):
        level = level[: -len(SUFFIX)] + "\\2e" + level[1 - len(SUFFIX) :]
    if level in (MESSAGES, NAME_FILE):
        level = f"\\{ord(level[0]):02x}{level[1:]}"
    return encode_utf7(level)


def _text(level: str) -> str:
    return _unescaped(level).replace(SEPARATOR, "_")


def _unescaped(level: str) -> str:
    try:
        text = decode_utf7(level)
    except ValueError:
        text = level
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
