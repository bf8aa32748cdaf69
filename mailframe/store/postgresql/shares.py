"""In whose accounts somebody has rights, as the database says that all nodes share.

There is no index to be kept up to date: the rights themselves lie in the same database, so what one node gives is
known to all others at once, and nothing can be known too little of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from mailframe.database.lanes import DirectLane, Lane, each
from mailframe.database.postgres_session import Session
from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.store.reactor import Reactor
from mailframe.store.sharing.rights import ANYONE
from mailframe.store.sharing.shares import OWNERS_LIMIT

_Found = Sequence[str]


class PostgresShares:
    """See `mailframe.store.sharing.shares.Shares`.

    Args:
        address: of the database, whose tables the store has made.
        reactor: for a thread with a connection of its own; made when it is first needed.
        threaded: False: all is done at once in the caller's thread.
    """

    def __init__(self, address: str, reactor: Reactor, threaded: bool = True) -> None:
        self._session = Session(address, ())
        self._lane: Lane[Callable[[], _Found], _Found] | DirectLane[Callable[[], _Found], _Found]
        if threaded:
            self._lane = Lane(reactor, each, "postgres shares", linger=0.0, finish=self._session.close)
        else:
            self._lane = DirectLane(each, finish=self._session.close)

    async def start(self) -> None:
        """Nothing: the store makes the tables."""

    async def stop(self) -> None:
        """Close the connection; safe to call twice."""
        await self._lane.stop()

    async def owners(self, user: str) -> Sequence[str]:
        """See `Shares.owners`.

        Raises:
            MailframeError: temporary.
        """
        try:
            return await self._lane.submit(lambda: self._owners_blocking(user.lower()))
        except OSError as fault:
            raise MailframeError(UNAVAILABLE, str(fault)) from fault

    async def note(self, owner: str, identifiers: Collection[str]) -> None:
        """See `Shares.note`: nothing; it was written with the rights."""

    def _owners_blocking(self, user: str) -> _Found:
        rows = self._session.rows(
            "SELECT DISTINCT account.name FROM mail_access AS access"
            " JOIN mail_accounts AS account ON account.id = access.account"
            " WHERE access.identifier IN (%s, %s) AND NOT account.removed ORDER BY account.name LIMIT %s",
            (user, ANYONE, OWNERS_LIMIT),
        )
        return [name for (name,) in rows]
