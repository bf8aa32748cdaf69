"""The directory that answers from its copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.entries import Batch, Entry, Key
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.feeding import batch_txn, entries_txn
from mailframe.directory.grants import subjects_of
from mailframe.directory.metrics import COPY_LOOKUPS
from mailframe.directory.names import comparable_domain, comparable_name, name_of
from mailframe.directory.sqlite_entries import (
    account_txn,
    alias_txn,
    credential_txn,
    domain_txn,
    granted_txn,
    versions_txn,
)
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.directory.wrapping import provide_what
from mailframe.message.address import Address

from .copy import Copy
from .filling import Filling


class ReplicaDirectory:
    """A copy of another directory; provides what that provides.

    Until the first copy is complete the source itself is asked.

    Args:
        source: the directory, with `IDirectoryFeed`; who builds it starts and stops it.
        options: where the copy is, and how it is kept up to date.
        reactor: of this process.
        fills: does this process keep the copy up to date? One of the node does.
    """

    tells_removals = True

    def __init__(self, source: Any, options: ReplicaOptions, reactor: Any, fills: bool = True) -> None:
        self._source = source
        self._options = options
        self._reactor = reactor
        self._copy = Copy(options.path, reactor)
        self._hints: list[Callable[[], None]] = []
        self._filling = Filling(source, self._copy, options, reactor, self._changed) if fills else None
        self._read = self._copy.read
        provide_what(self, [source], IDirectoryFeed)

    async def start(self) -> None:
        """Open the copy, and begin to bring it up to date; the source need not be there."""
        await self._copy.start()
        if self._filling is not None:
            await self._filling.start()

    async def stop(self) -> None:
        """Close the copy; safe to call twice."""
        if self._filling is not None:
            await self._filling.stop()
        await self._copy.stop()

    async def health(self) -> str | None:
        """What is wrong with the copy: it is not complete, or too old."""
        if not self._copy.is_complete:
            return "there is no complete copy of the directory yet"
        age = self._reactor.seconds() - self._copy.state().confirmed
        if age <= self._options.old_after:
            return None
        reason = f": {self._filling.trouble}" if self._filling is not None and self._filling.trouble else ""
        return f"the copy of the directory is {age:.0f} seconds old{reason}"

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains? (see `IDirectory.is_local`)"""
        return await self.domain(domain) is not None

    async def domain(self, name: str) -> Domain | None:
        """What is known of a domain (see `IDirectory.domain`)."""
        if not self._copy.is_complete:
            return cast("Domain | None", await self._source.domain(name))
        COPY_LOOKUPS.inc()
        key = comparable_domain(name)
        return self._read(lambda connection: domain_txn(connection, key))

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What an address is (see `IDirectory.lookup`)."""
        if not self._copy.is_complete:
            return cast("Account | Alias | None", await self._source.lookup(address))
        COPY_LOOKUPS.inc()
        name = name_of(address)
        return self._read(lambda connection: account_txn(connection, name) or alias_txn(connection, name))

    async def account(self, name: str) -> Account | None:
        """An account (see `IDirectory.account`)."""
        if not self._copy.is_complete:
            return cast("Account | None", await self._source.account(name))
        COPY_LOOKUPS.inc()
        key = comparable_name(name)
        return self._read(lambda connection: account_txn(connection, key))

    async def credential(self, name: str) -> Credential | None:
        """What a password is checked against (see `ICredentialSource.credential`)."""
        if not self._copy.is_complete:
            return cast("Credential | None", await self._source.credential(name))
        COPY_LOOKUPS.inc()
        key = comparable_name(name)
        return self._read(lambda connection: credential_txn(connection, key))

    async def granted(self, account: str, address: Address) -> bool:
        """Was this address granted? (see `ISenderGrants.granted`)"""
        if not self._copy.is_complete:
            return bool(await self._source.granted(account, address))
        COPY_LOOKUPS.inc()
        name, subjects = comparable_name(account), subjects_of(address)
        return self._read(lambda connection: granted_txn(connection, name, subjects))

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """Keep keys in the source, from where they come back (see `IKeepKeys.keep_keys`)."""
        return self._hinted(bool(await self._source.keep_keys(name, password_hash, keys)))

    async def verify(self, name: str, password: bytes) -> bool:
        """Ask the source: a copy has nothing to compare with (see `IVerifyPasswords.verify`)."""
        return bool(await self._source.verify(name, password))

    async def keep_hash(self, name: str, password_hash: str, new_hash: str) -> bool:
        """Keep a better hash in the source, from where it comes back (see `IKeepHash.keep_hash`)."""
        return self._hinted(bool(await self._source.keep_hash(name, password_hash, new_hash)))

    # What follows the copy follows the source.

    async def version(self) -> str:
        """Where the copy is (see `IDirectoryFeed.version`)."""
        epoch, _, newest = await self._copy.database.read(versions_txn)
        return f"{epoch}:{newest}"

    async def entries(self, after: Key | None = None, limit: int = 1000) -> Sequence[Entry]:
        """The next entries of the copy (see `IDirectoryFeed.entries`)."""
        return await self._copy.database.read(lambda connection: entries_txn(connection, after, limit))

    async def changes(self, since: str, limit: int = 1000) -> Batch | None:
        """What is new in the copy (see `IDirectoryFeed.changes`)."""
        return await self._copy.database.read(lambda connection: batch_txn(connection, since, limit))

    def listen(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call back when the copy has changed (see `IDirectoryFeed.listen`); in the process that fills it."""
        self._hints.append(hint)
        return lambda: self._hints.remove(hint)

    def _changed(self) -> None:
        for hint in list(self._hints):
            hint()

    def _hinted(self, kept: bool) -> bool:
        if kept and self._filling is not None:
            self._filling.hint()
        return kept
