"""Bringing the tables in a PostgreSQL database up to date: the same numbered ``.sql`` resources as for SQLite files.

What was applied is written in the table ``mailframe_migration``, a row a step. Nodes that start at the same time wait
for each other by an advisory lock of the transaction, so each step is applied once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from .migrations import migrations_of
from .sqlite import UnusableDatabase

_LOCK = 0x6D61696C  # "mail": any number will do, as long as it is always the same
_TABLE = """
CREATE TABLE IF NOT EXISTS mailframe_migration (
    room text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    applied timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room, number)
)
"""


def migrate(connection: psycopg.Connection[tuple[Any, ...]], room: str) -> int:
    """Apply what a database lacks, all in one transaction; one question when nothing is missing.

    Args:
        connection: with no transaction open; none is open afterwards.
        room: the package whose ``migrations`` are meant.

    Returns:
        The version before: 0 for a new database.

    Raises:
        UnusableDatabase: the tables are newer than the code.
        psycopg.Error: a step failed; the database is as it was.
    """
    steps = migrations_of(room)
    with connection.transaction():
        before = _version(connection, room)
        if before < len(steps):
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(_TABLE)
            before = _version(connection, room)
        if before > len(steps):
            raise UnusableDatabase(
                f"the tables of {room} in the PostgreSQL database were made by a newer version of Mailframe (they"
                f" have version {before}, this program knows {len(steps)}); upgrade this program"
            )
        for step in steps[before:]:
            # bytes: our own text, and without parameters several statements may be sent at once.
            connection.execute(step.sql.encode())
            connection.execute(
                "INSERT INTO mailframe_migration (room, number, name) VALUES (%s, %s, %s)",
                (room, step.number, step.name),
            )
    return before


def unlike(connection: psycopg.Connection[tuple[Any, ...]], rooms: Sequence[str]) -> list[str]:
    """Rooms for whose tables there is something to do, or to refuse, for `migrate`; one question for all of them.

    Args:
        connection: as for `migrate`.
        rooms: their packages.
    """
    with connection.transaction():
        known = _versions(connection, rooms)
    return [room for room in rooms if known.get(room, 0) != len(migrations_of(room))]


def _version(connection: psycopg.Connection[tuple[Any, ...]], room: str) -> int:
    return _versions(connection, [room]).get(room, 0)


def _versions(connection: psycopg.Connection[tuple[Any, ...]], rooms: Sequence[str]) -> dict[str, int]:
    there = connection.execute("SELECT to_regclass('mailframe_migration') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return {}
    return dict(
        connection.execute(
            "SELECT room, max(number) FROM mailframe_migration WHERE room = ANY(%s) GROUP BY room",
            (list(rooms),),
        ).fetchall()
    )
