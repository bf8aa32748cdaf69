"""Rights on mailboxes (RFC 4314). Values only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailframe.message.status import Status
from mailframe.store.refusals import refuse

Rights = frozenset[str]
"""Rights as letters."""

ORDER = "lrswipkxtea"
"""Every right there is, in the order in which they are written (RFC 4314 section 2.1)."""
ALL: Rights = frozenset(ORDER)
NONE: Rights = frozenset()
LOOKUP, READ, SEEN, WRITE, INSERT, POST = "l", "r", "s", "w", "i", "p"
CREATE, DELETE_MAILBOX, DELETE_MESSAGES, EXPUNGE, ADMINISTER = "k", "x", "t", "e", "a"
ABOUT_MAIL: Rights = frozenset({READ, SEEN, WRITE, INSERT, POST})
"""One of these is needed for annotations, with that to look up (RFC 5464 section 3.3)."""
ANYONE, OWNER = "anyone", "owner"
"""Identifiers that stand for everybody who is logged in, and for the account that the mailbox belongs to."""
_OLD = {"c": frozenset("kx"), "d": frozenset("et")}
"""What rights of RFC 2086 stand for (RFC 4314 section 2.1.1)."""
KEPT_BY_OWNER: Rights = frozenset({LOOKUP, ADMINISTER})
"""An owner who gave these away could not take anything back."""
IDENTIFIER_LIMIT = 255
"""Octets of UTF-8 of an identifier."""
ENTRIES_LIMIT = 1000
"""Identifiers with rights on one mailbox."""

BAD_RIGHT = Status((5, 5, 4), "There is no such right", "CANNOT")
BAD_IDENTIFIER = Status((5, 5, 4), "This cannot be the name of somebody", "CANNOT")
TOO_MANY_ENTRIES = Status((5, 2, 0), "Too many have rights on this mailbox", "LIMIT")


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One line of an access control list.

    Attributes:
        identifier: an account, ``anyone`` or ``owner``; with ``-`` in front it takes rights away.
        rights: what it gives or takes.
    """

    identifier: str
    rights: Rights


def parse(text: str) -> Rights:
    """Rights as they are written, old ones included.

    Raises:
        MailframeError: there is no such right.
    """
    found: set[str] = set()
    for letter in text:
        if letter in _OLD:
            found |= _OLD[letter]
        elif letter in ALL:
            found.add(letter)
        else:
            raise refuse(BAD_RIGHT, f"there is no right {letter!r}")
    return frozenset(found)


def written(rights: Rights, old: bool = False) -> str:
    """Rights as they are written.

    Args:
        old: for clients that know RFC 2086 only, with what stands for several new ones.
    """
    text = "".join(letter for letter in ORDER if letter in rights)
    if old:
        text += "".join(letter for letter, meant in _OLD.items() if meant & rights)
    return text


def identifier(text: str) -> str:
    """An identifier as it is kept: names of accounts compare without regard to case.

    Raises:
        MailframeError: it cannot be one.
    """
    name = text[1:] if text.startswith("-") else text
    if not name or len(name.encode("utf-8", "replace")) > IDENTIFIER_LIMIT or not name.isprintable():
        raise refuse(BAD_IDENTIFIER)
    return text.lower()


def effective(entries: Mapping[str, Rights], user: str, is_owner: bool) -> Rights:
    """What somebody may do (RFC 4314 section 2).

    Args:
        entries: rights by identifiers, as `identifier` writes them.
        user: the account that asks.
        is_owner: the mailbox is in its own account.
    """
    names = {ANYONE, user.lower()} | ({OWNER} if is_owner else set())
    given = NONE.union(*(entries.get(name, NONE) for name in names))
    taken = NONE.union(*(entries.get("-" + name, NONE) for name in names))
    if not is_owner:
        return given - taken
    # Where nobody said what the owner may do, it is everything.
    own = given if entries.keys() & {OWNER, user.lower()} else ALL
    return (own - taken) | KEPT_BY_OWNER
