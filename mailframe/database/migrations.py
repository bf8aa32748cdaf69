"""Bringing a database file up to date: numbered ``.sql`` resources, forward only.

A room keeps them as ``<room>/migrations/NNNN_what.sql``, numbered from 0001 without a gap. The number of the last
one applied is the file's ``user_version``. A file that is newer than the code is refused, never guessed at.

A file may have tables of more than one room: the first keeps the number as above, those that come later (``beside``)
each in a row of the table ``rooms``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import apsw

from .sqlite import UnusableDatabase, transaction

_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: ``number``, the resource's ``name``, and its ``sql``."""

    number: int
    name: str
    sql: str


@cache
def migrations_of(room: str) -> tuple[Migration, ...]:
    """A room's migrations in order.

    Args:
        room: its package, for example ``"mailframe.store.catalogue.sqlite"``.

    Raises:
        ValueError: a number is missing or used twice; our mistake.
    """
    found = [
        Migration(int(match[1]), resource.name, resource.read_text("utf-8"))
        for resource in (files(room) / "migrations").iterdir()
        if (match := _NAME.fullmatch(resource.name))
    ]
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations of {room} are not numbered 1, 2, 3 and so on")
    return tuple(found)


def migrate(connection: apsw.Connection, room: str, beside: bool = False) -> int:
    """Apply what a file lacks, all in one transaction; costs one pragma when nothing is missing.

    Args:
        connection: the file's.
        room: its package.
        beside: the file is another room's, and has tables of this one too.

    Returns:
        The version the file had before: 0 for a new one.

    Raises:
        UnusableDatabase: the file is newer than the code.
        apsw.Error: a step failed; the file is as it was.
    """
    steps = migrations_of(room)
    before = _version(connection, room, beside)
    if before == len(steps):
        return before
    with transaction(connection):
        before = _version(connection, room, beside)
        if before > len(steps):
            raise UnusableDatabase(
                f"{connection.filename} was written by a newer version of Mailframe (its tables have version"
                f" {before}, this program knows {len(steps)}); upgrade this program, or restore an older copy"
            )
        for step in steps[before:]:
            connection.execute(step.sql)
        _note(connection, room, len(steps), beside)
    return before


def _version(connection: apsw.Connection, room: str, beside: bool) -> int:
    if not beside:
        return int(connection.pragma("user_version"))
    # Not ``table_exists``: it answers from the schema as this connection saw it last, before another made the table.
    if not connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'rooms'").get:
        return 0
    return int(connection.execute("SELECT version FROM rooms WHERE name = ?", (room,)).get or 0)


def _note(connection: apsw.Connection, room: str, version: int, beside: bool) -> None:
    if not beside:
        connection.pragma("user_version", version)
        return
    connection.execute(
        "CREATE TABLE IF NOT EXISTS rooms (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"
    )
    connection.execute("INSERT OR REPLACE INTO rooms VALUES (?, ?)", (room, version))
