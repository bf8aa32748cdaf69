"""Mailbox names: the rules that all backends share. Values only, no I/O.

A name is Unicode with `SEPARATOR` between levels. Looking up is lenient (`canonical`), making a new name is
strict (`check_new`): a mailbox that another program named badly can still be read, renamed and deleted.
How a backend writes a name on a disk is its own business.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from .refusals import CANNOT, TOO_MANY_MAILBOXES, USEATTR, refuse
from .values import INBOX, SEPARATOR, SPECIAL_USES

LEVEL_LIMIT = 255
"""Octets of UTF-8 one level of a name may have; what file systems allow for a name."""
DEPTH_LIMIT = 32
"""Levels a name may have."""
EXPUNGED = ".expunged"
"""Above the mailboxes that expunged mail is moved to; not listed, not counted for quotas, and nobody can make one."""
MAILBOXES_LIMIT = 10_000
"""Mailboxes of one account."""
DEFAULT_MAILBOXES = {
    "Archive": "\\Archive",
    "Drafts": "\\Drafts",
    "Junk": "\\Junk",
    "Sent": "\\Sent",
    "Trash": "\\Trash",
}
"""What a new account has besides INBOX: name to special use (RFC 6154)."""

# RFC 9051 section 5.1 wants neither control characters nor these two in names.
_LINE_SEPARATORS = "\u2028\u2029"
_VIRTUAL_USES = frozenset({"\\All", "\\Flagged"})


def canonical(name: str) -> str:
    """The one spelling of a name that everything is kept under.

    Drops one trailing separator, writes INBOX in capitals where it is the first level (so that ``inbox/Work``
    and ``INBOX/Work`` are one mailbox) and composes characters (NFC, as Net-Unicode has it, RFC 5198): a name
    typed on one system is found on another.
    """
    if name.endswith(SEPARATOR):
        name = name[:-1]
    first, separator, rest = name.partition(SEPARATOR)
    if first.upper() == INBOX:
        name = INBOX + separator + rest
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def check_new(name: str) -> str:
    """The canonical spelling of a name that is about to be made.

    Raises:
        MailframeError: ``CANNOT``: a level is empty, ``.`` or ``..``, longer than `LEVEL_LIMIT`, or has a control
            character; there are more levels than `DEPTH_LIMIT`; or the first level is `EXPUNGED`.
    """
    name = canonical(name)
    levels = name.split(SEPARATOR)
    if len(levels) > DEPTH_LIMIT or not all(map(_allowed, levels)) or levels[0] == EXPUNGED:
        raise refuse(CANNOT, f"mailbox name {name[:300]!r} is not allowed")
    return name


def check_count(count: int, limit: int = MAILBOXES_LIMIT) -> None:
    """Refuse one more mailbox where there are too many.

    Args:
        count: how many there would be.

    Raises:
        MailframeError: ``LIMIT``.
    """
    if count > limit:
        raise refuse(TOO_MANY_MAILBOXES)


def check_special_use(special_use: str | None) -> str | None:
    """The special use in the spelling of RFC 6154, in any case given.

    ``\\All`` and ``\\Flagged`` name virtual mailboxes, which nobody can make.

    Raises:
        MailframeError: ``USEATTR``.
    """
    if special_use is None:
        return None
    found = special_use.capitalize() if special_use[:1] != "\\" else "\\" + special_use[1:].capitalize()
    if found not in SPECIAL_USES or found in _VIRTUAL_USES:
        raise refuse(USEATTR)
    return found


def superiors(name: str) -> list[str]:
    """The names above, outermost first: ``a/b/c`` has ``a`` and ``a/b``."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:count]) for count in range(1, len(levels))]


def is_inferior(name: str, of: str) -> bool:
    """Is ``name`` below ``of``, at any depth?"""
    return name.startswith(of + SEPARATOR)


def renamed(name: str, old: str, new: str) -> str:
    """The name that ``name`` (``old`` itself or an inferior) has after ``old`` became ``new``."""
    return new + name[len(old) :]


def in_order(names: Iterable[str]) -> list[str]:
    """Names as they are listed: INBOX first, then by code point, each name after its superiors."""
    return sorted(names, key=listing_key)


def listing_key(name: str) -> tuple[bool, list[str]]:
    """What `in_order` sorts by."""
    return name != INBOX, name.split(SEPARATOR)


def _allowed(level: str) -> bool:
    if level in ("", ".", ".."):
        return False
    if level.isascii():
        return level.isprintable() and len(level) <= LEVEL_LIMIT
    try:
        if len(level.encode("utf-8")) > LEVEL_LIMIT:
            return False
    except UnicodeEncodeError:
        return False
    return not any(unicodedata.category(char) == "Cc" or char in _LINE_SEPARATORS for char in level)
