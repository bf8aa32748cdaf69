"""The directory in an SQLite file: the default. Commands change it, services look things up in it.

Lookups run in the file's reading thread. Their answers are remembered; half a second after the last look at the
file the next question goes to it again, and brings along SQLite's ``data_version``, which differs when any other
connection has committed: then everything remembered is forgotten. So a busy exchanger answers from memory, and yet
``mailframe account remove`` in another process is seen within a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import apsw
from twisted.internet.interfaces import IReactorFromThreads
from zope.interface import implementer

from mailframe.database.file import Database
from mailframe.database.lanes import CallFromThread
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .administration import (
    SQLiteAdministration,
    account_txn,
    alias_txn,
    credential_txn,
    is_domain_txn,
    keep_keys_txn,
)
from .answers import MISSING, Answers
from .grants import SQLiteGrants, granted_txn, subjects_of
from .interfaces import (
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IGrantAdmin,
    IKeepKeys,
    ISenderGrants,
)
from .metrics import LOOKUP_ASKED, LOOKUP_CACHED, LOOKUP_FAILED
from .names import checked_keys, comparable_domain, comparable_name, name_of
from .options import SQLiteOptions
from .values import Account, Alias, Credential

ROOM = "mailframe.directory"
TRUSTED_SECONDS = 0.5
"""How long remembered answers are given without a look at the file."""


@implementer(IDirectory, IDirectoryAdmin, ICredentialSource, IKeepKeys, ISenderGrants, IGrantAdmin)
class SQLiteDirectory(SQLiteAdministration, SQLiteGrants):
    """Domains, accounts and aliases in one file.

    Args:
        path: the file; made where it is missing.
        reactor: None for a command without a reactor: then lookups are done at once.
        options: bounds of what is remembered; its ``path`` is not looked at.
        seconds: a clock that never goes back.
    """

    def __init__(
        self,
        path: str,
        reactor: IReactorFromThreads | None,
        options: SQLiteOptions | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(Database(path, ROOM, cast(CallFromThread | None, reactor)))
        options = options or SQLiteOptions()
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
        name = comparable_domain(domain)
        return bool(await self._answer(("domain", name), lambda c: is_domain_txn(c, name)))

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
        return await self._database.run(lambda c: keep_keys_txn(c, key, password_hash, checked))

    async def granted(self, account: str, address: Address) -> bool:
        """Has the account a grant for this address or its domain?"""
        name, subjects = comparable_name(account), subjects_of(address)
        key = (f"grant {name}", subjects[0])
        return bool(await self._answer(key, lambda c: granted_txn(c, name, subjects)))

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
    found = account_txn(connection, name)
    return found[0] if found is not None else alias_txn(connection, name)
