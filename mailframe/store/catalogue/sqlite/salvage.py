"""A new file of what can still be read of a damaged one. Blocking.

Rows around a damaged page are found from both sides, and by halves in between. What was lost is not known, so numbers
jump as after a lost power supply, nothing is claimed about what was expunged before, and a layout whose messages lie
elsewhere (Maildir, mbox) takes in those without a row, under new UIDs. Others keep theirs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import apsw

from mailframe.database.sqlite import BUSY_SECONDS
from mailframe.store.checking import Salvaged
from mailframe.store.files import Files

from .catalogue import JUMP, Catalogue
from .checking import is_damaged

PROBES = 5_000
"""Queries that may fail while rows of one table are looked for: enough for some fifty damaged pages. Where nothing at
all can be read they take 0.2 s."""
GROUP = 1000
"""Rows written in one transaction: the log must not grow without a bound."""
_OWN = ("messages", "mailboxes")
"""Tables with triggers: written in an order of their own."""
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError)

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file that may be damaged; see `mailframe.store.maildrop.checking.MendableFile`.

    Attributes:
        path: the file.
        files: operations on files.
        make: makes an empty one of the same kind at a path.
        settle_seconds: how long others are kept from writing into the damaged one after the new one is in its place.
    """

    path: str
    files: Files
    make: Callable[[str], Catalogue]
    settle_seconds: float = 0.0

    def exists(self) -> bool:
        """Is there one?"""
        return self.files.exists(self.path)

    def is_damaged(self) -> bool:
        """Cannot it be read as it should be? Reads all of it."""
        return is_damaged(self.path)

    def rebuild(self) -> Salvaged:
        """Put a new file in the place of the damaged one, which stays beside it.

        Safe while others have the damaged one open. They wait, and notice at their next unit of work that another
        file is there. Whoever waited since before the change must not write into the damaged one when the wait is
        over: where that would lose something, they are kept waiting until they give up.

        Raises:
            OSError, apsw.Error: the new file could not be made; all is as it was.
        """
        path, fresh = self.path, f"{self.path}.rebuilt"
        salvaged = Salvaged(f"{path}.damaged-{time.time_ns()}")
        for leftover in (fresh, fresh + "-wal", fresh + "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(leftover)
        _lengthen(path)
        with _locked(path) as source:
            catalogue = self.make(fresh)
            try:
                _fill(catalogue, source, salvaged)
            finally:
                catalogue.close(clean=True)
            _put_in_place(path, fresh, salvaged.aside, self.files)
            if source is not None and source.in_transaction:
                time.sleep(self.settle_seconds)
        return salvaged


@contextmanager
def _locked(path: str) -> Iterator[apsw.Connection | None]:
    """The damaged file, which nobody else can write to meanwhile; nobody can anyway where it cannot be locked."""
    try:
        source = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    except (apsw.NotADBError, apsw.CorruptError):
        yield None
        return
    try:
        source.set_busy_timeout(int(BUSY_SECONDS * 1000))
        with suppress(*_DAMAGE):
            # So that next to nothing is in the log, should somebody kill us between the renames at the end.
            for _ in source.execute("PRAGMA wal_checkpoint(PASSIVE)"):
                pass
        with suppress(*_DAMAGE):
            source.execute("BEGIN IMMEDIATE")
        yield source
    finally:
        source.close()


def _fill(catalogue: Catalogue, source: apsw.Connection | None, salvaged: Salvaged) -> None:
    target = catalogue.connection
    if source is not None:
        for table in _tables(target):
            _copy(source, target, table, salvaged)
    with catalogue.writing(0):
        # Nobody has counted the messages that were copied; flags and sizes have triggers.
        for _ in catalogue.differences(mend=True):
            pass
        catalogue.mailboxes.jump(JUMP)
        target.execute("UPDATE mailboxes SET vanished_from = modseq")


def _lengthen(path: str) -> None:
    """A file that was cut off gets its length back, as empty pages: SQLite reads nothing at all of a shorter one."""
    with open(path, "r+b") as file:
        header = file.read(100)
        size = int.from_bytes(header[16:18], "big")
        octets = int.from_bytes(header[28:32], "big") * (65536 if size == 1 else size)
        length = file.seek(0, os.SEEK_END)
        # More than a thousand times its length is nonsense, and no length.
        if length < octets < length * 1000 and header.startswith(b"SQLite format 3\0"):
            file.truncate(octets)


def _tables(connection: apsw.Connection) -> list[str]:
    names = (
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'rooms'"
    )
    found: list[str] = [name for (name,) in connection.execute(names)]
    # Mailboxes first: what is added to them afterwards is counted again at the end.
    return sorted(found, key=lambda name: (name not in reversed(_OWN), name != "mailboxes", name))


def _copy(source: apsw.Connection, target: apsw.Connection, table: str, salvaged: Salvaged) -> None:
    columns, keys = _columns(target, table)
    if not keys:
        # Such a table has one row, which the new file's own must not stand beside.
        columns.insert(0, "rowid")
    with_rowid = (
        "WITHOUT ROWID" not in target.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).get
    )
    reader = _Reader(source, table, columns, "rowid" if with_rowid else keys)
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    count = 0
    target.execute("BEGIN IMMEDIATE")
    try:
        for row in reader.rows():
            with suppress(apsw.ConstraintError, apsw.MismatchError):
                target.execute(insert, row)
                count += 1
            if count % GROUP == 0:
                target.execute("COMMIT")
                target.execute("BEGIN IMMEDIATE")
        target.execute("COMMIT")
    except BaseException:
        if target.in_transaction:
            target.execute("ROLLBACK")
        raise
    salvaged.rows[table] = count
    if reader.damaged:
        salvaged.lost.append(table)


def _columns(connection: apsw.Connection, table: str) -> tuple[list[str], str]:
    found = list(connection.execute(f"PRAGMA table_info({table})"))
    keys = ", ".join(row[1] for row in sorted(found, key=lambda row: row[5]) if row[5])
    return [row[1] for row in found], keys


class _Reader:
    """Reads all rows of a table that can be read."""

    def __init__(self, source: apsw.Connection, table: str, columns: list[str], order: str) -> None:
        self._source = source
        self._order = order
        self._select = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608
        self._by_rowid = f"SELECT rowid, {', '.join(columns)} FROM {table}"  # noqa: S608
        self._probes = PROBES
        self.damaged = False

    def rows(self) -> Iterator[Row]:
        """Each once, or more often where its key tells that it is the same."""
        if self._order == "rowid":
            yield from self._between(-(1 << 62), 1 << 62)
            return
        for descending in ("", " DESC"):
            before = self.damaged
            by = ", ".join(key + descending for key in self._order.split(", "))
            yield from self._guarded(f"{self._select} ORDER BY {by}", ())
            if self.damaged == before:
                return

    def _between(self, low: int, high: int) -> Iterator[Row]:
        """Rows whose ids are in a range: upwards to a fault, downwards to a fault, and each half of the rest."""
        waiting = [(low, high)]
        while waiting:
            first, last = waiting.pop()
            for order, up in (("", True), (" DESC", False)):
                if first > last or self._probes <= 0:
                    break
                query = f"{self._by_rowid} WHERE rowid BETWEEN ? AND ? ORDER BY rowid{order}"
                failures = self._probes
                for row in self._guarded(query, (first, last)):
                    first, last = (row[0] + 1, last) if up else (first, row[0] - 1)
                    yield row[1:]
                if self._probes == failures:
                    break
            else:
                if first < last:
                    middle = (first + last) // 2
                    waiting += [(middle + 1, last), (first, middle)]

    def _guarded(self, query: str, values: tuple[int, ...]) -> Iterator[Row]:
        try:
            yield from self._source.execute(query, values)
        except (*_DAMAGE, apsw.SQLError):
            # SQLError: not even the table's own row in the schema can be read.
            self.damaged = True
            self._probes -= 1


def _put_in_place(path: str, fresh: str, aside: str, files: Files) -> None:
    """The damaged file gets another name, and its log too, which must never be taken for that of the new one."""
    os.link(path, aside)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.rename(path + suffix, aside + suffix)
    files.rename(fresh, path)
    files.flush_directory(os.path.dirname(path))
