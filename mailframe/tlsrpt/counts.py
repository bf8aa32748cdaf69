"""What was counted, in a file that all workers share; and which report is whose turn."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import apsw

from mailframe.database.file import Database

from .values import Kind, end_of

ROOM = "mailframe.tlsrpt"
ROWS_LIMIT = 500
"""Rows of one domain and day; then failures are told apart by their type only."""
LEASE_SECONDS = 900.0
"""A report that was taken is another's turn after this; so long a worker may be sending it."""
RETRY_SECONDS = 600.0
ATTEMPTS_LIMIT = 8
"""Tries at 10, 20, 40 minutes and so on: some 21 hours. RFC 8460 section 5.3 wants them within a day."""

_INSERT = "INSERT INTO counted VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INCREASE = (
    "UPDATE counted SET sessions = sessions + ? WHERE day = ? AND domain = ? AND type = ? AND policy_domain = ?"
    " AND text = ? AND result = ? AND reason = ? AND address = ? AND source = ? AND host = ? AND helo = ?"
)


@dataclass(frozen=True, slots=True)
class Due:
    """A report to send: of which ``day``, for which ``domain``, tried how often before (``attempts``)."""

    day: str
    domain: str
    attempts: int


class Counts:
    """The file.

    Args:
        database: opened with the room `ROOM`; its owner starts and stops it.
        spread: seconds after a day's end within which its reports are first tried.
        rows_limit: rows of one domain and day.
    """

    def __init__(self, database: Database, spread: float = 4 * 3600.0, rows_limit: int = ROWS_LIMIT) -> None:
        self._database = database
        self._spread = spread
        self._rows_limit = rows_limit

    async def add(self, sessions: Mapping[Kind, int]) -> None:
        """Add what was counted in memory.

        Raises:
            MailframeError: nothing was added.
        """
        await self._database.run(lambda connection: self._add_txn(connection, sessions))

    async def take(self, now: float, limit: int) -> Sequence[Due]:
        """Reports to send now; nobody else gets them before `LEASE_SECONDS` are over."""
        return await self._database.run(lambda connection: _take_txn(connection, now, limit))

    async def of(self, due: Due) -> Mapping[Kind, int]:
        """What one report tells."""
        return await self._database.read(lambda connection: _of_txn(connection, due))

    async def done(self, due: Due) -> None:
        """Forget a report: it was sent, or nobody wants it."""
        await self._database.run(lambda connection: _done_txn(connection, due))

    async def failed(self, due: Due, now: float) -> bool:
        """It could not be sent: try again later.

        Returns:
            False when it was given up.
        """
        if due.attempts + 1 >= ATTEMPTS_LIMIT:
            await self.done(due)
            return False
        later = now + RETRY_SECONDS * 2**due.attempts
        await self._database.run(
            lambda connection: connection.execute(
                "UPDATE report SET next = ?, attempts = ? WHERE day = ? AND domain = ?",
                (later, due.attempts + 1, due.day, due.domain),
            )
        )
        return True

    def _add_txn(self, connection: apsw.Connection, sessions: Mapping[Kind, int]) -> None:
        for kind, count in sessions.items():
            if not _increase(connection, kind, count):
                self._insert(connection, kind, count)

    def _insert(self, connection: apsw.Connection, kind: Kind, count: int) -> None:
        rows = connection.execute(
            "SELECT count(*) FROM counted WHERE day = ? AND domain = ?", (kind.day, kind.domain)
        ).fetchone()
        if rows is not None and rows[0] >= self._rows_limit:
            # A domain with many hosts and many faults must not fill the disk.
            kind = replace(
                kind, policy_domain=kind.domain, text=(), reason="", address="", source="", host="", helo=""
            )
            if _increase(connection, kind, count):
                return
        connection.execute(_INSERT, (*_row(kind), count))
        connection.execute(
            "INSERT OR IGNORE INTO report (day, domain, next) VALUES (?, ?, ?)",
            (kind.day, kind.domain, end_of(kind.day) + self._moment(kind)),
        )

    def _moment(self, kind: Kind) -> float:
        """When after the day's end: each domain at another moment (RFC 8460 section 4.1), each day the same."""
        # Counts that are in memory yet are to arrive first.
        return 60.0 + self._spread * (zlib.crc32(kind.domain.encode()) / 2**32)


def _row(kind: Kind) -> tuple[str, ...]:
    return tuple(json.dumps(value) if isinstance(value, tuple) else value for value in astuple(kind))


def _increase(connection: apsw.Connection, kind: Kind, count: int) -> bool:
    connection.execute(_INCREASE, (count, *_row(kind)))
    return connection.changes() > 0


def _take_txn(connection: apsw.Connection, now: float, limit: int) -> list[Due]:
    rows: list[tuple[Any, ...]] = connection.execute(
        "UPDATE report SET next = ? WHERE (day, domain) IN"
        " (SELECT day, domain FROM report WHERE next <= ? ORDER BY next LIMIT ?) RETURNING day, domain, attempts",
        (now + LEASE_SECONDS, now, limit),
    ).fetchall()
    return [Due(*row) for row in rows]


def _of_txn(connection: apsw.Connection, due: Due) -> dict[Kind, int]:
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT * FROM counted WHERE day = ? AND domain = ? ORDER BY type, policy_domain, text, result, reason",
        (due.day, due.domain),
    ).fetchall()
    return {_kind(*row[:-1]): row[-1] for row in rows}


def _kind(day: str, domain: str, type: str, policy_domain: str, text: str, *failure: str) -> Kind:
    return Kind(day, domain, type, policy_domain, tuple(json.loads(text)), *failure)


def _done_txn(connection: apsw.Connection, due: Due) -> None:
    connection.execute("DELETE FROM counted WHERE day = ? AND domain = ?", (due.day, due.domain))
    connection.execute("DELETE FROM report WHERE day = ? AND domain = ?", (due.day, due.domain))
