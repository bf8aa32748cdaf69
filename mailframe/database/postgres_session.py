"""One connection to PostgreSQL for one thread that does transactions of its own, and that heals by itself.

Where `mailframe.database.postgres` runs units of work, this is for code that begins and ends its transactions where
it must. Statements outside of them stand alone, and are tried once more on a new connection where the old one turns
out to be dead; within a transaction a lost connection is a fault, and the transaction is lost.

Commits are not flushed one by one: the server's log takes them in order, so one flush at the end makes all of them
last (`Session.flush`). What is not flushed that way, the server flushes by itself within a second.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, LiteralString, TypeVar, cast

import psycopg
from psycopg import errors, sql

from .postgres import Connection, connect
from .postgres_migrations import migrate, unlike
from .postgres_start import start_of
from .sqlite import UnusableDatabase

T = TypeVar("T")
Row = tuple[Any, ...]

LOCK_SECONDS: Final = 20
"""How long a transaction waits for another one's lock."""
IDLE_SECONDS: Final = 120
"""A transaction in which nothing is asked for so long is ended by the server: its thread hangs, and others wait."""

_FULL: Final = (errors.DiskFull, errors.OutOfMemory)
_MISTAKES: Final = (
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.NotSupportedError,
)


class DatabaseFault(OSError):
    """The database cannot be reached, or cannot do its work now: a fault like one of a disk, and as temporary."""


class Session:
    """A connection, made when it is needed and made again when it was lost.

    Args:
        address: as for `mailframe.database.postgres.PostgresDatabase`.
        rooms: packages whose ``migrations`` the database must have.

    Attributes:
        started: under which start of the server this is (`mailframe.database.postgres_start`); another value means
            that commits which were not flushed may be lost. '' before the first connection, and without rooms.
    """

    def __init__(self, address: str, rooms: Sequence[str]) -> None:
        self._address = address
        self._rooms = rooms
        self._connection: Connection | None = None
        self._level = b"on"
        self._open = False
        self._unflushed: str | None = None
        self.started = ""

    # Statements.

    def rows(self, query: LiteralString, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of an answer."""
        return self._do(lambda connection: _asked(connection, query, values).fetchall())

    def row(self, query: LiteralString, values: Sequence[Any] = ()) -> Row | None:
        """The first row of an answer."""
        return self._do(lambda connection: _asked(connection, query, values).fetchone())

    def run(self, query: LiteralString, values: Sequence[Any] = ()) -> int:
        """Do something; how many rows it was done to. Outside of a transaction it may be done twice."""
        count = self._do(lambda connection: _asked(connection, query, values).rowcount)
        if not self._open:
            self._unflushed = self.started
        return count

    def copy(self, table: LiteralString, columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
        """Put many rows into a table; in a transaction."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)

        def put(connection: Connection) -> None:
            with connection.cursor() as cursor, cursor.copy(statement) as copying:
                for row in rows:
                    copying.write_row(row)

        self._do(put)

    # Transactions.

    @property
    def in_transaction(self) -> bool:
        """Is a transaction open? It is even when its connection was lost, until `roll_back`."""
        return self._open

    def begin(self, lock: LiteralString = "", values: Sequence[Any] = ()) -> Row | None:
        """Begin a transaction that writes.

        Args:
            lock: what it begins with, so that others wait; its first row is the answer.
        """
        self._begin(b"BEGIN ISOLATION LEVEL READ COMMITTED")
        return self.row(lock, values) if lock else None

    def begin_reading(self) -> None:
        """Begin a transaction in which all that is read is of one moment."""
        self._begin(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self, durable: bool = False) -> None:
        """End it.

        Args:
            durable: it is on stable storage afterwards, and so is all that was committed before.

        Raises:
            DatabaseFault: it may have been committed all the same, where the connection was lost just then.
        """
        if durable:
            self._simply(b"SET LOCAL synchronous_commit TO " + self._level + b"; COMMIT")
            self._unflushed = None
        else:
            self._simply(b"COMMIT")
            self._unflushed = self.started
        self._open = False

    def roll_back(self) -> None:
        """Undo what was done since `begin`; harmless when there is nothing."""
        if not self._open:
            return
        self._open = False
        connection = self._connection
        if connection is not None:
            try:
                connection.execute(b"ROLLBACK")
            except psycopg.Error:
                self.close()

    def flush(self) -> None:
        """Put on stable storage what was committed here.

        Raises:
            DatabaseFault: it could not be done, or the server was started anew since, and what was committed may be
                lost.
        """
        before, self._unflushed = self._unflushed, None
        if before is None:
            return
        try:
            self._simply(
                b"BEGIN; SET LOCAL synchronous_commit TO " + self._level + b";"
                # Something for the log, so that there is something to wait for.
                b"SELECT pg_logical_emit_message(true, 'mailframe', ''); COMMIT"
            )
        except DatabaseFault:
            self._unflushed = before
            raise
        if self.started != before:
            raise DatabaseFault(errno.EIO, "the database server was started again before it had flushed")

    def close(self) -> None:
        """Close the connection; twice is fine, and it is made again when it is needed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # Inside.

    def _begin(self, statement: bytes) -> None:
        if self._open:
            raise RuntimeError("a transaction is open already")
        self._simply(statement)
        self._open = True

    def _simply(self, statement: bytes) -> None:
        """Statements without values, several at a time, in one message to the server."""
        self._do(lambda connection: connection.execute(statement))

    def _do(self, work: Callable[[Connection], T]) -> T:
        again = self._connection is not None and not self._open
        while True:
            try:
                return work(self._connected())
            except psycopg.Error as fault:
                # A server that was started again leaves connections that are only found dead when they are used.
                if self._lost() and again:
                    again = False
                    continue
                if isinstance(fault, _MISTAKES) and not isinstance(fault, errors.InsufficientPrivilege):
                    raise
                raise database_fault(fault) from fault

    def _lost(self) -> bool:
        connection = self._connection
        if connection is not None and (connection.broken or connection.closed):
            self.close()
        return self._connection is None

    def _connected(self) -> Connection:
        if self._connection is None:
            if self._open:
                raise DatabaseFault(errno.ENOTCONN, "the connection was lost in the middle of a transaction")
            connection = connect(self._address)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: Connection) -> None:
        encoding, level = cast(
            Row,
            connection.execute(
                "SELECT current_setting('server_encoding'), current_setting('synchronous_commit')"
            ).fetchone(),
        )
        connection.rollback()
        if encoding != "UTF8":
            raise UnusableDatabase(
                f"the PostgreSQL database keeps text as {encoding}; make one with ENCODING 'UTF8'"
            )
        for room in unlike(connection, self._rooms) if self._rooms else ():
            migrate(connection, room)
        started = start_of(connection) if self._rooms else ""
        connection.autocommit = True
        connection.execute(
            f"SET synchronous_commit TO off; SET lock_timeout TO '{LOCK_SECONDS}s';"
            f"SET idle_in_transaction_session_timeout TO '{IDLE_SECONDS}s'".encode()
        )
        self._level = level.encode()
        self.started = started


def database_fault(fault: psycopg.Error) -> DatabaseFault:
    """A fault of the database, as one of a disk."""
    number = errno.ENOSPC if isinstance(fault, _FULL) else errno.EIO
    return DatabaseFault(number, f"{type(fault).__name__}: {fault}")


def _asked(connection: Connection, query: LiteralString, values: Sequence[Any]) -> psycopg.Cursor[Row]:
    # Binary: numbers and octets come as they are.
    return connection.cursor(binary=True).execute(query, values or None)
