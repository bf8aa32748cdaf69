"""Where mailboxes lie: names of directories, and back.

Maildir++: INBOX is the account's directory itself, every other mailbox a directory in it whose name begins with a
dot and has a dot between levels. Levels are written in modified UTF-7 (RFC 3501 section 5.1.3), as other Maildir
programs expect; a dot within a level, which would make another level of it, is ``\\2e``.
"""

from __future__ import annotations

import re

from mailframe.store.directories import LENGTH_LIMIT, decode_utf7, encode_utf7, long_folder
from mailframe.store.values import INBOX, SEPARATOR

TMP = "tmp"
SUBDIRECTORIES = ("cur", "new", TMP)
CATALOGUE = "catalogue.sqlite"
_ESCAPE = {"\\": "\\5c", ".": "\\2e"}
_ESCAPED = re.compile(r"\\([0-9a-f]{2})")


def folder_of(name: str) -> str:
    """The directory of a mailbox, relative to its account's; '' for INBOX."""
    if name == INBOX:
        return ""
    folder = "".join("." + folder_level(level) for level in name.split(SEPARATOR))
    if len(folder) <= LENGTH_LIMIT:
        return folder
    return long_folder(name)


def mailbox_of(folder: str) -> str | None:
    """The mailbox that a directory of this name is; None where it is none.

    Raises nothing: a level that is not modified UTF-7 is taken as it is written.
    """
    if not folder.startswith("."):
        return None
    levels = folder[1:].split(".")
    if not all(levels):
        return None
    return SEPARATOR.join(level_text(level) for level in levels)


def folder_level(level: str) -> str:
    """One level of a mailbox's name as folders have it."""
    return encode_utf7("".join(_ESCAPE.get(char, char) for char in level))


def level_text(level: str) -> str:
    """One level of a mailbox's name, as it is written in a folder's."""
    try:
        text = decode_utf7(level)
    except ValueError:
        text = level
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return text.replace(SEPARATOR, "_")
