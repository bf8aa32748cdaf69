"""Where queries are asked: each thread has a connection of its own, made when it is needed. All of this blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import apsw

from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .parameters import names_in, to_psycopg

ROWS_LIMIT = 10_000
"""Rows of an answer."""
Row = Mapping[str, Any]
"""Values by the names of columns, in lower case."""


class BadQuery(ValueError):
    """The database does not understand a query, whatever is asked."""


class Source(Protocol):
    """A database, for several threads."""

    def ask(self, query: str, values: Mapping[str, str]) -> Sequence[Row]:
        """The rows of an answer.

        Raises:
            MailframeError: temporary.
        """

    def columns(self, query: str) -> Sequence[str]:
        """The names of a query's columns, in lower case.

        Raises:
            BadQuery: the database does not understand it.
            MailframeError: temporary.
        """

    def close(self) -> None:
        """Close the connections."""


class SQLiteSource:
    """An SQLite file, which is only read; its journal stays as it is.

    Args:
        path: the file.
        seconds: how long a query may take.
    """

    def __init__(self, path: str, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._own = threading.local()
        self._all: list[apsw.Connection] = []

    def ask(self, query: str, values: Mapping[str, str]) -> Sequence[Row]:
        """The rows of an answer."""
        try:
            connection = self._connection()
            self._own.until = time.monotonic() + self._seconds
            cursor = connection.execute(query, dict(values))
            rows = []
            for row in cursor:
                names = [str(column[0]).lower() for column in cursor.get_description()]
                rows.append(dict(zip(names, row, strict=True)))
                if len(rows) > ROWS_LIMIT:
                    raise MailframeError(CANNOT_LOOK_UP, f"{self._path}: an answer has no end")
            return rows
        except (apsw.Error, OSError) as error:
            raise MailframeError(CANNOT_LOOK_UP, f"{self._path}: {error}") from error

    def columns(self, query: str) -> Sequence[str]:
        """The names of a query's columns."""
        try:
            connection = self._connection()
        except (apsw.Error, OSError) as error:
            raise MailframeError(CANNOT_LOOK_UP, f"{self._path}: {error}") from error
        try:
            found: list[str] = []
            self._own.until = time.monotonic() + self._seconds
            cursor = connection.cursor()

            def described(cursor: apsw.Cursor, _statement: str, _bindings: object) -> bool:
                found.extend(str(column[0]).lower() for column in cursor.get_description())
                return False

            cursor.exec_trace = described
            with_nothing = dict.fromkeys(names_in(query))
            try:
                list(cursor.execute(query, with_nothing))
            except apsw.ExecTraceAbort:
                pass
            return found
        except apsw.SQLError as error:
            raise BadQuery(str(error)) from None
        except apsw.Error as error:
            raise MailframeError(CANNOT_LOOK_UP, f"{self._path}: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        while self._all:
            self._all.pop().close()
        self._own = threading.local()

    def _connection(self) -> apsw.Connection:
        known: apsw.Connection | None = getattr(self._own, "connection", None)
        if known is None:
            known = apsw.Connection(self._path, flags=apsw.SQLITE_OPEN_READONLY)
            known.set_busy_timeout(int(self._seconds * 1000))
            own = self._own
            # Called now and then while a query runs: True ends it.
            known.set_progress_handler(lambda: time.monotonic() > getattr(own, "until", float("inf")), 10_000)
            self._own.connection = known
            self._all.append(known)
        return known


class PostgreSQLSource:
    """A PostgreSQL database; whoever is asked may only read.

    Args:
        address: as libpq takes it.
        seconds: how long a query may take.
    """

    def __init__(self, address: str, seconds: float) -> None:
        # The library need not be installed where it is not used.
        import psycopg

        self._psycopg = psycopg
        self._address = address
        self._seconds = seconds
        self._own = threading.local()
        self._all: list[Any] = []

    def ask(self, query: str, values: Mapping[str, str]) -> Sequence[Row]:
        """The rows of an answer."""
        return cast("Sequence[Row]", self._asked(to_psycopg(query), values)[1])

    def columns(self, query: str) -> Sequence[str]:
        """The names of a query's columns."""
        # The configuration's own, and the database lets us read only.
        text = f"SELECT * FROM ({query.strip().rstrip(';')}) AS asked LIMIT 0"  # noqa: S608
        try:
            return self._asked(to_psycopg(text), dict.fromkeys(names_in(query), ""))[0]
        except MailframeError as error:
            if isinstance(error.__cause__, self._psycopg.ProgrammingError):
                raise BadQuery(str(error.__cause__).splitlines()[0]) from None
            raise

    def close(self) -> None:
        """Close the connections."""
        while self._all:
            self._all.pop().close()
        self._own = threading.local()

    def _asked(self, query: str, values: Mapping[str, Any]) -> tuple[list[str], list[Row]]:
        kept = getattr(self._own, "connection", None) is not None
        while True:
            try:
                return self._once(query, values)
            except self._psycopg.Error as error:
                lost = self._drop_lost()
                if lost and kept:
                    # A server that was started again leaves connections that are only found dead when they are used.
                    kept = False
                    continue
                raise MailframeError(CANNOT_LOOK_UP, f"{type(error).__name__}: {error}") from error

    def _once(self, query: str, values: Mapping[str, Any]) -> tuple[list[str], list[Row]]:
        with self._connection().cursor() as cursor:
            cursor.execute(query, values)
            names = [column.name.lower() for column in cursor.description or ()]
            rows = cursor.fetchmany(ROWS_LIMIT + 1)
        if len(rows) > ROWS_LIMIT:
            raise MailframeError(CANNOT_LOOK_UP, "an answer has no end")
        return names, [dict(zip(names, row, strict=True)) for row in rows]

    def _connection(self) -> Any:
        known = getattr(self._own, "connection", None)
        if known is None:
            from mailframe.database.postgres import connect

            known = connect(self._address)
            known.autocommit = True
            known.execute("SET default_transaction_read_only TO on")
            known.execute(f"SET statement_timeout = '{int(self._seconds * 1000)}ms'")
            self._own.connection = known
            self._all.append(known)
        return known

    def _drop_lost(self) -> bool:
        known = getattr(self._own, "connection", None)
        if known is None:
            return True
        if not (known.broken or known.closed):
            return False
        self._own.connection = None
        self._all.remove(known)
        known.close()
        return True
