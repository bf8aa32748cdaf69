"""Writes what a source says into the copy. All of this runs inside a transaction of the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import apsw

from mailframe.directory.editing import difference
from mailframe.directory.entries import Batch, Entry, Key, Kind, Outcome, key_of
from mailframe.directory.names import address_of
from mailframe.directory.sqlite_entries import SQLiteTable, listing_txn
from mailframe.directory.values import Alias, Credential, Domain, Grant
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

ACTOR = "copy"
HISTORY = 100_000
"""Changes of the copy that are remembered, for those who follow it."""
_KINDS = list(Kind)


class State(NamedTuple):
    """How far the copy is.

    Attributes:
        version: of the source, up to which all is here; "" for nothing.
        complete: was all of the source here once?
        confirmed: seconds since 1970: when it was level with the source.
        compared: seconds since 1970: when all was compared.
    """

    version: str = ""
    complete: bool = False
    confirmed: int = 0
    compared: int = 0


def state_txn(connection: apsw.Connection) -> State:
    """How far the copy is."""
    for version, complete, confirmed, compared in connection.execute(
        "SELECT version, complete, confirmed, compared FROM copy"
    ):
        return State(version, bool(complete), confirmed, compared)
    return State()


def save_txn(connection: apsw.Connection, state: State) -> None:
    """Note how far the copy is."""
    connection.execute(
        "UPDATE copy SET version = ?, complete = ?, confirmed = ?, compared = ?",
        (state.version, int(state.complete), state.confirmed, state.compared),
    )


def batch_txn(connection: apsw.Connection, batch: Batch, now: int) -> int:
    """Do what is new in the source.

    Returns:
        How many entries are other than they were.
    """
    table = SQLiteTable(connection, now, HISTORY)
    done = sum(_remove(table, connection, key) for key in _backwards(batch.removed))
    return done + sum(
        _put(table, entry) for entry in sorted(batch.entries, key=lambda one: place(key_of(one)))
    )


def page_txn(
    connection: apsw.Connection, after: Key | None, entries: Sequence[Entry], now: int, quiet: bool
) -> int:
    """Make a part of the copy equal to the same part of the source.

    Args:
        after: where the part begins; None for the beginning.
        entries: what the source has there; none where it has no more.
        now: seconds since 1970.
        quiet: write no history: nobody has seen the copy yet.

    Returns:
        How many entries were other than they are.

    Raises:
        MailframeError: temporary: the source does not keep to the order; nothing is done.
    """
    places = [place(key_of(entry)) for entry in entries]
    start = [] if after is None else [place(after)]
    if any(one >= other for one, other in pairwise(start + places)):
        raise MailframeError(CANNOT_LOOK_UP, "the source does not give its entries in order")
    table = _Quiet(connection, now, HISTORY) if quiet else SQLiteTable(connection, now, HISTORY)
    there = {key_of(entry) for entry in entries}
    end = places[-1] if places else None
    gone = [key for key in _keys_txn(connection, after, end) if key not in there]
    done = sum(_remove(table, connection, key) for key in _backwards(gone))
    return done + sum(_put(table, entry) for entry in entries)


def place(key: Key) -> tuple[int, str]:
    """The place of a key in the order of a feed."""
    return _KINDS.index(key.kind), key.name


class _Quiet(SQLiteTable):
    """Without history."""

    def note(self, actor: str, outcome: Outcome, key: Key, what: str) -> None:
        pass


def _keys_txn(connection: apsw.Connection, after: Key | None, end: tuple[int, str] | None) -> Iterable[Key]:
    """The keys that the copy has in a part."""
    for number, kind in enumerate(_KINDS):
        if after is not None and number < _KINDS.index(after.kind):
            continue
        if end is not None and number > end[0]:
            return
        name = after.name if after is not None and kind is after.kind else ""
        page = listing_txn(connection, kind, None, name, 1000)
        while page:
            for key in map(key_of, page):
                if end is not None and place(key) > end:
                    return
                yield key
            name = key_of(page[-1]).name
            page = listing_txn(connection, kind, None, name, 1000)


def _backwards(keys: Iterable[Key]) -> list[Key]:
    """In the order in which entries can be removed: what refers to others first."""
    return sorted(keys, key=place, reverse=True)


def _remove(table: SQLiteTable, connection: apsw.Connection, key: Key) -> int:
    if table.get(key) is None:
        return 0
    if key.kind is Kind.DOMAIN:
        # All that is in it is gone as well, though we may be told of that later.
        for kind in (Kind.GRANT, Kind.ALIAS, Kind.ACCOUNT):
            while page := listing_txn(connection, kind, key.name, "", 1000):
                for entry in page:
                    _remove(table, connection, key_of(entry))
    elif key.kind is Kind.ACCOUNT:
        for grant in table.grants(key.name):
            _remove(table, connection, key_of(grant))
    table.remove(key)
    table.note(ACTOR, Outcome.REMOVED, key, "")
    return 1


def _put(table: SQLiteTable, entry: Entry) -> int:
    key = key_of(entry)
    before = table.get(key)
    if before == entry:
        return 0
    if isinstance(entry, Grant):
        if table.get(Key(Kind.ACCOUNT, entry.account)) is None:
            # The account is new; after it we are told of the grant again.
            return 0
    elif isinstance(entry, Credential | Alias):
        _need_domain(table, address_of(key.name).domain)
    table.put(entry)
    table.note(ACTOR, Outcome.ADDED if before is None else Outcome.CHANGED, key, difference(before, entry))
    return 1


def _need_domain(table: SQLiteTable, name: str) -> None:
    """What is in a domain may be told before the domain itself."""
    if table.get(Key(Kind.DOMAIN, name)) is None:
        table.put(Domain(name))
        table.note(ACTOR, Outcome.ADDED, Key(Kind.DOMAIN, name), "")
