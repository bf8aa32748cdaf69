"""Names and bounds of annotations on mailboxes and on the server (METADATA, RFC 5464). Values only, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mailframe.message.status import Status
from mailframe.store.refusals import refuse

PRIVATE, SHARED = "/private", "/shared"
VALUE_LIMIT = 64 * 1024
"""Octets of one value."""
ENTRIES_LIMIT = 200
"""Shared entries of one mailbox, or of the account; and as many private ones of each user."""
OTHERS_LIMIT = 1000
"""Private entries of one mailbox that are not its owner's, of all users together."""
NAME_LIMIT = 255
_NAME = re.compile(r"/(?:private|shared)(?:/[\x21-\x24\x26-\x29\x2b-\x2e\x30-\x7e]+)+")

BAD_ENTRY = Status((5, 5, 4), "This cannot be the name of an entry", "CANNOT")
TOO_LARGE = Status((5, 3, 4), "The value is too long", f"METADATA MAXSIZE {VALUE_LIMIT}")
TOO_MANY = Status((5, 2, 0), "There are too many entries already", "METADATA TOOMANY")


def entry(name: str) -> str:
    """An entry's name as it is kept: without regard to case (RFC 5464 section 4.1).

    Raises:
        MailframeError: it cannot be one.
    """
    if len(name) > NAME_LIMIT or _NAME.fullmatch(name.lower()) is None:
        raise refuse(BAD_ENTRY)
    return name.lower()


def checked(values: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    """Entries that are about to be set.

    Raises:
        MailframeError: a name cannot be one, or a value is too long.
    """
    found = {}
    for name, value in values.items():
        if value is not None and len(value) > VALUE_LIMIT:
            raise refuse(TOO_LARGE)
        found[entry(name)] = value
    return found


def check_counts(counts: Mapping[str, int], user: str, owner: str) -> None:
    """Refuse too many. What users of a mailbox have never keeps its owner from having some.

    Args:
        counts: entries there would be, by whose they are; "" for shared ones.
        user: who sets some.
        owner: the account.

    Raises:
        MailframeError: ``METADATA TOOMANY``.
    """
    others = sum(count for who, count in counts.items() if who not in ("", owner))
    too_many = max(counts.get("", 0), counts.get(user, 0)) > ENTRIES_LIMIT
    if too_many or (user != owner and others > OTHERS_LIMIT):
        raise refuse(TOO_MANY)


def fits(name: str, wanted: str, depth: int) -> bool:
    """Is an entry asked for?

    Args:
        name: the entry's.
        wanted: what was asked for.
        depth: 0 for exactly that, 1 for those right below it too, -1 for all below (RFC 5464 section 4.2.2).
    """
    wanted = wanted.lower().rstrip("/")
    if name == wanted:
        return True
    if not depth or not name.startswith(wanted + "/"):
        return False
    return depth < 0 or name[len(wanted) + 1 :].count("/") == 0
