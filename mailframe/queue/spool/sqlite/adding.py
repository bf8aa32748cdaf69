"""Messages come into the spool, and leave it. Inside transactions."""

from __future__ import annotations

import apsw

from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.queue.values import NewMessage, Place, State

from .leases import alive_txn
from .places import wait_txn
from .rows import first, message_row, recipient_row


def add_txn(
    connection: apsw.Connection, new: NewMessage, octets: bytes | None, runner: int | None, now: float
) -> None:
    """Keep a message.

    Args:
        octets: its content; None where that lies in a file.
        runner: whose the leased recipients are.
        now: the time.

    Raises:
        MailframeError: temporary: some are leased to nobody, or the id is known already.
    """
    message = new.message
    leased = any(recipient.state is State.LEASED for recipient in new.recipients)
    if leased and not alive_txn(connection, runner):
        raise MailframeError(UNAVAILABLE, f"{message.queue_id}: the runner's lease is over")
    waiting = sum(not recipient.state.final for recipient in new.recipients)
    try:
        connection.execute(
            "INSERT INTO message (queue_id, reverse_path, envelope, origin, arrived, expires, lane, size, account,"
            " reason, filed, waiting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*message_row(message), int(octets is None), waiting),
        )
    except apsw.ConstraintError as error:
        raise MailframeError(UNAVAILABLE, f"{message.queue_id} is in the queue already") from error
    number = connection.last_insert_rowid()
    if octets is not None:
        connection.execute("INSERT INTO content VALUES (?, ?)", (number, octets))
    places: dict[Place, float] = {}
    for recipient in new.recipients:
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
