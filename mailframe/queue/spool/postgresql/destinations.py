"""Where mail waits: when each destination is due, and which are closed. Transactions for pool threads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mailframe.database.postgres import Connection
from mailframe.queue.values import Closed, Place

from .rows import status_of, status_text

CHANNEL: Final = "mailframe_spool"
PROBE_SECONDS: Final = 3600.0
"""How long the one claim for a closed destination may take to say how it went, before another is given."""
_INFINITY: Final = float("inf")

Waiting = tuple[str, str, int, float]
"""Queue, destination, lane, and when something is due there."""

_WAIT = """
INSERT INTO spool_place AS p (queue, destination, lane, next_due, wake)
VALUES (%(queue)s, %(destination)s, %(lane)s, %(due)s, greatest(%(due)s, (
    SELECT until FROM spool_closed WHERE queue = %(queue)s AND destination = %(destination)s)))
ON CONFLICT (queue, destination, lane) DO UPDATE SET
    next_due = least(p.next_due, excluded.next_due), wake = least(p.wake, excluded.wake), ready = false
"""


def wait_txn(connection: Connection, waiting: Iterable[Waiting]) -> None:
    """Note when something is due, and tell the other runners; in the transaction that made it so."""
    earliest: dict[tuple[str, str, int], float] = {}
    for queue, destination, lane, due in waiting:
        key = (queue, destination, lane)
        earliest[key] = min(due, earliest.get(key, _INFINITY))
    if not earliest:
        return
    # Sorted, so that two transactions do not wait for each other's rows.
    rows = [
        {"queue": queue, "destination": destination, "lane": lane, "due": due}
        for (queue, destination, lane), due in sorted(earliest.items())
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_WAIT, rows)
    notify_txn(connection)


def notify_txn(connection: Connection) -> None:
    """Tell all who listen that there may be something to do, at the commit."""
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def close_txn(connection: Connection, closed: Closed) -> None:
    """Attempt nothing there for a while."""
    place = closed.place
    _lock_txn(connection, place)
    connection.execute(
        "INSERT INTO spool_closed (queue, destination, until, failures, status) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (queue, destination) DO UPDATE SET until = excluded.until, failures = excluded.failures,"
        " status = excluded.status, prober = NULL, probed_until = 0",
        (place.queue, place.destination, closed.until, closed.failures, status_text(closed.status)),
    )
    connection.execute(
        "UPDATE spool_place SET ready = false, wake = greatest(next_due, %s) WHERE queue = %s AND destination = %s",
        (closed.until, place.queue, place.destination),
    )


def open_txn(connection: Connection, place: Place) -> None:
    """It answers again; costs one statement where it was not closed."""
    key = (place.queue, place.destination)
    there = connection.execute(
        "SELECT 1 FROM spool_closed WHERE queue = %s AND destination = %s", key
    ).fetchone()
    if there is not None:
        _lock_txn(connection, place)
        connection.execute("DELETE FROM spool_closed WHERE queue = %s AND destination = %s", key)
        _awake_txn(connection, place)


def forget_probers_txn(connection: Connection, runners: list[str]) -> None:
    """Runners that are gone will not say how their probes went."""
    rows = connection.execute(
        "UPDATE spool_closed SET prober = NULL, probed_until = 0 WHERE prober = ANY(%s) RETURNING queue, destination",
        (runners,),
    ).fetchall()
    for queue, destination in rows:
        _awake_txn(connection, Place(destination, queue))


def closed_txn(connection: Connection, now: float) -> list[Closed]:
    """All that are closed now, longest first."""
    rows = connection.execute(
        "SELECT destination, queue, until, failures, status::text FROM spool_closed WHERE until > %s"
        " ORDER BY until DESC, destination LIMIT 1000",
        (now,),
    ).fetchall()
    found = []
    for destination, queue, until, failures, text in rows:
        status = status_of(text)
        assert status is not None
        found.append(Closed(Place(destination, queue), until, failures, status))
    return found


def next_due_txn(connection: Connection) -> float | None:
    """When there will be something to claim or to review."""
    row = connection.execute(
        "SELECT least((SELECT min(wake) FROM spool_place),"
        " (SELECT min(review) FROM spool_recipient WHERE state = 'due' AND review < 'infinity'))"
    ).fetchone()
    return None if row is None or row[0] is None or row[0] == _INFINITY else float(row[0])


def sweep_txn(connection: Connection) -> None:
    """Forget destinations where nothing waits and whose turn was long ago, and closings long over."""
    connection.execute(
        "DELETE FROM spool_place WHERE (queue, destination, lane) IN (SELECT queue, destination, lane"
        " FROM spool_place WHERE wake = 'infinity' AND turn < (SELECT last_value - 10000 FROM spool_turn)"
        " LIMIT 1000 FOR UPDATE SKIP LOCKED)"
    )


def _lock_txn(connection: Connection, place: Place) -> None:
    """Claims lock places first and closings after that: so does everybody, or they would wait for each other."""
    connection.execute(
        "SELECT 1 FROM spool_place WHERE queue = %s AND destination = %s ORDER BY lane FOR UPDATE",
        (place.queue, place.destination),
    )


def _awake_txn(connection: Connection, place: Place) -> None:
    connection.execute(
        "UPDATE spool_place SET ready = false, wake = next_due WHERE queue = %s AND destination = %s",
        (place.queue, place.destination),
    )
    notify_txn(connection)
