"""Writing down what became of claimed recipients. Transactions for pool threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailframe.database.postgres import Connection
from mailframe.queue.values import Conclusion, QueuedRecipient, State

from .adding import add_txn, alive_txn, remove_txn
from .destinations import wait_txn
from .rows import standing

_FINAL: Final = frozenset(state.value for state in State if state.final)
_UPDATE: Final = (
    "UPDATE spool_recipient SET state = %s, due = %s, review = %s, attempts = %s, delay_told = %s, status = %s,"
    " host = %s, attempted = %s, destination = %s, queue = %s, runner = NULL WHERE queue_id = %s AND number = %s"
)


def conclude_txn(connection: Connection, runner: str, conclusion: Conclusion) -> bool:
    """Write down what became of claimed recipients; a message whose recipients are all final is gone.

    Returns:
        False where the lease had been lost.
    """
    alive = alive_txn(connection, runner)
    message = connection.execute(
        "SELECT lane FROM spool_message WHERE queue_id = %s FOR UPDATE", (conclusion.queue_id,)
    ).fetchone()
    if message is None:
        return False
    lane: int = message[0]
    standings: dict[int, tuple[str, str | None]] = {
        number: (state, holder)
        for number, state, holder in connection.execute(
            "SELECT number, state, runner FROM spool_recipient WHERE queue_id = %s FOR UPDATE",
            (conclusion.queue_id,),
        ).fetchall()
    }
    ours = alive and all(
        standings.get(one.number) == (State.LEASED.value, runner) for one in conclusion.recipients
    )
    written = [
        one
        for one in conclusion.recipients
        if ours or (one.state.final and standings.get(one.number, ("failed", None))[0] not in _FINAL)
    ]
    _write_txn(connection, conclusion.queue_id, lane, written, {n: s for n, (s, _) in standings.items()})
    if ours or written:
        # Nobody is given up without a word, not even where the lease was lost.
        for notice in conclusion.notices:
            add_txn(connection, notice, runner)
    return ours


def _write_txn(
    connection: Connection,
    queue_id: str,
    lane: int,
    recipients: Sequence[QueuedRecipient],
    states: dict[int, str],
) -> None:
    if not recipients:
        return
    states.update((one.number, one.state.value) for one in recipients)
    if _FINAL.issuperset(states.values()):
        remove_txn(connection, queue_id)
        return
    rows = [
        (*standing(one), one.place.destination, one.place.queue, queue_id, one.number) for one in recipients
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_UPDATE, rows)
    wait_txn(
        connection,
        [
            (one.place.queue, one.place.destination, lane, one.due)
            for one in recipients
            if one.state is State.DUE
        ],
    )
