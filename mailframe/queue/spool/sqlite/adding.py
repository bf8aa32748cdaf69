"""Messages come into the spool, and leave it. Inside transactions."""

from __future__ import annotations

from dataclasses import replace

import apsw

from mailframe.queue.values import NewMessage, Place, State

from .leases import alive_txn
from .places import wait_txn
from .rows import first, message_row, recipient_row


def add_txn(connection: apsw.Connection, new: NewMessage, octets: bytes | None, runner: int | None) -> None:
    """Keep a message; one that is known already is left as it is.

    Args:
        octets: its content; None where that lies in a file.
        runner: whose the leased recipients are; where its lease is over they wait for another one.
    """
    message = new.message
    recipients = new.recipients
    if any(one.state is State.LEASED for one in recipients) and not alive_txn(connection, runner):
        # The lease is over: whoever comes next attempts it.
        recipients = [
            replace(one, state=State.DUE) if one.state is State.LEASED else one for one in recipients
        ]
    waiting = sum(not one.state.final for one in recipients)
    connection.execute(
        "INSERT OR IGNORE INTO message (queue_id, reverse_path, envelope, origin, arrived, expires, lane, size,"
        " account, reason, filed, waiting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*message_row(message), int(octets is None), waiting),
    )
    if not connection.changes():
        # Whoever was in doubt adds again.
        return
    number = connection.last_insert_rowid()
    if octets is not None:
        connection.execute("INSERT INTO content VALUES (?, ?)", (number, octets))
    places: dict[Place, float] = {}
    for recipient in recipients:
        connection.execute(
            "INSERT INTO recipient VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            recipient_row(number, message.lane, recipient, runner),
        )
        if recipient.state is State.DUE:
            places[recipient.place] = min(recipient.due, places.get(recipient.place, recipient.due))
    for place, due in places.items():
        wait_txn(connection, place, message.lane, due)
    connection.execute("UPDATE total SET messages = messages + 1, octets = octets + ?", (message.size,))
    connection.execute(
        "INSERT INTO share VALUES (?, 1, ?) ON CONFLICT DO UPDATE"
        " SET messages = messages + 1, octets = octets + excluded.octets",
        (message.account, message.size),
    )


def remove_txn(connection: apsw.Connection, message: int) -> str | None:
    """A message is gone, with all that belongs to it.

    Returns:
        Its id, where its content lies in a file that has to go once this is committed.
    """
    queue_id, size, account, filed = first(
        connection, "DELETE FROM message WHERE id = ? RETURNING queue_id, size, account, filed", (message,)
    )
    connection.execute("DELETE FROM recipient WHERE message = ?", (message,))
    if not filed:
        connection.execute("DELETE FROM content WHERE message = ?", (message,))
    connection.execute("UPDATE total SET messages = messages - 1, octets = octets - ?", (size,))
    (left,) = first(
        connection,
        "UPDATE share SET messages = messages - 1, octets = octets - ? WHERE account = ? RETURNING messages",
        (size, account),
    )
    if left <= 0:
        connection.execute("DELETE FROM share WHERE account = ?", (account,))
    return str(queue_id) if filed else None
