"""Putting messages into the queue, and taking them out of the counts. Transactions for pool threads."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from mailframe.database.postgres import Connection
from mailframe.queue.values import NewMessage, QueuedRecipient, State

from .bodies import write_txn
from .destinations import wait_txn
from .rows import clean, message_row, recipient_row

_SLOTS: Final = 16
_INSERT_MESSAGE: Final = (
    "INSERT INTO spool_message (queue_id, reverse_path, envelope, origin, arrived, expires, lane, size, account,"
    " reason) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (queue_id) DO NOTHING RETURNING 1"
)
_INSERT_RECIPIENT: Final = (
    "INSERT INTO spool_recipient (queue_id, number, forward_path, domain, local_part, parameters, destination, queue,"  # noqa: S608
    " lane, state, due, review, attempts, delay_told, status, host, attempted, runner)"
    f" VALUES ({', '.join(['%s'] * 18)})"
)


def add_txn(connection: Connection, new: NewMessage, runner: str | None) -> None:
    """Keep a message; nothing happens where it is kept already, so this may be done again when in doubt.

    Raises:
        OSError: its content cannot be read.
    """
    message = replace(new.message, size=new.mail.content.size)
    if connection.execute(_INSERT_MESSAGE, message_row(message)).fetchone() is None:
        return
    recipients = _own(connection, new, runner)
    with connection.pipeline():
        with connection.cursor() as cursor:
            rows = [recipient_row(message.queue_id, message.lane, one, runner) for one in recipients]
            cursor.executemany(_INSERT_RECIPIENT, rows)
        write_txn(connection, message.queue_id, new.mail.content)
        share_txn(connection, message.account, 1, message.size)
    wait_txn(
        connection,
        [
            (one.place.queue, one.place.destination, message.lane, one.due)
            for one in recipients
            if one.state is State.DUE
        ],
    )


def alive_txn(connection: Connection, runner: str) -> bool:
    """Is a runner still one? Until the end of the transaction nobody takes over what it has."""
    row = connection.execute("SELECT 1 FROM spool_runner WHERE name = %s FOR KEY SHARE", (runner,)).fetchone()
    return row is not None


def share_txn(connection: Connection, account: str, messages: int, octets: int) -> None:
    """Count what an account has here."""
    connection.execute(
        "INSERT INTO spool_share AS s (account, slot, messages, octets) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (account, slot) DO UPDATE SET messages = s.messages + excluded.messages,"
        " octets = s.octets + excluded.octets",
        (clean(account), random.randrange(_SLOTS), messages, octets),
    )


def used_txn(connection: Connection, account: str) -> tuple[int, int]:
    """Messages and octets that an account has here."""
    row = connection.execute(
        "SELECT coalesce(sum(messages), 0)::bigint, coalesce(sum(octets), 0)::bigint FROM spool_share"
        " WHERE account = %s",
        (clean(account),),
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def remove_txn(connection: Connection, queue_id: str) -> None:
    """Remove a message with all that belongs to it; no error for an unknown one."""
    row = connection.execute(
        "DELETE FROM spool_message WHERE queue_id = %s RETURNING account, size", (queue_id,)
    ).fetchone()
    if row is not None:
        share_txn(connection, row[0], -1, -row[1])


def _own(connection: Connection, new: NewMessage, runner: str | None) -> list[QueuedRecipient]:
    """The recipients; due, not leased, where the runner has lost its lease: nobody would take them over."""
    recipients = list(new.recipients)
    if not any(one.state is State.LEASED for one in recipients):
        return recipients
    if runner is not None and alive_txn(connection, runner):
        return recipients
    return [replace(one, state=State.DUE) if one.state is State.LEASED else one for one in recipients]
