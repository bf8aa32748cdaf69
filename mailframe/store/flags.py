"""Flags and keywords: spelling, bounds and changes, the same in every backend. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping

from .refusals import TOO_MANY_KEYWORDS, refuse
from .values import SYSTEM_FLAGS, FlagChange, Flags

KEYWORDS_LIMIT = 128
"""Keywords one mailbox may have."""
KEYWORD_LENGTH_LIMIT = 255
"""Octets one keyword may have; longer ones are passed over."""

_SYSTEM = {flag.lower(): flag for flag in SYSTEM_FLAGS}


def spelled(flags: Iterable[str], keywords: MutableMapping[str, str], limit: int = KEYWORDS_LIMIT) -> Flags:
    """Flags in the spelling this mailbox keeps them in.

    System flags get the spelling of RFC 9051, keywords the one first used here. What no message can keep
    (``\\Recent``, a system flag nobody knows, a keyword past `KEYWORD_LENGTH_LIMIT`) is left out without a word,
    as RFC 9051 section 7.1 (PERMANENTFLAGS) allows.

    Args:
        flags: as a client gave them.
        keywords: the mailbox's keywords, lower case to spelling; new ones are added, all or none.
        limit: how many there may be.

    Raises:
        MailframeError: ``LIMIT``; ``keywords`` is then as it was.
    """
    found: set[str] = set()
    new: dict[str, str] = {}
    for flag in flags:
        key = flag.lower()
        if flag.startswith("\\"):
            if key in _SYSTEM:
                found.add(_SYSTEM[key])
        elif flag and len(flag) <= KEYWORD_LENGTH_LIMIT:
            found.add(keywords.get(key) or new.setdefault(key, flag))
    if new:
        if len(keywords) + len(new) > limit:
            raise refuse(TOO_MANY_KEYWORDS)
        keywords.update(new)
    return frozenset(found)


def known(flags: Iterable[str], keywords: MutableMapping[str, str]) -> Flags:
    """The same, but keywords this mailbox does not know are left out: for taking flags away, and for search."""
    lowered = (flag.lower() for flag in flags)
    spellings = (_SYSTEM.get(key) or keywords.get(key) for key in lowered)
    return frozenset(spelling for spelling in spellings if spelling is not None)


def changed(current: Flags, change: FlagChange, flags: Flags) -> Flags:
    """What ``current`` becomes (RFC 9051 section 6.4.6); both sides spelled already."""
    if change is FlagChange.ADD:
        return current | flags
    if change is FlagChange.REMOVE:
        return current - flags
    return flags
