"""What a directory is made of, entry by entry: for administration, for copies of a directory, and for its history.

An entry is a `Domain`, a `Credential` (an account with what it logs in by), an `Alias` or a `Grant`. Each has a
`Key`; whatever is done to a directory is a sequence of edits, each of which puts or removes one entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from .names import comparable_name, name_of
from .values import Alias, Credential, Domain, Grant

Entry = Domain | Credential | Alias | Grant


class Kind(StrEnum):
    """What an entry is; in this order they can be put, and in the other one removed."""

    DOMAIN = "domain"
    ACCOUNT = "account"
    ALIAS = "alias"
    GRANT = "grant"


class Key(NamedTuple):
    """What names an entry.

    Attributes:
        kind: of the entry.
        name: a domain; an account's or alias's address as `mailframe.directory.names` compares it; for a grant the
            account, a space and the subject.
    """

    kind: Kind
    name: str


class Outcome(StrEnum):
    """What came of an edit."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Put:
    """Make an entry be as it is here, whether it is there already or not.

    Attributes:
        entry: as it shall be.
        instead_of: what the caller has seen in its place: where that has changed meanwhile, the edit is refused with
            ``CONFLICT``. None to put it whatever is there.
        new: it must not be there yet.
    """

    entry: Entry
    instead_of: Entry | None = None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """Take an entry away; with an account go its grants.

    Attributes:
        key: of the entry, which must be there.
    """

    key: Key


Edit = Put | Remove


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a directory's history.

    Attributes:
        version: of the directory with this change; ascending, perhaps with gaps.
        time: seconds since 1970.
        actor: who did it: ``cli:root``, ``api:TOKEN-NAME``, ``login:alice@example.test``.
        outcome: added, changed or removed.
        key: of the entry.
        what: what is different, for people; never a secret: ``quota 0 -> 5000, password``.
    """

    version: int
    time: int
    actor: str
    outcome: Outcome
    key: Key
    what: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is new in a directory since some version.

    Attributes:
        version: from where the next batch follows; to be handed back as it is.
        entries: that are new or other than they were, as they are now.
        removed: the keys of those that are gone.
        more: there is more to be had at once.
    """

    version: str
    entries: Sequence[Entry] = ()
    removed: Sequence[Key] = ()
    more: bool = False


def key_of(entry: Entry) -> Key:
    """The key of an entry."""
    if isinstance(entry, Domain):
        return Key(Kind.DOMAIN, entry.name)
    if isinstance(entry, Credential):
        return Key(Kind.ACCOUNT, entry.account.name)
    if isinstance(entry, Alias):
        return Key(Kind.ALIAS, name_of(entry.address))
    return Key(Kind.GRANT, f"{entry.account} {entry.subject}")


def account_key(name: str) -> Key:
    """The key of an account, whose name may be spelt in any way."""
    return Key(Kind.ACCOUNT, comparable_name(name))
