"""The spool in a PostgreSQL database."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from zope.interface import implementer

from mailframe.database.postgres import Connection, InDoubt, PostgresDatabase
from mailframe.database.postgres_listening import Listening, ListeningReactor
from mailframe.message.content import Content
from mailframe.message.status import MailframeError, Status
from mailframe.queue.interfaces import ISpool, ISpoolRecords, IWakes
from mailframe.queue.values import (
    Change,
    Claim,
    ClaimRequest,
    Closed,
    Conclusion,
    Listed,
    NewMessage,
    Place,
    Selection,
    State,
    Usage,
)

from . import adding, bodies, claiming, concluding, destinations, leases, records

T = TypeVar("T")
ROOM: Final = "mailframe.queue.spool.postgresql"
COUNT_SECONDS: Final = 5.0
"""How old a count of all recipients may be."""
_MOST_IN_DOUBT: Final = 10_000


@implementer(ISpool, ISpoolRecords, IWakes)
class PostgreSQLSpool:
    """A queue that all nodes share which use the same database.

    Args:
        address: of the database; see `mailframe.database.postgres.PostgresDatabase`.
        reactor: None for a command: everything is done at once, and nobody is woken.
        seconds: the time of day.
        connections: how many transactions may be under way at a time.
        lease_seconds: what leases end by; None: the database's clock, which is the same for all nodes.
    """

    def __init__(
        self,
        address: str,
        reactor: ListeningReactor | None,
        seconds: Callable[[], float] = time.time,
        *,
        connections: int = 4,
        lease_seconds: Callable[[], float] | None = None,
    ) -> None:
        self.database = PostgresDatabase(address, ROOM, reactor, connections=connections)
        self._seconds = seconds
        self._lease_seconds = lease_seconds
        self._watchers: list[Callable[[], None]] = []
        self._listening: Listening | None = None
        if reactor is not None:
            self._listening = Listening(address, destinations.CHANNEL, reactor, self._changed)
        self._in_doubt: deque[str] = deque(maxlen=_MOST_IN_DOUBT)
        self._counted: tuple[float, Usage] | None = None

    async def start(self) -> None:
        """Connect, and make or update the tables (see `ISpool.start`)."""
        await self.database.start()
        if self._listening is not None:
            self._listening.start()

    async def stop(self) -> None:
        """Finish what waits and close all connections (see `ISpool.stop`)."""
        if self._listening is not None:
            await self._listening.stop()
        await self.database.stop()

    def watch(self, changed: Callable[[], None]) -> None:
        """Have a function called when others may have changed the queue (see `IWakes.watch`)."""
        self._watchers.append(changed)

    # Runners.

    async def enlist(self, seconds: float) -> str:
        """Become a runner (see `ISpool.enlist`)."""
        now = self._lease_now()
        return await self._run(lambda connection: leases.enlist_txn(connection, seconds, now))

    async def renew(self, runner: str, seconds: float) -> bool:
        """Have the lease for longer (see `ISpool.renew`)."""
        now, doubtful = self._lease_now(), list(self._in_doubt)

        def renew_txn(connection: Connection) -> bool:
            for queue_id in doubtful:
                adding.remove_txn(connection, queue_id)
            return leases.renew_txn(connection, runner, seconds, now)

        renewed = await self._run(renew_txn)
        for _ in doubtful:
            self._in_doubt.popleft()
        return renewed

    async def discharge(self, runner: str) -> None:
        """End a lease (see `ISpool.discharge`)."""
        now = self._seconds()
        await self._run(lambda connection: leases.discharge_txn(connection, runner, now))

    async def take_over(self) -> int:
        """Make due what belongs to runners that are gone (see `ISpool.take_over`)."""
        now, lease_now = self._seconds(), self._lease_now()
        return await self._run(lambda connection: leases.take_over_txn(connection, now, lease_now))

    # Messages.

    async def add(self, message: NewMessage, runner: str | None = None) -> None:
        """Keep a message durably (see `ISpool.add`).

        Where the connection is lost in the middle of a commit, it is done again: a message that is there already
        stays as it is. Where that cannot be done either, whoever sent it keeps it, and what may be here is removed
        with the next renewal of the lease.
        """

        def add_txn(connection: Connection) -> None:
            adding.add_txn(connection, message, runner)

        try:
            await self._run(add_txn)
        except InDoubt:
            try:
                await self._run(add_txn)
            except MailframeError:
                self._in_doubt.append(message.message.queue_id)
                raise

    async def content(self, queue_id: str) -> Content:
        """The octets of a message (see `ISpool.content`)."""
        return await self._run(lambda connection: bodies.read_txn(connection, queue_id))

    async def claim(self, runner: str, request: ClaimRequest) -> Sequence[Claim]:
        """Have recipients that are due (see `ISpool.claim`)."""
        now = self._seconds()
        return await self._run(lambda connection: claiming.claim_txn(connection, runner, request, now))

    async def claim_for_review(self, runner: str, messages: int) -> Sequence[Claim]:
        """Have recipients whose review has come (see `ISpool.claim_for_review`)."""
        now = self._seconds()
        return await self._run(lambda connection: claiming.review_txn(connection, runner, messages, now))

    async def next_due(self) -> float | None:
        """When there will be something to do (see `ISpool.next_due`)."""
        return await self._run(destinations.next_due_txn)

    async def conclude(self, runner: str, conclusion: Conclusion) -> bool:
        """Write down what became of recipients (see `ISpool.conclude`)."""
        return await self._run(lambda connection: concluding.conclude_txn(connection, runner, conclusion))

    # Destinations.

    async def close(self, closed: Closed) -> None:
        """Attempt nothing there for a while (see `ISpool.close`)."""
        await self._run(lambda connection: destinations.close_txn(connection, closed))

    async def open(self, place: Place) -> None:
        """It answers again (see `ISpool.open`)."""
        await self._run(lambda connection: destinations.open_txn(connection, place))

    async def closed(self) -> Sequence[Closed]:
        """All closed places (see `ISpool.closed`)."""
        now = self._seconds()
        return await self._run(lambda connection: destinations.closed_txn(connection, now))

    # Room.

    async def usage(self) -> Usage:
        """How full it is, not older than `COUNT_SECONDS` (see `ISpool.usage`)."""
        now = self._seconds()
        if self._counted is None or not 0 <= now - self._counted[0] < COUNT_SECONDS:
            self._counted = (now, await self._run(_usage_txn))
        return self._counted[1]

    async def used_by(self, account: str) -> tuple[int, int]:
        """What an account has here (see `ISpool.used_by`)."""
        return await self._run(lambda connection: adding.used_txn(connection, account))

    # Records.

    async def listing(self, selection: Selection, after: str = "", limit: int = 500) -> Sequence[Listed]:
        """A page of messages (see `ISpoolRecords.listing`)."""
        return await self._run(lambda connection: records.listing_txn(connection, selection, after, limit))

    async def find(self, queue_id: str) -> Listed | None:
        """One message (see `ISpoolRecords.find`)."""
        return await self._run(lambda connection: records.find_txn(connection, queue_id))

    async def change(
        self, change: Change, queue_id: str, numbers: Sequence[int], status: Status | None = None
    ) -> int:
        """Change recipients of one message (see `ISpoolRecords.change`)."""
        (count,) = await self.change_all(change, [(queue_id, numbers)], status)
        return count

    async def change_all(
        self, change: Change, messages: Sequence[tuple[str, Sequence[int]]], status: Status | None = None
    ) -> Sequence[int]:
        """Change recipients of many messages (see `ISpoolRecords.change_all`)."""
        now = self._seconds()
        return await self._run(
            lambda connection: [records.change_txn(connection, change, *one, status, now) for one in messages]
        )

    async def flush(self, destination: str | None = None, queue: str | None = None) -> int:
        """All that waits is due now (see `ISpoolRecords.flush`)."""
        now, count = self._seconds(), 0
        await self._run(lambda connection: records.open_all_txn(connection, destination, queue))
        after: tuple[str, int] | None = ("", -1)
        while after is not None:
            some, after = await self._flush_some(destination, queue, now, after)
            count += some
        return count

    async def _flush_some(
        self, destination: str | None, queue: str | None, now: float, after: tuple[str, int]
    ) -> tuple[int, tuple[str, int] | None]:
        return await self._run(
            lambda connection: records.flush_txn(connection, destination, queue, now, after)
        )

    def _run(self, function: Callable[[Connection], T]) -> Awaitable[T]:
        return self.database.run(function)

    def _lease_now(self) -> float | None:
        return None if self._lease_seconds is None else self._lease_seconds()

    def _changed(self) -> None:
        for watcher in self._watchers:
            watcher()


def _usage_txn(connection: Connection) -> Usage:
    row = connection.execute(
        "SELECT coalesce(sum(messages), 0)::bigint, coalesce(sum(octets), 0)::bigint,"
        " (SELECT min(arrived) FROM spool_message) FROM spool_share"
    ).fetchone()
    assert row is not None
    counts = connection.execute("SELECT queue, state, count(*) FROM spool_recipient GROUP BY 1, 2").fetchall()
    return Usage(row[0], row[1], {(queue, State(state)): count for queue, state, count in counts}, row[2])
