"""What administrators look at and change, while runners work. Inside transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw

from mailframe.message.status import Status
from mailframe.queue.values import Change, Listed, Place, Selection

from .adding import remove_txn
from .places import open_txn, wait_txn
from .rows import (
    DELIVERED,
    DUE,
    FAILED,
    HELD,
    MESSAGE,
    NUMBERS,
    RECIPIENT,
    every,
    first,
    message_of,
    recipient_of,
    status_text,
)

_FOR: Final = {
    Change.HOLD: (DUE,),
    Change.RELEASE: (HELD,),
    Change.RETRY: (DUE,),
    Change.BOUNCE: (DUE, HELD),
    Change.DELETE: (DUE, HELD, DELIVERED, FAILED),
}
"""States that a change is for."""
FLUSHED_AT_ONCE: Final = 1000
"""Recipients of one transaction of a flush: others write in between."""


def listing_txn(connection: apsw.Connection, selection: Selection, after: str, limit: int) -> list[Listed]:
    """A page of messages that have such recipients, with these."""
    of_messages, message_values = _message_conditions(selection)
    of_recipients, recipient_values = _recipient_conditions(selection)
    rows = every(
        connection,
        f"SELECT {MESSAGE}, id FROM message WHERE queue_id > ? {of_messages} AND EXISTS"
        f" (SELECT 1 FROM recipient WHERE message = message.id {of_recipients}) ORDER BY queue_id LIMIT ?",
        (after, *message_values, *recipient_values, limit),
    )
    return [
        Listed(message_of(row[:-1]), _recipients(connection, row[-1], of_recipients, recipient_values))
        for row in rows
    ]


def find_txn(connection: apsw.Connection, queue_id: str) -> Listed | None:
    """One message with all its recipients."""
    row = first(connection, f"SELECT {MESSAGE}, id FROM message WHERE queue_id = ?", (queue_id,))
    return None if row is None else Listed(message_of(row[:-1]), _recipients(connection, row[-1], "", ()))


def change_txn(
    connection: apsw.Connection,
    change: Change,
    queue_id: str,
    numbers: Sequence[int],
    status: Status | None,
    now: float,
) -> tuple[int, str | None]:
    """Change recipients of one message.

    Returns:
        How many, and the id of a message that is gone and whose content lies in a file, or None.
    """
    row = first(connection, "SELECT id, lane, arrived, expires FROM message WHERE queue_id = ?", (queue_id,))
    if row is None:
        return 0, None
    message, lane, arrived, expires = row
    marks = ", ".join("?" * len(_FOR[change]))
    changed = []
    for number in dict.fromkeys(numbers):
        found = first(
            connection,
            f"SELECT number, queue, destination, state FROM recipient WHERE message = ? AND number = ?"
            f" AND state IN ({marks})",
            (message, number, *_FOR[change]),
        )
        if found is not None:
            changed.append(found)
            _change_one(connection, change, message, lane, found, status, now)
    if changed and change is Change.RELEASE and expires <= now:
        connection.execute(
            "UPDATE message SET expires = ? WHERE id = ?", (now + (expires - arrived), message)
        )
    return len(changed), _tidy(connection, message) if change is Change.DELETE and changed else None


def open_all_txn(connection: apsw.Connection, destination: str | None, queue: str | None) -> None:
    """No such place is closed any more."""
    conditions, values = _place_conditions(destination, queue)
    connection.execute(f"DELETE FROM closed WHERE 1 {conditions}", values)
    connection.execute(
        f"UPDATE place SET wake = next_due, ready = 0 WHERE wake > next_due {conditions}", values
    )


def flush_txn(
    connection: apsw.Connection,
    destination: str | None,
    queue: str | None,
    now: float,
    after: tuple[int, int],
) -> tuple[int, tuple[int, int] | None]:
    """Some of what waits there is due now; not what was given up.

    Returns:
        How many recipients, and after which one to go on; None at the end.
    """
    conditions, values = _place_conditions(destination, queue)
    rows = every(
        connection,
        "SELECT message, number, queue, destination, lane, due FROM recipient WHERE (message, number) > (?, ?)"
        f" AND state = 0 AND due < 9e999 {conditions} ORDER BY message, number LIMIT {FLUSHED_AT_ONCE}",
        (*after, *values),
    )
    for message, number, *_, due in rows:
        if due > now:
            connection.execute(
                "UPDATE recipient SET due = ? WHERE message = ? AND number = ?", (now, message, number)
            )
    for place in {tuple(row[2:5]) for row in rows}:
        wait_txn(connection, Place(place[1], place[0]), place[2], now)
    return len(rows), (rows[-1][0], rows[-1][1]) if len(rows) == FLUSHED_AT_ONCE else None


def _place_conditions(destination: str | None, queue: str | None) -> tuple[str, list[Any]]:
    given = [("destination", destination), ("queue", queue)]
    text = "".join(f" AND {column} = ?" for column, value in given if value is not None)
    return text, [value for _, value in given if value is not None]


def _change_one(
    connection: apsw.Connection,
    change: Change,
    message: int,
    lane: int,
    found: tuple[int, str, str, int],
    status: Status | None,
    now: float,
) -> None:
    number, queue, destination, _ = found
    place, which = Place(destination, queue), (message, number)
    where = "WHERE message = ? AND number = ?"
    if change is Change.DELETE:
        connection.execute(f"DELETE FROM recipient {where}", which)
        return
    if change is Change.HOLD:
        connection.execute(
            f"UPDATE recipient SET state = 2, status = coalesce(?, status) {where}",
            (status_text(status), *which),
        )
        return
    if change is Change.BOUNCE:
        # Nothing is attempted any more: whoever reviews it tells the sender.
        never = float("inf")
        connection.execute(
            f"UPDATE recipient SET state = 0, due = ?, review = ?, status = coalesce(?, status) {where}",
            (never, now, status_text(status), *which),
        )
        wait_txn(connection, place, lane, never)
        return
    if change is Change.RETRY:
        open_txn(connection, place)
    connection.execute(f"UPDATE recipient SET state = 0, due = ? {where}", (now, *which))
    wait_txn(connection, place, lane, now)


def _tidy(connection: apsw.Connection, message: int) -> str | None:
    """After a deletion: a message goes with its last recipient that was not final."""
    total, waiting = first(
        connection,
        "SELECT count(*), count(*) FILTER (WHERE state < 3) FROM recipient WHERE message = ?",
        (message,),
    )
    if not total or not waiting:
        return remove_txn(connection, message)
    connection.execute("UPDATE message SET waiting = ? WHERE id = ?", (waiting, message))
    return None


def _recipients(
    connection: apsw.Connection, message: int, conditions: str, values: Sequence[Any]
) -> list[Any]:
    rows = connection.execute(
        f"SELECT {RECIPIENT} FROM recipient WHERE message = ? {conditions} ORDER BY number",
        (message, *values),
    )
    return [recipient_of(row) for row in rows]


def _message_conditions(selection: Selection) -> tuple[str, list[Any]]:
    """SQL for what a selection says of messages."""
    text = ""
    values: list[Any] = []
    if selection.queue_ids:
        text += f" AND queue_id IN ({', '.join('?' * len(selection.queue_ids))})"
        values += selection.queue_ids
    if selection.sender == "<>":
        text += " AND reverse_path IS NULL"
    elif selection.sender is not None:
        text += " AND lower(reverse_path) GLOB ?"
        values.append(pattern(selection.sender))
    if selection.account is not None:
        text += " AND lower(account) = ?"
        values.append(selection.account.lower())
    if selection.arrived_before is not None:
        text += " AND arrived < ?"
        values.append(selection.arrived_before)
    if selection.arrived_after is not None:
        text += " AND arrived > ?"
        values.append(selection.arrived_after)
    if selection.reason is not None:
        # In the message's own reason, or in that of a recipient.
        words = f"%{_literal(selection.reason)}%"
        text += (
            " AND (reason LIKE ? ESCAPE '!' OR EXISTS"
            " (SELECT 1 FROM recipient WHERE message = message.id AND status LIKE ? ESCAPE '!'))"
        )
        values += [words, words]
    return text, values


def _recipient_conditions(selection: Selection) -> tuple[str, list[Any]]:
    """SQL for what a selection says of recipients."""
    text = ""
    values: list[Any] = []
    if selection.recipient is not None:
        text += " AND lower(local_part || '@' || domain) GLOB ?"
        values.append(pattern(selection.recipient))
    for column, value in (
        ("lower(domain)", selection.domain and selection.domain.lower()),
        ("destination", selection.destination),
        ("queue", selection.queue),
    ):
        if value is not None:
            text += f" AND {column} = ?"
            values.append(value)
    if selection.states:
        text += f" AND state IN ({', '.join('?' * len(selection.states))})"
        values += [NUMBERS[state] for state in selection.states]
    return text, values


def pattern(text: str) -> str:
    """A pattern of `Selection` for GLOB: a bracket stands for itself."""
    return text.lower().replace("[", "[[]")


def _literal(text: str) -> str:
    """A text for LIKE in which nothing is special, as it stands in JSON."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
