"""All of a directory in an LDAP server, for copies of it: sorted on this machine's disk, as a server gives no order.

What was changed is told by a time of change that the server keeps with each entry; what is gone leaves no trace
there, so a copy has to compare all now and then. Clocks need not agree to the second: each look goes back a while.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from datetime import UTC, datetime

import apsw

from mailframe.directory.entries import Entry, Key, Kind, key_of

OVERLAP = 120.0
"""Seconds that a look for changes goes back behind the last one: clocks differ, and writing takes its time."""
_ORDER = {kind: number for number, kind in enumerate(Kind)}


class Sorted:
    """Entries in the order of kinds and names, in a file that goes with this object."""

    def __init__(self) -> None:
        # A file without a name: SQLite removes it with the connection, and keeps no more than some pages in memory.
        self._connection = apsw.Connection("")
        self._connection.execute(
            "CREATE TABLE entry (kind INTEGER, name TEXT, octets BLOB, PRIMARY KEY (kind, name))"
        )
        self._connection.execute("CREATE TABLE named (entry TEXT PRIMARY KEY, name TEXT)")
        self._connection.execute("BEGIN")

    def put(self, entry: Entry) -> None:
        """One more; the first of a name counts."""
        key = key_of(entry)
        row = (_ORDER[key.kind], key.name.encode("utf-8", "surrogatepass"), pickle.dumps(entry))
        self._connection.execute("INSERT OR IGNORE INTO entry VALUES (?, ?, ?)", row)

    def has(self, key: Key) -> bool:
        """Is there an entry of this key?"""
        row = (_ORDER[key.kind], key.name.encode("utf-8", "surrogatepass"))
        return bool(list(self._connection.execute("SELECT 1 FROM entry WHERE kind = ? AND name = ?", row)))

    def note(self, entry: str, name: str) -> None:
        """An entry of the server's has this address."""
        self._connection.execute("INSERT OR IGNORE INTO named VALUES (?, ?)", (entry.lower(), name))

    def noted(self, entry: str) -> str:
        """The address of an entry of the server's; "" where it is none of those."""
        for (name,) in self._connection.execute("SELECT name FROM named WHERE entry = ?", (entry.lower(),)):
            return str(name)
        return ""

    def page(self, after: Key | None, limit: int) -> Sequence[Entry]:
        """The next entries."""
        place = (
            (-1, b"") if after is None else (_ORDER[after.kind], after.name.encode("utf-8", "surrogatepass"))
        )
        rows = self._connection.execute(
            "SELECT octets FROM entry WHERE (kind, name) > (?, ?) ORDER BY kind, name LIMIT ?",
            (*place, limit),
        )
        # Only what was put here a moment ago, in a file that nobody else can open.
        return [pickle.loads(octets) for (octets,) in rows]  # noqa: S301

    def close(self) -> None:
        """Forget all."""
        self._connection.close()


def stamp(seconds: float) -> str:
    """A moment as servers write it (RFC 4517 section 3.3.13)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%S.0Z")
