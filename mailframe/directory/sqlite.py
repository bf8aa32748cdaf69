"""The directory in an SQLite file: the default. Commands change it, services look things up in it.

Lookups run in the file's reading thread. Their answers are remembered; half a second after the last look at the
file the next question goes to it again, and brings along SQLite's ``data_version``, which differs when any other
connection has committed: then everything remembered is forgotten. So a busy exchanger answers from memory, and yet
``mailframe account remove`` in another process is seen within a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import apsw
from twisted.internet.interfaces import IReactorFromThreads
from zope.interface import implementer

from mailframe.database.file import Database
from mailframe.database.lanes import CallFromThread
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .administration import Administration
from .answers import MISSING, Answers
from .editing import perform
from .entries import Batch, Change, Edit, Entry, Key, Kind, Outcome, Put
from .entry_interfaces import IDirectoryEntries, IDirectoryFeed
from .feeding import batch_txn, entries_txn
from .grants import subjects_of
from .interfaces import (
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IGrantAdmin,
    IKeepHash,
    IKeepKeys,
    ISenderGrants,
)
from .metrics import LOOKUP_ASKED, LOOKUP_CACHED, LOOKUP_FAILED
from .names import checked_hash, checked_keys, comparable_domain, comparable_name, name_of
from .options import SQLiteOptions
from .sqlite_entries import (
    SQLiteTable,
    account_txn,
    alias_txn,
    changes_txn,
    credential_txn,
    domain_txn,
    entry_txn,
    granted_txn,
    listing_txn,
    versions_txn,
)
from .values import Account, Alias, Credential, Domain

ROOM = "mailframe.directory"
TRUSTED_SECONDS = 0.5
"""How long remembered answers are given without a look at the file."""


class _Undone(Exception):
    """Undoes a transaction that only tried something."""


@implementer(
    IDirectory,
    IDirectoryAdmin,
    IDirectoryEntries,
    IDirectoryFeed,
    ICredentialSource,
    IKeepKeys,
    IKeepHash,
    ISenderGrants,
    IGrantAdmin,
)
class SQLiteDirectory(Administration):
    """Domains, accounts and aliases in one file.

    Args:
        path: the file; made where it is missing.
        reactor: None for a command without a reactor: then lookups are done at once.
        options: bounds of what is remembered; its ``path`` is not looked at.
        seconds: a clock that never goes back.
    """

    tells_removals = True

    def __init__(
        self,
        path: str,
        reactor: IReactorFromThreads | None,
        options: SQLiteOptions | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = Database(path, ROOM, cast(CallFromThread | None, reactor))
        options = options or SQLiteOptions()
        self._history = options.history
        self._seconds = seconds
        self._answers = Answers(options.cache_entries, options.cache_time)
        self._version: int | None = None
        self._looked = float("-inf")

    async def start(self) -> None:
        """Open the file and bring it up to date.

        Raises:
            MailframeError: temporary, when it cannot be opened.
            UnusableDatabase: it was written by a newer version.
        """
        await self._database.start()

    async def stop(self) -> None:
        """Close the file; safe to call twice."""
        await self._database.stop()

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains?"""
        return await self.domain(domain) is not None

    async def domain(self, name: str) -> Domain | None:
        """What is known of one of our domains."""
        key = comparable_domain(name)
        found: Domain | None = await self._answer(("domain", key), lambda c: domain_txn(c, key))
        return found

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What exactly this address is."""
        return await self._lookup(name_of(address))

    async def account(self, name: str) -> Account | None:
        """The account of this name."""
        found = await self._lookup(comparable_name(name))
        return found if isinstance(found, Account) else None

    async def credential(self, name: str) -> Credential | None:
        """What this account's password is checked against; never remembered."""
        key = comparable_name(name)
        found: Credential | None = await self._ask(lambda c: credential_txn(c, key))
        return found

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """Keep keys beside a hash that is still there, in one transaction."""
        key, checked = comparable_name(name), checked_keys(keys)
        return await self._database.run(lambda c: self._replace_txn(c, key, password_hash, keys=checked))

    async def keep_hash(self, name: str, password_hash: str, new_hash: str) -> bool:
        """Keep another hash of the same password, in one transaction."""
        key, checked = comparable_name(name), checked_hash(new_hash)
        return await self._database.run(
            lambda c: self._replace_txn(c, key, password_hash, password_hash=checked)
        )

    async def granted(self, account: str, address: Address) -> bool:
        """Has the account a grant for this address or its domain?"""
        name, subjects = comparable_name(account), subjects_of(address)
        key = (f"grant {name}", subjects[0])
        return bool(await self._answer(key, lambda c: granted_txn(c, name, subjects)))

    # Entry by entry: for commands and for copies.

    def entry(self, key: Key) -> Entry | None:
        """One entry as it is now."""
        return self._database.run_blocking(lambda c: entry_txn(c, key))

    def listing(
        self, kind: Kind, domain: str | None = None, after: str = "", limit: int = 1000
    ) -> Sequence[Entry]:
        """Some entries of a kind, by name."""
        place = None if domain is None else comparable_domain(domain)
        return self._database.run_blocking(lambda c: listing_txn(c, kind, place, after, limit))

    def apply(self, edits: Sequence[Edit], actor: str, *, dry_run: bool = False) -> Sequence[Outcome]:
        """Do edits, all or none."""
        outcomes: list[Outcome] = []

        def apply_txn(connection: apsw.Connection) -> None:
            outcomes[:] = perform(self._table(connection), edits, actor)
            if dry_run:
                raise _Undone

        try:
            self._database.run_blocking(apply_txn)
        except _Undone:
            pass
        return outcomes

    def history(self, since: int = 0, limit: int = 1000, key: Key | None = None) -> Sequence[Change]:
        """What was changed."""
        return self._database.run_blocking(lambda c: changes_txn(c, since, limit, key))

    def last_version(self) -> int:
        """The version of the newest change."""
        return self._database.run_blocking(versions_txn)[2]

    async def version(self) -> str:
        """Where the directory is now."""
        epoch, _, newest = await self._ask(versions_txn)
        return f"{epoch}:{newest}"

    async def entries(self, after: Key | None = None, limit: int = 1000) -> Sequence[Entry]:
        """The next entries of all kinds."""
        found: Sequence[Entry] = await self._ask(lambda c: entries_txn(c, after, limit))
        return found

    async def changes(self, since: str, limit: int = 1000) -> Batch | None:
        """What is new since a version."""
        batch: Batch | None = await self._ask(lambda c: batch_txn(c, since, limit))
        return batch

    def listen(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Nobody hints: a file is looked at."""
        return lambda: None

    def _table(self, connection: apsw.Connection) -> SQLiteTable:
        return SQLiteTable(connection, int(time.time()), self._history)

    def _replace_txn(self, connection: apsw.Connection, name: str, stored: str, **secrets: Any) -> bool:
        """Replace secrets of an account whose password is still kept as it was."""
        found = credential_txn(connection, name)
        if found is None or found.password_hash != stored:
            return False
        perform(self._table(connection), [Put(replace(found, **secrets))], f"login:{name}")
        return True

    async def _lookup(self, name: str) -> Account | Alias | None:
        found: Account | Alias | None = await self._answer(("address", name), lambda c: _lookup_txn(c, name))
        return found

    async def _answer(self, key: tuple[str, str], question: Callable[[apsw.Connection], Any]) -> Any:
        now = self._seconds()
        if now - self._looked < TRUSTED_SECONDS:
            known = self._answers.get(key, now)
            if known is not MISSING:
                LOOKUP_CACHED.inc()
                return known
        answer = await self._ask(question)
        self._answers.put(key, answer, now)
        return answer

    async def _ask(self, question: Callable[[apsw.Connection], Any]) -> Any:
        """Ask the file, and notice when it has changed."""
        asked_at = self._seconds()
        try:
            version, answer = await self._database.read(lambda c: (c.pragma("data_version"), question(c)))
        except (MailframeError, apsw.Error) as error:
            LOOKUP_FAILED.inc()
            reason = error.reason if isinstance(error, MailframeError) else str(error)
            raise MailframeError(CANNOT_LOOK_UP, f"{self._database.path}: {reason}") from error
        LOOKUP_ASKED.inc()
        if version != self._version:
            self._version = version
            self._answers.clear()
        self._looked = max(self._looked, asked_at)
        return answer


def _lookup_txn(connection: apsw.Connection, name: str) -> Account | Alias | None:
    return account_txn(connection, name) or alias_txn(connection, name)
