"""One database file: a committing lane that groups transactions, and a reading lane beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import apsw
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .lanes import GROUP_LIMIT, LINGER_SECONDS, WAITING_LIMIT, CallFromThread, DirectLane, Lane
from .migrations import migrate
from .sqlite import BUSY_SECONDS, Synchronous, close, open_connection, roll_back, storage_error, transaction

T = TypeVar("T")
Unit = Callable[[apsw.Connection], Any]
"""A unit of work: runs in the lane's thread, inside a transaction. May raise: its own statements are undone."""


class Database:
    """An SQLite file for one process. Other processes may have it open too.

    Args:
        path: the file; made where it is missing (its directory is not).
        room: the package whose ``migrations`` make its tables.
        reactor: None for a command without a reactor: then work is done at once in the caller's thread.
        synchronous: ``FULL`` where an answer promises stable storage.
        busy_seconds: how long another process's transaction is waited for.
        group_limit, linger, waiting_limit: as in `mailframe.database.lanes.Lane`.
    """

    def __init__(
        self,
        path: str,
        room: str,
        reactor: CallFromThread | None,
        *,
        synchronous: Synchronous = "FULL",
        busy_seconds: float = BUSY_SECONDS,
        group_limit: int = GROUP_LIMIT,
        linger: float = LINGER_SECONDS,
        waiting_limit: int = WAITING_LIMIT,
    ) -> None:
        self.path = path
        self._room = room
        self._synchronous: Synchronous = synchronous
        self._busy_seconds = busy_seconds
        self._writer: apsw.Connection | None = None
        self._reader: apsw.Connection | None = None
        self._writing: Lane[Unit, Any] | DirectLane[Unit, Any]
        self._reading: Lane[Unit, Any] | DirectLane[Unit, Any]
        if reactor is None:
            self._writing = DirectLane(self._write_group, self._close_writer)
            self._reading = DirectLane(self._read_group, self._close_reader)
        else:
            limits: dict[str, Any] = {"group_limit": group_limit, "waiting_limit": waiting_limit}
            self._writing = Lane(
                reactor,
                self._write_group,
                f"write {path}",
                linger=linger,
                finish=self._close_writer,
                **limits,
            )
            self._reading = Lane(
                reactor, self._read_group, f"read {path}", linger=0.0, finish=self._close_reader, **limits
            )

    def start(self) -> Deferred[None]:
        """Open and migrate the file now, so that what is wrong with it is told at start.

        Fails with `mailframe.database.sqlite.UnusableDatabase`, or a temporary `MailframeError`. Without it the
        file is opened by the first unit of work.
        """
        return self.run(lambda connection: None)

    def run(self, function: Callable[[apsw.Connection], T]) -> Deferred[T]:
        """Do a unit of work that writes; the answer comes after the commit of its group.

        Args:
            function: see `Unit`. It is called once. Faults of disk and database become temporary
                `MailframeError`; anything else it raises is passed on.
        """
        return cast("Deferred[T]", self._writing.submit(function))

    def read(self, function: Callable[[apsw.Connection], T]) -> Deferred[T]:
        """Do a unit of work that only reads; it does not wait for writers, and sees what was committed."""
        return cast("Deferred[T]", self._reading.submit(function))

    def run_blocking(self, function: Callable[[apsw.Connection], T]) -> T:
        """Do a unit of work in the caller's thread, on a connection of its own; for commands.

        Raises:
            MailframeError: temporary, for a fault of disk or database.
        """
        try:
            connection = self._open()
            try:
                outcome = _grouped(connection, [function])[0]
            finally:
                connection.close()
        except (apsw.Error, OSError) as fault:
            raise storage_error(fault) from fault
        if isinstance(outcome, Failure):
            outcome.raiseException()
        return cast(T, outcome)

    async def stop(self) -> None:
        """Finish what waits, then close the file; safe to call twice."""
        await self._writing.stop()
        await self._reading.stop()

    def _open(self) -> apsw.Connection:
        connection = open_connection(
            self.path, synchronous=self._synchronous, busy_seconds=self._busy_seconds
        )
        try:
            migrate(connection, self._room)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_group(self, units: list[Unit]) -> list[Any]:
        try:
            if self._writer is None:
                self._writer = self._open()
            return _grouped(self._writer, units)
        except (apsw.Error, OSError) as fault:
            if not isinstance(fault, (apsw.BusyError, apsw.FullError)):
                # The disk may be back, or the file another one: begin afresh with the next group.
                self._close_writer()
            return [Failure(storage_error(fault))] * len(units)

    def _read_group(self, units: list[Unit]) -> list[Any]:
        try:
            if self._reader is None:
                self._open().close()
                self._reader = open_connection(self.path, read_only=True, busy_seconds=self._busy_seconds)
        except (apsw.Error, OSError) as fault:
            return [Failure(storage_error(fault))] * len(units)
        return [_read(self._reader, unit) for unit in units]

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            close(writer)

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            close(reader)


def _read(connection: apsw.Connection, unit: Unit) -> Any:
    """One unit in a transaction of its own, so that all it reads is of one moment."""
    try:
        connection.execute("BEGIN")
        return unit(connection)
    except Exception as fault:
        return Failure(storage_error(fault))
    finally:
        roll_back(connection)


def _grouped(connection: apsw.Connection, units: list[Unit]) -> list[Any]:
    """All units in one transaction; one that raises is undone alone.

    Raises:
        apsw.Error: the transaction as a whole failed, and with it every unit.
    """
    with transaction(connection):
        return [_one(connection, unit) for unit in units]


def _one(connection: apsw.Connection, unit: Unit) -> Any:
    connection.execute("SAVEPOINT unit")
    try:
        outcome = unit(connection)
    except Exception as fault:
        if not connection.in_transaction:
            # After some faults (a full disk) SQLite has undone the whole transaction: the others failed too.
            if isinstance(fault, apsw.Error):
                raise
            raise apsw.AbortError("the transaction ended inside a unit of work") from fault
        connection.execute("ROLLBACK TO unit")
        outcome = Failure(storage_error(fault))
    connection.execute("RELEASE unit")
    return outcome
