"""What administrators ask of the queue and change in it. Transactions for pool threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mailframe.database.postgres import Connection
from mailframe.message.status import Status
from mailframe.queue.values import Change, Listed, Place, QueuedMessage, QueuedRecipient, Selection, State

from .adding import remove_txn
from .destinations import notify_txn, open_txn, wait_txn
from .rows import MESSAGE, RECIPIENT, RECIPIENT_WIDTH, Row, message_of, recipient_of, status_text

FLUSHED_AT_ONCE: Final = 5000
"""Recipients of one transaction of a flush."""

_FROM: Final = "FROM spool_recipient r JOIN spool_message m USING (queue_id) WHERE "
# As a `Status` is written: "4.4.1 No answer from host".
_STATUS: Final = "concat(r.status->>0, '.', r.status->>1, '.', r.status->>2, ' ', r.status->>3)"
_ALLOWED: Final[Mapping[Change, tuple[State, ...]]] = {
    Change.HOLD: (State.DUE,),
    Change.RELEASE: (State.HELD,),
    Change.RETRY: (State.DUE,),
    Change.BOUNCE: (State.DUE, State.HELD),
    Change.DELETE: (State.DUE, State.HELD, State.DELIVERED, State.FAILED),
}
_SET: Final[Mapping[Change, str]] = {
    Change.HOLD: "state = 'held', status = coalesce(%(status)s, status)",
    Change.RELEASE: "state = 'due', due = %(now)s",
    Change.RETRY: "due = %(now)s",
    # Never due, so nobody attempts it, but to be reviewed now.
    Change.BOUNCE: "state = 'due', due = 'infinity', review = %(now)s, status = coalesce(%(status)s, status)",
}


def listing_txn(connection: Connection, selection: Selection, after: str, limit: int) -> list[Listed]:
    """A page of messages that have such recipients, and these."""
    where, parameters = _conditions(selection)
    parameters.update(after=after, limit=limit)
    ids = connection.execute(
        f"SELECT DISTINCT r.queue_id {_FROM} r.queue_id > %(after)s AND {where}"
        " ORDER BY r.queue_id LIMIT %(limit)s".encode(),
        parameters,
    ).fetchall()
    if not ids:
        return []
    rows = connection.execute(
        f"SELECT {RECIPIENT}, {MESSAGE} {_FROM} r.queue_id = ANY(%(ids)s) AND {where}"
        " ORDER BY r.queue_id, r.number".encode(),
        {**parameters, "ids": [row[0] for row in ids]},
    ).fetchall()
    return _listed(rows)


def find_txn(connection: Connection, queue_id: str) -> Listed | None:
    """One message with all its recipients."""
    found = listing_txn(connection, Selection(queue_ids=(queue_id,)), "", 1)
    return found[0] if found else None


def change_txn(
    connection: Connection,
    change: Change,
    queue_id: str,
    numbers: Sequence[int],
    status: Status | None,
    now: float,
) -> int:
    """Change recipients of one message; returns how many."""
    message = connection.execute(
        "SELECT 1 FROM spool_message WHERE queue_id = %s FOR UPDATE", (queue_id,)
    ).fetchone()
    if message is None:
        return 0
    parameters = {
        "queue_id": queue_id,
        "numbers": list(numbers),
        "states": [state.value for state in _ALLOWED[change]],
        "status": status_text(status),
        "now": now,
    }
    where = "WHERE queue_id = %(queue_id)s AND number = ANY(%(numbers)s) AND state = ANY(%(states)s)"
    if change is Change.DELETE:
        return _delete_txn(connection, where, parameters)
    rows = connection.execute(
        f"UPDATE spool_recipient SET {_SET[change]} {where} RETURNING queue, destination, lane, due".encode(),  # noqa: S608
        parameters,
    ).fetchall()
    if not rows:
        return 0
    if change is Change.RELEASE:
        # As long as it had when it came.
        connection.execute(
            "UPDATE spool_message SET expires = %(now)s + (expires - arrived)"
            " WHERE queue_id = %(queue_id)s AND expires <= %(now)s",
            parameters,
        )
    if change in (Change.RELEASE, Change.RETRY):
        wait_txn(connection, rows)
    if change is Change.RETRY:
        for queue, destination in sorted({row[:2] for row in rows}):
            open_txn(connection, Place(destination, queue))
    notify_txn(connection)
    return len(rows)


def flush_txn(
    connection: Connection, destination: str | None, queue: str | None, now: float, after: tuple[str, int]
) -> tuple[int, tuple[str, int] | None]:
    """Make some of what waits due now.

    Returns:
        How many recipients were looked at, and after which one to go on; None at the end.
    """
    parameters = {"destination": destination, "queue": queue, "now": now, "limit": FLUSHED_AT_ONCE}
    parameters.update(id=after[0], number=after[1])
    rows = connection.execute(
        "WITH waiting AS MATERIALIZED (SELECT queue_id, number FROM spool_recipient"
        " WHERE (queue_id, number) > (%(id)s, %(number)s) AND state = 'due' AND due < 'infinity'"
        " AND destination = coalesce(%(destination)s, destination) AND queue = coalesce(%(queue)s, queue)"
        " ORDER BY queue_id, number LIMIT %(limit)s FOR UPDATE)"
        " UPDATE spool_recipient r SET due = least(r.due, %(now)s) FROM waiting"
        " WHERE r.queue_id = waiting.queue_id AND r.number = waiting.number"
        " RETURNING r.queue, r.destination, r.lane, r.due, r.queue_id, r.number",
        parameters,
    ).fetchall()
    wait_txn(connection, [row[:4] for row in rows])
    last = max((row[4:] for row in rows), default=None)
    return len(rows), last if len(rows) == FLUSHED_AT_ONCE else None


def open_all_txn(connection: Connection, destination: str | None, queue: str | None) -> None:
    """Open all places, or those meant."""
    rows = connection.execute(
        "SELECT destination, queue FROM spool_closed WHERE destination = coalesce(%s, destination)"
        " AND queue = coalesce(%s, queue) ORDER BY queue, destination",
        (destination, queue),
    ).fetchall()
    for place in rows:
        open_txn(connection, Place(*place))


def _delete_txn(connection: Connection, where: str, parameters: Mapping[str, Any]) -> int:
    count = connection.execute(f"DELETE FROM spool_recipient {where}".encode(), parameters).rowcount  # noqa: S608
    left = connection.execute(
        "SELECT 1 FROM spool_recipient WHERE queue_id = %(queue_id)s AND state NOT IN ('delivered', 'failed')"
        " LIMIT 1",
        parameters,
    ).fetchone()
    if left is None:
        remove_txn(connection, parameters["queue_id"])
    return count


def _conditions(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The selection as SQL; every value is a parameter."""
    sender = selection.sender
    given: list[tuple[str, str, Any]] = [
        ("r.queue_id = ANY(%(queue_ids)s)", "queue_ids", list(selection.queue_ids) or None),
        ("lower(m.account) = lower(%(account)s)", "account", selection.account),
        ("r.forward_path ILIKE %(recipient)s", "recipient", _pattern(selection.recipient)),
        ("r.domain = %(domain)s", "domain", None if selection.domain is None else selection.domain.lower()),
        ("r.destination = %(destination)s", "destination", selection.destination),
        ("r.queue = %(queue)s", "queue", selection.queue),
        ("r.state = ANY(%(states)s)", "states", [state.value for state in selection.states] or None),
        ("m.arrived < %(before)s", "before", selection.arrived_before),
        ("m.arrived > %(after_time)s", "after_time", selection.arrived_after),
        ("m.reverse_path ILIKE %(sender)s", "sender", None if sender == "<>" else _pattern(sender)),
        (
            f"({_STATUS} ILIKE %(reason)s OR m.reason ILIKE %(reason)s)",
            "reason",
            None if selection.reason is None else f"%{_literally(selection.reason)}%",
        ),
    ]
    conditions = ["true", *(condition for condition, _, value in given if value is not None)]
    if sender == "<>":
        conditions.append("m.reverse_path IS NULL")
    return " AND ".join(conditions), {name: value for _, name, value in given}


def _pattern(text: str | None) -> str | None:
    """A pattern with ``*`` and ``?`` as one of SQL."""
    return None if text is None else _literally(text).replace("*", "%").replace("?", "_")


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _listed(rows: Sequence[Row]) -> list[Listed]:
    found: dict[str, tuple[QueuedMessage, list[QueuedRecipient]]] = {}
    for row in rows:
        queue_id = row[RECIPIENT_WIDTH]
        if queue_id not in found:
            found[queue_id] = (message_of(row[RECIPIENT_WIDTH:]), [])
        found[queue_id][1].append(recipient_of(row[:RECIPIENT_WIDTH]))
    return [Listed(message, recipients) for message, recipients in found.values()]
