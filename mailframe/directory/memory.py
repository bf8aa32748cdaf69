"""A directory in memory: for tests, examples, embedding, and what is written in the configuration."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from zope.interface import implementer

from mailframe.message.address import Address

from .administration import Administration
from .editing import difference, perform
from .entries import Batch, Change, Edit, Entry, Key, Kind, Outcome, Put, key_of
from .entry_interfaces import IDirectoryEntries, IDirectoryFeed
from .grants import subjects_of
from .interfaces import (
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IGrantAdmin,
    IKeepKeys,
    ISenderGrants,
)
from .names import checked_keys, comparable_domain, comparable_name, name_of
from .passwords import is_hash, make_hash
from .values import Account, Alias, Credential, Domain, Grant

HISTORY = 10_000
"""Changes that are remembered."""
_KINDS = list(Kind)


@dataclass(frozen=True, slots=True)
class Replacement:
    """Everything that shall be in a directory, instead of what was.

    Attributes:
        kept: all entries.
        changes: what is different, in order.
        before: the version that this was compared with.
    """

    kept: dict[Key, Entry]
    changes: Sequence[Change]
    before: int


@implementer(
    IDirectory,
    IDirectoryAdmin,
    IDirectoryEntries,
    IDirectoryFeed,
    ICredentialSource,
    IKeepKeys,
    ISenderGrants,
    IGrantAdmin,
)
class MemoryDirectory(Administration):
    """Domains, accounts and aliases that last as long as the object.

    Args:
        domains: local domains.
        accounts: account name to password: ``{SCHEME}...``, or in clear; that is hashed with a cheap salted
            digest, because whoever writes a password into a program has no secret to keep.
    """

    tells_removals = True

    def __init__(self, domains: Iterable[str] = (), accounts: Mapping[str, str] | None = None) -> None:
        self._kept: dict[Key, Entry] = {}
        self._changes: list[Change] = []
        self._version = 0
        self._hints: list[Callable[[], None]] = []
        self._order: tuple[int, list[Key]] = (0, [])
        for domain in domains:
            self.add_domain(domain)
        for name, password in (accounts or {}).items():
            known = is_hash(password)
            self.add_account(name, password if known else make_hash(password, "SSHA256"))

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains?"""
        return Key(Kind.DOMAIN, comparable_domain(domain)) in self._kept

    async def domain(self, name: str) -> Domain | None:
        """What is known of one of our domains."""
        found = self._kept.get(Key(Kind.DOMAIN, comparable_domain(name)))
        return found if isinstance(found, Domain) else None

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What exactly this address is."""
        name = name_of(address)
        found = self._account(name)
        if found is not None:
            return found.account
        alias = self._kept.get(Key(Kind.ALIAS, name))
        return alias if isinstance(alias, Alias) else None

    async def account(self, name: str) -> Account | None:
        """The account of this name."""
        found = self._account(comparable_name(name))
        return None if found is None else found.account

    async def credential(self, name: str) -> Credential | None:
        """What this account's password is checked against."""
        return self._account(comparable_name(name))

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """Keep keys beside a hash that is still there."""
        checked = checked_keys(keys)
        found = self._account(comparable_name(name))
        if found is None or found.password_hash != password_hash:
            return False
        self.apply([Put(replace(found, keys=checked))], f"login:{found.account.name}")
        return True

    async def granted(self, account: str, address: Address) -> bool:
        """Has the account a grant for this address or its domain?"""
        name = comparable_name(account)
        return any(Key(Kind.GRANT, f"{name} {subject}") in self._kept for subject in subjects_of(address))

    # Entry by entry.

    def entry(self, key: Key) -> Entry | None:
        """One entry as it is now."""
        return self._kept.get(key)

    def listing(
        self, kind: Kind, domain: str | None = None, after: str = "", limit: int = 1000
    ) -> Sequence[Entry]:
        """Some entries of a kind, by name."""
        place = None if domain is None else comparable_domain(domain)
        keys = sorted(key for key in self._kept if key.kind is kind and key.name > after)
        wanted = (key for key in keys if place is None or _domain_of(self._kept[key]) == place)
        return [self._kept[key] for key in islice(wanted, limit)]

    def apply(self, edits: Sequence[Edit], actor: str, *, dry_run: bool = False) -> Sequence[Outcome]:
        """Do edits, all or none."""
        table = _MemoryTable(dict(self._kept), self._version)
        outcomes = perform(table, edits, actor)
        if not dry_run and table.changes:
            self._kept, self._version = table.kept, table.version
            self._changes = (self._changes + table.changes)[-HISTORY:]
            for hint in list(self._hints):
                hint()
        return outcomes

    def replacement(self, kept: dict[Key, Entry], actor: str) -> Replacement:
        """What would come of having these entries and no others. Does nothing; may be called in any thread.

        Args:
            kept: as `mailframe.directory.editing.checked` gives them.
        """
        known, version, now = self._kept, self._version, int(time.time())
        changes = []
        for key in sorted(known.keys() - kept.keys(), key=_place, reverse=True):
            version += 1
            changes.append(Change(version, now, actor, Outcome.REMOVED, key))
        for key in sorted((key for key, entry in kept.items() if known.get(key) != entry), key=_place):
            version += 1
            outcome = Outcome.CHANGED if key in known else Outcome.ADDED
            changes.append(Change(version, now, actor, outcome, key, difference(known.get(key), kept[key])))
        return Replacement(kept, changes, self._version)

    def replace_all(self, replacement: Replacement) -> None:
        """Have other entries.

        Raises:
            ValueError: the directory was changed after they were compared.
        """
        if replacement.before != self._version:
            raise ValueError("the directory was changed meanwhile")
        self._kept = replacement.kept
        if replacement.changes:
            self._version = replacement.changes[-1].version
            self._changes = [*self._changes, *replacement.changes][-HISTORY:]
            for hint in list(self._hints):
                hint()

    def history(self, since: int = 0, limit: int = 1000, key: Key | None = None) -> Sequence[Change]:
        """What was changed."""
        begin = bisect_right(self._changes, since, key=lambda change: change.version)
        wanted = (change for change in self._changes[begin:] if key is None or change.key == key)
        return list(islice(wanted, limit))

    def last_version(self) -> int:
        """The version of the newest change."""
        return self._version

    async def version(self) -> str:
        """Where the directory is now."""
        return f"{id(self)}:{self._version}"

    async def entries(self, after: Key | None = None, limit: int = 1000) -> Sequence[Entry]:
        """The next entries of all kinds."""
        if self._order[0] != self._version:
            # Once for all pages.
            self._order = self._version, sorted(self._kept, key=_place)
        keys = self._order[1]
        begin = 0 if after is None else bisect_right(keys, _place(after), key=_place)
        return [self._kept[key] for key in keys[begin : begin + limit]]

    async def changes(self, since: str, limit: int = 1000) -> Batch | None:
        """What is new since a version."""
        known, _, number = since.partition(":")
        oldest = self._changes[0].version - 1 if self._changes else self._version
        if known != str(id(self)) or not oldest <= int(number) <= self._version:
            return None
        changes = self.history(int(number), limit)
        keys = dict.fromkeys(change.key for change in changes)
        return Batch(
            f"{known}:{changes[-1].version}" if changes else since,
            [self._kept[key] for key in keys if key in self._kept],
            [key for key in keys if key not in self._kept],
            len(changes) == limit,
        )

    def listen(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call back after each change."""
        self._hints.append(hint)
        return lambda: self._hints.remove(hint)

    def _account(self, name: str) -> Credential | None:
        found = self._kept.get(Key(Kind.ACCOUNT, name))
        return found if isinstance(found, Credential) else None


class _MemoryTable:
    """`mailframe.directory.editing.Table` over a copy of what is kept."""

    def __init__(self, kept: dict[Key, Entry], version: int) -> None:
        self.kept = kept
        self.version = version
        self.changes: list[Change] = []

    def get(self, key: Key) -> Entry | None:
        return self.kept.get(key)

    def put(self, entry: Entry) -> None:
        self.kept[key_of(entry)] = entry

    def remove(self, key: Key) -> None:
        del self.kept[key]

    def in_use(self, domain: str) -> bool:
        return any(
            entry.alias_of == domain if isinstance(entry, Domain) else _domain_of(entry) == domain
            for entry in self.kept.values()
            if not isinstance(entry, Grant)
        )

    def grants(self, account: str) -> Sequence[Grant]:
        return [
            entry for entry in self.kept.values() if isinstance(entry, Grant) and entry.account == account
        ]

    def note(self, actor: str, outcome: Outcome, key: Key, what: str) -> None:
        self.version += 1
        self.changes.append(Change(self.version, int(time.time()), actor, outcome, key, what))


def _domain_of(entry: Entry) -> str:
    key = key_of(entry)
    if isinstance(entry, Domain):
        return entry.name
    return (entry.account if isinstance(entry, Grant) else key.name).rpartition("@")[2]


def _place(key: Key) -> tuple[int, str]:
    return _KINDS.index(key.kind), key.name
