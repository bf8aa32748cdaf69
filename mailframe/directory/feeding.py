"""The feed of a directory in an SQLite file. All of this runs inside a transaction of the file."""

from __future__ import annotations

import apsw

from .entries import Batch, Entry, Key, Kind
from .sqlite_entries import changes_txn, entry_txn, listing_txn, versions_txn


def entries_txn(connection: apsw.Connection, after: Key | None, limit: int) -> list[Entry]:
    """The next entries of all kinds (see `mailframe.directory.entry_interfaces.IDirectoryFeed.entries`)."""
    found: list[Entry] = []
    for kind in list(Kind)[0 if after is None else list(Kind).index(after.kind) :]:
        behind = after.name if after is not None and kind is after.kind else ""
        found += listing_txn(connection, kind, None, behind, limit - len(found))
        if len(found) >= limit:
            break
    return found


def batch_txn(connection: apsw.Connection, since: str, limit: int) -> Batch | None:
    """What is new since a version (see `mailframe.directory.entry_interfaces.IDirectoryFeed.changes`)."""
    epoch, before_oldest, newest = versions_txn(connection)
    known, _, number = since.partition(":")
    if known != epoch or not number.isdecimal() or not before_oldest <= int(number) <= newest:
        return None
    changes = changes_txn(connection, int(number), limit)
    if not changes:
        return Batch(since)
    found = {change.key: entry_txn(connection, change.key) for change in changes}
    return Batch(
        f"{epoch}:{changes[-1].version}",
        [entry for entry in found.values() if entry is not None],
        [key for key, entry in found.items() if entry is None],
        len(changes) == limit,
    )
