"""The spool of one node: an SQLite file, and files for large contents beside it.

Adding and concluding are units of the file's committing lane, so that one flush serves all that waits
(`mailframe.database.lanes`). A claim looks at a table of places first and then takes what is due there by an index:
it costs the same whether a thousand messages wait or a million.

All workers write one file. Two processes took in and concluded 9,000 to 14,000 messages a second together, one alone
4,700 to 12,500 (``benchmarks/spool.py``, two busy cores): a file for each worker would gain nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

import apsw
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.database.file import Database
from mailframe.database.lanes import CallFromThread
from mailframe.database.sqlite import storage_error
from mailframe.message.content import Content
from mailframe.message.status import STORAGE_FULL, UNAVAILABLE, MailframeError, Status
from mailframe.queue.interfaces import ISpool, ISpoolRecords
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
    Usage,
)

from .adding import add_txn
from .claiming import claim_txn, review_txn
from .concluding import Written, conclude_txn
from .counting import Counting
from .filing import Files
from .leases import Locks, number_txn, release_txn, take_over_one_txn
from .places import close_txn, closed_txn, forget_txn, open_txn
from .records import change_txn, find_txn, flush_txn, listing_txn, open_all_txn
from .reserve import Reserve
from .rows import every, first

T = TypeVar("T")
ROOM: Final = "mailframe.queue.spool.sqlite"
ROW_LIMIT: Final = 256 * 1024
SWEPT: Final = 3600.0
"""Seconds from one sweep to the next."""
CLOSED_KEPT: Final = 7 * 86400.0
"""Seconds for which it is known that a destination once was closed, when nobody asks for it any more."""

log = Logger()


@implementer(ISpool, ISpoolRecords)
class SQLiteSpool:
    """A queue's mail in one file of one machine.

    Args:
        path: a directory; made where it is missing.
        reactor: None to do all at once in the caller's thread, for commands.
        row_limit: octets of content up to which a message lies in the file with all others.
        seconds: the time of day.
    """

    def __init__(
        self,
        path: str,
        reactor: CallFromThread | None,
        *,
        row_limit: int = ROW_LIMIT,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._seconds = seconds
        self._database = Database(os.path.join(path, "spool.sqlite"), ROOM, reactor, synchronous="FULL")
        self._files = Files(os.path.join(path, "content"), reactor, self._database, row_limit)
        self._locks = Locks(os.path.join(path, "runners"))
        self._reserve = Reserve(os.path.join(path, "reserve"))
        self._counting = Counting(self._database)
        self._numbers: dict[str, int] = {}
        self._swept = float("-inf")
        self._started = False

    async def start(self) -> None:
        """Open the file; see `ISpool.start`."""
        if self._started:
            return
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
        except OSError as error:
            raise storage_error(error) from error
        await self._database.start()
        if not self._reserve.there:
            self._reserve.make()
        self._started = True

    async def stop(self) -> None:
        """Finish what waits; see `ISpool.stop`."""
        await self._database.stop()
        await self._files.stop()
        self._locks.close()

    # Runners.

    async def enlist(self, seconds: float) -> str:
        """Become a runner; see `ISpool.enlist`."""
        try:
            name = self._locks.hold()
        except OSError as error:
            raise storage_error(error) from error
        ends = self._seconds() + seconds

        def enlist_txn(connection: apsw.Connection) -> int:
            connection.execute("INSERT INTO runner (name, ends) VALUES (?, ?)", (name, ends))
            return connection.last_insert_rowid()

        try:
            self._numbers[name] = await self._database.run(enlist_txn)
        except BaseException:
            self._locks.let_go(name)
            raise
        return name

    async def renew(self, runner: str, seconds: float) -> bool:
        """Have the lease for longer; see `ISpool.renew`."""
        ends = self._seconds() + seconds

        def renew_txn(connection: apsw.Connection) -> bool:
            connection.execute("UPDATE runner SET ends = ? WHERE name = ?", (ends, runner))
            return connection.changes() > 0

        renewed = await self._empty(renew_txn)
        if not renewed:
            self._forget(runner)
        return renewed

    async def discharge(self, runner: str) -> None:
        """End a lease; see `ISpool.discharge`."""
        now = self._seconds()

        def discharge_txn(connection: apsw.Connection) -> None:
            number = number_txn(connection, runner)
            if number is not None:
                release_txn(connection, number, now)

        await self._empty(discharge_txn)
        self._forget(runner)

    async def take_over(self) -> int:
        """Make due what the dead have, and sweep once an hour; see `ISpool.take_over`."""
        count, now = await self._take_over(), self._seconds()
        if abs(now - self._swept) >= SWEPT:
            self._swept = now
            await self.sweep()
        return count

    async def _take_over(self) -> int:
        now = self._seconds()

        def runners_txn(connection: apsw.Connection) -> list[tuple[int, str, float]]:
            return every(connection, "SELECT id, name, ends FROM runner")

        rows = await self._database.read(runners_txn)
        gone = [
            (number, self._locks.dead(name)) for number, name, ends in rows if self._is_gone(name, ends, now)
        ]
        if not gone:
            return 0

        def take_over_txn(connection: apsw.Connection) -> int:
            return sum(take_over_one_txn(connection, number, dead, now) for number, dead in gone)

        count = await self._empty(take_over_txn)
        log.info("{count} recipients of runners that are gone are due again", count=count)
        return count

    # Messages.

    async def add(self, message: NewMessage, runner: str | None = None) -> None:
        """Keep a message; see `ISpool.add`."""
        if not self._reserve.there and not self._reserve.make():
            raise MailframeError(STORAGE_FULL, f"no room is left beside {self._database.path}")
        number, filed = self._number(runner), await self._files.write([message])
        try:
            await self._database.run(lambda connection: _add_txn(connection, [message], filed, number))
        except Exception:
            await self._files.undo(filed)
            raise

    async def content(self, queue_id: str) -> Content:
        """The octets of a message; see `ISpool.content`."""

        def content_txn(connection: apsw.Connection) -> tuple[int, int, bytes | None] | None:
            return cast(
                "tuple[int, int, bytes | None] | None",
                first(
                    connection,
                    "SELECT filed, size, octets FROM message LEFT JOIN content ON message = id WHERE queue_id = ?",
                    (queue_id,),
                ),
            )

        row = await self._database.read(content_txn)
        if row is None:
            raise MailframeError(UNAVAILABLE, f"{queue_id} is not in the queue")
        filed, size, octets = row
        if filed:
            return await self._files.read(queue_id, size)
        if octets is None:
            raise MailframeError(
                UNAVAILABLE, f"the content of {queue_id} is missing in {self._database.path}"
            )
        return Content.of(octets)

    async def claim(self, runner: str, request: ClaimRequest) -> Sequence[Claim]:
        """Have what is due; see `ISpool.claim`."""
        number, now = self._number(runner), self._seconds()
        if number is None or request.messages <= 0:
            return []
        return await self._empty(lambda connection: claim_txn(connection, number, request, now))

    async def claim_for_review(self, runner: str, messages: int) -> Sequence[Claim]:
        """Have what must be looked at; see `ISpool.claim_for_review`."""
        number, now = self._number(runner), self._seconds()
        if number is None or messages <= 0:
            return []
        return await self._empty(lambda connection: review_txn(connection, number, messages, now))

    async def next_due(self) -> float | None:
        """When there will be something to do; see `ISpool.next_due`."""

        def next_due_txn(connection: apsw.Connection) -> tuple[float | None, float | None]:
            return cast(
                "tuple[float | None, float | None]",
                first(
                    connection,
                    "SELECT (SELECT min(wake) FROM place), (SELECT min(review) FROM recipient"
                    " WHERE state = 0 AND review < 9e999)",
                ),
            )

        times = [time for time in await self._database.read(next_due_txn) if time is not None]
        return min((time for time in times if time < float("inf")), default=None)

    async def conclude(self, runner: str, conclusion: Conclusion) -> bool:
        """Write down what became of a claim; see `ISpool.conclude`."""
        number, notices = self._number(runner), conclusion.notices
        filed = await self._files.write(notices)

        def written_txn(connection: apsw.Connection) -> Written:
            written = conclude_txn(connection, number, conclusion)
            if written.told:
                _add_txn(connection, notices, filed, number)
            return written

        try:
            written = await self._empty(written_txn)
        except Exception:
            await self._files.undo(filed)
            raise
        if not written.told:
            await self._files.undo(filed)
        self._remove(written.filed)
        return written.kept

    # Destinations.

    async def close(self, closed: Closed) -> None:
        """Attempt nothing there; see `ISpool.close`."""
        await self._database.run(lambda connection: close_txn(connection, closed))

    async def open(self, place: Place) -> None:
        """It answers again; see `ISpool.open`."""
        await self._database.run(lambda connection: open_txn(connection, place))

    async def closed(self) -> Sequence[Closed]:
        """Closed places; see `ISpool.closed`."""
        now = self._seconds()
        return await self._database.read(lambda connection: closed_txn(connection, now))

    # Room.

    async def usage(self) -> Usage:
        """How full it is; see `ISpool.usage`."""
        return await self._counting.usage(self._seconds())

    async def used_by(self, account: str) -> tuple[int, int]:
        """What an account has here; see `ISpool.used_by`."""
        row = await self._database.read(
            lambda connection: first(
                connection, "SELECT messages, octets FROM share WHERE account = ?", (account,)
            )
        )
        return (0, 0) if row is None else (row[0], row[1])

    # Records.

    async def listing(self, selection: Selection, after: str = "", limit: int = 500) -> Sequence[Listed]:
        """A page of messages; see `ISpoolRecords.listing`."""
        return await self._database.read(lambda connection: listing_txn(connection, selection, after, limit))

    async def find(self, queue_id: str) -> Listed | None:
        """One message; see `ISpoolRecords.find`."""
        return await self._database.read(lambda connection: find_txn(connection, queue_id))

    async def change(
        self, change: Change, queue_id: str, numbers: Sequence[int], status: Status | None = None
    ) -> int:
        """Change recipients of a message; see `ISpoolRecords.change`."""
        (count,) = await self.change_all(change, [(queue_id, numbers)], status)
        return count

    async def change_all(
        self, change: Change, messages: Sequence[tuple[str, Sequence[int]]], status: Status | None = None
    ) -> Sequence[int]:
        """Change recipients of many messages; see `ISpoolRecords.change_all`."""
        now = self._seconds()
        changed = await self._empty(
            lambda connection: [change_txn(connection, change, *one, status, now) for one in messages]
        )
        for _, filed in changed:
            self._remove(filed)
        return [count for count, _ in changed]

    async def flush(self, destination: str | None = None, queue: str | None = None) -> int:
        """All is due now; see `ISpoolRecords.flush`."""
        now, count = self._seconds(), 0
        await self._database.run(lambda connection: open_all_txn(connection, destination, queue))
        after: tuple[int, int] | None = (0, -1)
        while after is not None:
            flushed, after = await self._flush(destination, queue, now, after)
            count += flushed
        return count

    async def _flush(
        self, destination: str | None, queue: str | None, now: float, after: tuple[int, int]
    ) -> tuple[int, tuple[int, int] | None]:
        return await self._database.run(
            lambda connection: flush_txn(connection, destination, queue, now, after)
        )

    # Chores.

    async def sweep(self) -> int:
        """Throw away what is nobody's: files whose message never came to be, or is gone, and what is long over.

        Returns:
            How many files that were.

        Raises:
            MailframeError: temporary: the disk or the database has a fault.
        """
        before = self._seconds() - CLOSED_KEPT
        await self._database.run(lambda connection: forget_txn(connection, before))
        self._locks.sweep(time.time())
        return await self._files.sweep()

    async def _empty(self, unit: Callable[[apsw.Connection], T]) -> T:
        """Do what helps to empty the queue, with the last of the room if need be."""
        try:
            return await self._database.run(unit)
        except MailframeError as error:
            if error.status != STORAGE_FULL or not self._reserve.spend():
                raise
        log.warn("the disk is full: no mail is taken until there is room again at {path}", path=self.path)
        return await self._database.run(unit)

    def _is_gone(self, name: str, ends: float, now: float) -> bool:
        return ends < now or self._locks.dead(name)

    def _number(self, runner: str | None) -> int | None:
        return None if runner is None else self._numbers.get(runner)

    def _forget(self, runner: str) -> None:
        self._numbers.pop(runner, None)
        self._locks.let_go(runner)

    def _remove(self, filed: str | None) -> None:
        if filed is not None:
            self._files.remove(filed)


def _add_txn(
    connection: apsw.Connection, messages: Sequence[NewMessage], filed: frozenset[str], runner: int | None
) -> None:
    for new in messages:
        octets = None if new.message.queue_id in filed else new.mail.content.octets()
        add_txn(connection, new, octets, runner)
