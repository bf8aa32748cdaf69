"""The directory in a PostgreSQL database: many nodes read and change it; all hear at once of what was changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailframe.database.postgres import Connection, PostgresDatabase
from mailframe.database.postgres_listening import Listening, ListeningReactor
from mailframe.directory.administration import Administration
from mailframe.directory.answers import MISSING, Answers
from mailframe.directory.editing import perform
from mailframe.directory.entries import Batch, Change, Edit, Entry, Key, Kind, Outcome, Put
from mailframe.directory.entry_interfaces import IDirectoryEntries, IDirectoryFeed
from mailframe.directory.grants import subjects_of
from mailframe.directory.interfaces import (
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IGrantAdmin,
    IKeepHash,
    IKeepKeys,
    ISenderGrants,
)
from mailframe.directory.metrics import LOOKUP_ASKED, LOOKUP_CACHED, LOOKUP_FAILED
from mailframe.directory.names import checked_hash, checked_keys, comparable_domain, comparable_name, name_of
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from . import rows
from .options import PostgreSQLDirectoryOptions

T = TypeVar("T")
ROOM: Final = "mailframe.directory.postgresql"


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
class PostgreSQLDirectory(Administration):
    """Domains, accounts, aliases and grants in one database.

    Args:
        options: where it is, and bounds.
        reactor: None for a command without a reactor: then lookups are done at once, and nothing is remembered.
        seconds: a clock that never goes back.
    """

    tells_removals = True

    def __init__(
        self,
        options: PostgreSQLDirectoryOptions,
        reactor: ListeningReactor | None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history = options.history
        self._seconds = seconds
        # Administration blocks, and may do so in any thread.
        self._blocking = PostgresDatabase(options.address, ROOM, None)
        self._lock = threading.Lock()
        self._database = self._blocking
        self._listening: Listening | None = None
        if reactor is not None:
            self._database = PostgresDatabase(options.address, ROOM, reactor, connections=options.connections)
            self._listening = Listening(options.address, rows.CHANNEL, reactor, self._heard)
        self._answers = Answers(options.cache_entries, options.cache_time)
        self._generation = 0
        self._hints: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Connect, and bring the tables up to date.

        Raises:
            MailframeError: temporary, when the database is away.
            UnusableDatabase: it was written by a newer version.
        """
        if self._listening is None:
            self._block(lambda connection: None)
            return
        await self._database.start()
        self._listening.start()

    async def stop(self) -> None:
        """Close all connections; safe to call twice."""
        if self._listening is not None:
            await self._listening.stop()
            await self._database.stop()
        with self._lock:
            await self._blocking.stop()

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains?"""
        return await self.domain(domain) is not None

    async def domain(self, name: str) -> Domain | None:
        """What is known of one of our domains."""
        key = comparable_domain(name)
        found: Domain | None = await self._answer(("domain", key), rows.domain_txn, key)
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
        return await self._ask(lambda c: rows.credential_txn(c, key)) if _can_be(key) else None

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """Keep keys beside a hash that is still there, in one transaction."""
        key, checked = comparable_name(name), checked_keys(keys)
        return await self._ask(lambda c: self._replace_txn(c, key, password_hash, keys=checked))

    async def keep_hash(self, name: str, password_hash: str, new_hash: str) -> bool:
        """Keep another hash of the same password, in one transaction."""
        key, checked = comparable_name(name), checked_hash(new_hash)
        return await self._ask(lambda c: self._replace_txn(c, key, password_hash, password_hash=checked))

    async def granted(self, account: str, address: Address) -> bool:
        """Has the account a grant for this address or its domain?"""
        name, subjects = comparable_name(account), subjects_of(address)
        if not _can_be(name) or not all(map(_can_be, subjects)):
            return False
        return bool(await self._answer((f"grant {name}", subjects[0]), rows.granted_txn, name, subjects))

    # Entry by entry: for commands and for copies.

    def entry(self, key: Key) -> Entry | None:
        """One entry as it is now."""
        return self._block(lambda c: rows.entry_txn(c, key)) if _can_be(key.name) else None

    def listing(
        self, kind: Kind, domain: str | None = None, after: str = "", limit: int = 1000
    ) -> Sequence[Entry]:
        """Some entries of a kind, by name."""
        place = None if domain is None else comparable_domain(domain)
        return self._block(lambda c: rows.listing_txn(c, kind, place, after, limit))

    def apply(self, edits: Sequence[Edit], actor: str, *, dry_run: bool = False) -> Sequence[Outcome]:
        """Do edits, all or none."""
        outcomes: list[Outcome] = []

        def apply_txn(connection: Connection) -> None:
            outcomes[:] = perform(self._table(connection), edits, actor)
            if dry_run:
                raise _Undone

        try:
            self._block(apply_txn)
        except _Undone:
            pass
        return outcomes

    def history(self, since: int = 0, limit: int = 1000, key: Key | None = None) -> Sequence[Change]:
        """What was changed."""
        return self._block(lambda c: rows.changes_txn(c, since, limit, key))

    def last_version(self) -> int:
        """The version of the newest change."""
        return self._block(rows.versions_txn)[2]

    async def version(self) -> str:
        """Where the directory is now."""
        epoch, _, newest = await self._ask(rows.versions_txn)
        return f"{epoch}:{newest}"

    async def entries(self, after: Key | None = None, limit: int = 1000) -> Sequence[Entry]:
        """The next entries of all kinds."""
        return await self._ask(lambda c: rows.entries_txn(c, after, limit))

    async def changes(self, since: str, limit: int = 1000) -> Batch | None:
        """What is new since a version."""
        return await self._ask(lambda c: rows.batch_txn(c, since, limit))

    def listen(self, hint: Callable[[], None]) -> Callable[[], None]:
        """The database tells of each commit that changed something."""
        self._hints.append(hint)
        return lambda: self._hints.remove(hint)

    async def _lookup(self, name: str) -> Account | Alias | None:
        found: Account | Alias | None = await self._answer(("address", name), _lookup_txn, name)
        return found

    async def _answer(self, key: tuple[str, str], question: Callable[..., Any], name: str, *more: Any) -> Any:
        """An answer, remembered as long as the database would tell of a change."""
        if not _can_be(name):
            return None
        now = self._seconds()
        remembers = self._listening is not None and self._listening.connected
        if remembers:
            known = self._answers.get(key, now)
            if known is not MISSING:
                LOOKUP_CACHED.inc()
                return known
        generation = self._generation
        answer = await self._ask(lambda connection: question(connection, name, *more))
        if remembers and generation == self._generation:
            self._answers.put(key, answer, now)
        return answer

    def _heard(self) -> None:
        """Something was changed, or may have been while nobody listened."""
        self._generation += 1
        self._answers.clear()
        for hint in list(self._hints):
            hint()

    async def _ask(self, unit: Callable[[Connection], T]) -> T:
        if self._listening is None:
            return self._block(unit)
        try:
            answer = await self._database.run(unit)
        except MailframeError as error:
            raise _told(error) from error
        LOOKUP_ASKED.inc()
        return answer

    def _block(self, unit: Callable[[Connection], T]) -> T:
        results: list[Any] = []
        with self._lock:
            done: Deferred[T] = self._blocking.run(unit)
            done.addBoth(results.append)
        (result,) = results
        if not hasattr(result, "raiseException"):
            return cast(T, result)
        try:
            result.raiseException()
        except MailframeError as error:
            raise _told(error) from error
        raise AssertionError

    def _table(self, connection: Connection) -> rows.PostgresTable:
        return rows.PostgresTable(connection, int(time.time()), self._history)

    def _replace_txn(self, connection: Connection, name: str, stored: str, **secrets: Any) -> bool:
        """Replace secrets of an account whose password is still kept as it was."""
        table = self._table(connection)
        found = rows.credential_txn(connection, name)
        if found is None or found.password_hash != stored:
            return False
        perform(table, [Put(replace(found, **secrets))], f"login:{name}")
        return True


def _lookup_txn(connection: Connection, name: str) -> Account | Alias | None:
    return rows.account_txn(connection, name) or rows.alias_txn(connection, name)


def _can_be(name: str) -> bool:
    """May this be the name of something? PostgreSQL has no word for some texts, and nothing is called so."""
    try:
        return "\0" not in name and bool(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False


def _told(error: MailframeError) -> MailframeError:
    """What an edit is refused for is no fault of the database's."""
    if error.status.permanent:
        return error
    LOOKUP_FAILED.inc()
    return MailframeError(CANNOT_LOOK_UP, error.reason)
