"""PostgreSQL as the house uses it: a few threads with a connection each, and faults told as `MailframeError`.

A unit of work is a function of a connection and runs in a transaction of its own; the server itself writes the
commits of several connections to its log together. psycopg 3 is used in its plain, blocking form: that needs no
special reactor. A database that is away is a temporary fault, and the next unit of work tries to connect again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import psycopg
from psycopg import errors
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailframe.message.status import STORAGE_FULL, UNAVAILABLE, MailframeError

from .lanes import CallFromThread, DirectLane, Lane
from .postgres_migrations import migrate

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]
Unit = Callable[[Connection], Any]
"""A unit of work: runs in a pool thread, inside a transaction. It may be called again when the transaction failed,
so it must have no effects but those in the database."""

CONNECT_SECONDS: Final = 5
"""How long a connection may take to be made."""
STATEMENT_SECONDS: Final = 60
"""How long one statement may take, waiting for locks included."""
_ATTEMPTS: Final = 5
_FULL: Final = (errors.DiskFull, errors.OutOfMemory)
_AGAIN: Final = (errors.SerializationFailure, errors.DeadlockDetected)


class InDoubt(MailframeError):
    """The connection was lost while a transaction was committed: nobody here knows whether it was."""


class PostgresDatabase:
    """One PostgreSQL database for one process.

    Args:
        address: a connection string of libpq (``host=... dbname=...`` or ``postgresql://``). It may hold a password,
            so it is never logged.
        room: the package whose ``migrations`` make its tables.
        reactor: None for a command without a reactor: then work is done at once in the caller's thread.
        connections: how many transactions may be under way at a time.
        waiting_limit: most units that may wait for one connection.
    """

    def __init__(
        self,
        address: str,
        room: str,
        reactor: CallFromThread | None,
        *,
        connections: int = 4,
        waiting_limit: int = 2000,
    ) -> None:
        self.address = address
        self._seats = [_Seat(address, room) for _ in range(connections if reactor is not None else 1)]
        self._lanes: list[Lane[Unit, Any] | DirectLane[Unit, Any]] = []
        for number, seat in enumerate(self._seats):
            if reactor is None:
                self._lanes.append(DirectLane(seat.perform, seat.leave))
                continue
            lane: Lane[Unit, Any] = Lane(
                reactor,
                seat.perform,
                f"postgres {number}",
                group_limit=1,  # no unit waits for the round trips of another
                linger=0.0,
                waiting_limit=waiting_limit,
                finish=seat.leave,
            )
            self._lanes.append(lane)

    def start(self) -> Deferred[None]:
        """Connect and bring the tables up to date.

        Fails with `mailframe.database.sqlite.UnusableDatabase`, or a temporary `MailframeError`.
        """
        return self.run(lambda connection: None)

    def run(self, function: Callable[[Connection], T]) -> Deferred[T]:
        """Do a unit of work; the answer comes after its commit.

        Args:
            function: see `Unit`. Faults of the database become temporary `MailframeError` (`InDoubt` where it may
                have been committed); anything else it raises is passed on.
        """
        lane = min(self._lanes, key=lambda lane: lane.waiting)
        return cast("Deferred[T]", lane.submit(function))

    async def stop(self) -> None:
        """Finish what waits, then close all connections; safe to call twice."""
        for lane in self._lanes:
            await lane.stop()


class _Seat:
    """One connection, for one thread; made when it is needed."""

    def __init__(self, address: str, room: str) -> None:
        self._address = address
        self._room = room
        self._connection: Connection | None = None

    def perform(self, units: list[Unit]) -> list[Any]:
        """Do units, each in a transaction of its own."""
        return [self._answer(unit) for unit in units]

    def leave(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _answer(self, unit: Unit) -> Any:
        try:
            return self._again(unit)
        except psycopg.Error as fault:
            return Failure(database_error(fault))
        except Exception:
            return Failure()

    def _again(self, unit: Unit) -> Any:
        """Do a unit once more where it lost against another transaction, or its connection had died before."""
        attempt = 0
        while True:
            attempt += 1
            used = self._connection is not None
            try:
                return self._once(unit)
            except _AGAIN:
                if attempt >= _ATTEMPTS:
                    raise
                time.sleep(0.005 * attempt)
            except psycopg.OperationalError:
                # A server that was started again leaves connections that are only found dead when they are used.
                if not used or self._connection is not None or attempt >= _ATTEMPTS:
                    raise

    def _once(self, unit: Unit) -> Any:
        connection = self._connection
        if connection is None:
            connection = self._connection = connect(self._address)
            try:
                migrate(connection, self._room)
            except BaseException:
                self.leave()
                raise
        try:
            outcome = unit(connection)
        except BaseException:
            self._roll_back(connection)
            raise
        try:
            connection.commit()
        except psycopg.Error as fault:
            lost = connection.broken or connection.closed
            self._roll_back(connection)
            if lost:
                raise InDoubt(UNAVAILABLE, f"{type(fault).__name__} at the commit: {fault}") from fault
            raise
        return outcome

    def _roll_back(self, connection: Connection) -> None:
        try:
            connection.rollback()
        except psycopg.Error:
            self.leave()
        if connection.closed or connection.broken:
            self.leave()


def connect(address: str) -> Connection:
    """Make a connection. Blocks, for `CONNECT_SECONDS` at most an address of the server's.

    Raises:
        psycopg.Error: it cannot be made.
    """
    connection = psycopg.connect(
        address,
        connect_timeout=CONNECT_SECONDS,
        application_name="mailframe",
        # A server that vanished without a word is found dead within a minute.
        keepalives_idle=20,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=30_000,
    )
    connection.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
    # Whatever the server's usual setting is: a commit is on its stable storage before it is answered.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()
    return connection


def database_error(fault: psycopg.Error) -> MailframeError:
    """A fault of the database as what a peer is told: always temporary, mail is not lost because a server is away."""
    status = STORAGE_FULL if isinstance(fault, _FULL) else UNAVAILABLE
    error = MailframeError(status, f"{type(fault).__name__}: {fault}")
    error.__cause__ = fault
    return error
