"""Where something waits: the table a claim looks at first. All functions run inside a transaction."""

from __future__ import annotations

import apsw

from mailframe.queue.values import Closed, Place

from .rows import first, status_of, status_text

WIDTH = 1000
"""Closed places of one list."""


def wait_txn(connection: apsw.Connection, place: Place, lane: int, due: float) -> None:
    """Somebody waits there from now on."""
    row = first(
        connection,
        "SELECT until FROM closed WHERE queue = ? AND destination = ?",
        (place.queue, place.destination),
    )
    wake = due if row is None else max(due, row[0])
    connection.execute(
        "INSERT INTO place (queue, destination, lane, next_due, wake) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET next_due = min(next_due, excluded.next_due), wake = min(wake, excluded.wake)",
        (place.queue, place.destination, lane, due, wake),
    )


def served_txn(connection: apsw.Connection, place: Place, lane: int, now: float, again: float) -> None:
    """Something was taken from there: when there is more, and whose turn it is, is written down.

    Args:
        again: the place is not looked at before this time, whatever waits there.
    """
    (due,) = first(
        connection,
        "SELECT min(due) FROM recipient WHERE queue = ? AND destination = ? AND lane = ? AND state = 0",
        (place.queue, place.destination, lane),
    )
    where = (place.queue, place.destination, lane)
    if due is None:
        connection.execute("DELETE FROM place WHERE queue = ? AND destination = ? AND lane = ?", where)
        return
    (turn,) = first(connection, "UPDATE total SET turn = turn + 1 RETURNING turn")
    wake = max(due, again)
    connection.execute(
        "UPDATE place SET next_due = ?, wake = ?, ready = ?, turn = ?"
        " WHERE queue = ? AND destination = ? AND lane = ?",
        (due, wake, int(wake <= now), turn, *where),
    )


def wake_txn(connection: apsw.Connection, place: Place) -> None:
    """What is due there is looked at, whatever was waited for."""
    connection.execute(
        "UPDATE place SET wake = next_due, ready = 0 WHERE queue = ? AND destination = ?",
        (place.queue, place.destination),
    )


def close_txn(connection: apsw.Connection, closed: Closed) -> None:
    """Nothing is claimed there for a while."""
    place = closed.place
    connection.execute(
        "INSERT OR REPLACE INTO closed VALUES (?, ?, ?, ?, ?, NULL)",
        (place.queue, place.destination, closed.until, closed.failures, status_text(closed.status)),
    )
    connection.execute(
        "UPDATE place SET ready = 0, wake = max(next_due, ?) WHERE queue = ? AND destination = ?",
        (closed.until, place.queue, place.destination),
    )


def open_txn(connection: apsw.Connection, place: Place) -> None:
    """Things are claimed there again."""
    connection.execute(
        "DELETE FROM closed WHERE queue = ? AND destination = ?", (place.queue, place.destination)
    )
    if connection.changes():
        wake_txn(connection, place)


def forget_txn(connection: apsw.Connection, before: float) -> None:
    """Places that were closed until then, and nobody has asked for since, are as if they had never been."""
    connection.execute("DELETE FROM closed WHERE until < ?", (before,))


def closed_txn(connection: apsw.Connection, now: float) -> list[Closed]:
    """Closed places, longest first."""
    rows = connection.execute(
        "SELECT queue, destination, until, failures, status FROM closed WHERE until > ? ORDER BY until DESC LIMIT ?",
        (now, WIDTH),
    )
    found = []
    for queue, destination, until, failures, text in rows:
        status = status_of(text)
        assert status is not None
        found.append(Closed(Place(destination, queue), until, failures, status))
    return found
