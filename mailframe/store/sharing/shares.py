"""Where somebody may have rights on a mailbox: a hint, so that not all accounts have to be asked."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Protocol, runtime_checkable

import apsw

from mailframe.database.file import Database
from mailframe.database.lanes import CallFromThread
from mailframe.store.interfaces import IMailAccount

from .rights import ANYONE

ROOM = "mailframe.store.sharing"
OWNERS_LIMIT = 10_000
"""Accounts that are looked into for one session."""
NOTES = 10
"""Times that the index is written anew because somebody else gave rights meanwhile."""


class Shares(Protocol):
    """Knows owners by who has rights in their accounts. May know too much; rights are asked of the owner."""

    def owners(self, user: str) -> Awaitable[Sequence[str]]:
        """Accounts in which this one, or anyone, has rights; sorted."""

    def note(self, owner: str, identifiers: Collection[str]) -> Awaitable[None]:
        """These, and nobody else, have rights in an account."""


async def note_account(shares: Shares, account: IMailAccount) -> None:
    """Have noted who has rights in an account.

    What another session gave meanwhile must not be overwritten with what was before.

    Raises:
        MailframeError: temporary.
    """
    identifiers = await account.identifiers()
    for _ in range(NOTES):
        await shares.note(account.name, identifiers)
        before, identifiers = identifiers, await account.identifiers()
        if identifiers == before:
            return


class KeptShares(Shares, Protocol):
    """Some that have to be started and stopped."""

    def start(self) -> Awaitable[None]:
        """Open what they are kept in.

        Fails with `UnusableDatabase`, or a temporary `MailframeError`.
        """

    def stop(self) -> Awaitable[None]:
        """Close it; safe to call twice."""


@runtime_checkable
class MakesShares(Protocol):
    """A store that knows by itself in which accounts somebody has rights: several nodes have it."""

    def shares(self) -> KeptShares:
        """What asks the store; for whoever stops it before the store."""


class MemoryShares:
    """For one process; for tests and examples."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}

    async def owners(self, user: str) -> Sequence[str]:
        """See `Shares.owners`."""
        names = {user.lower(), ANYONE}
        return sorted(owner for owner, identifiers in self._known.items() if identifiers & names)

    async def note(self, owner: str, identifiers: Collection[str]) -> None:
        """See `Shares.note`."""
        self._known[owner] = frozenset(identifiers)


class SQLiteShares:
    """In a file that all workers of a node have.

    Args:
        path: the file.
        reactor: None for commands.
    """

    def __init__(self, path: str, reactor: CallFromThread | None) -> None:
        self._database = Database(path, ROOM, reactor)

    async def start(self) -> None:
        """Open the file.

        Raises:
            UnusableDatabase: it is newer than the code.
            MailframeError: temporary.
        """
        await self._database.start()

    async def stop(self) -> None:
        """Close the file."""
        await self._database.stop()

    async def owners(self, user: str) -> Sequence[str]:
        """See `Shares.owners`."""

        def find(connection: apsw.Connection) -> list[str]:
            rows = connection.execute(
                "SELECT DISTINCT owner FROM share WHERE identifier IN (?, ?) ORDER BY owner LIMIT ?",
                (user.lower(), ANYONE, OWNERS_LIMIT),
            )
            return [owner for (owner,) in rows]

        return await self._database.read(find)

    async def note(self, owner: str, identifiers: Collection[str]) -> None:
        """See `Shares.note`."""

        def write(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM share WHERE owner = ?", (owner,))
            connection.executemany(
                "INSERT INTO share VALUES (?, ?)", [(identifier, owner) for identifier in set(identifiers)]
            )

        await self._database.run(write)
