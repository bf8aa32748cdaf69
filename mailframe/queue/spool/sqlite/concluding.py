"""What became of claimed recipients is written down. Inside transactions."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from mailframe.queue.values import Conclusion, Place, QueuedRecipient, State

from .adding import remove_txn
from .places import wait_txn, wake_txn
from .rows import DELIVERED, LEASED, first, standing

_STANDING = (
    "state = ?, due = ?, review = ?, attempts = ?, delay_told = ?, status = ?, host = ?, attempted = ?"
)


class Written:
    """How a conclusion was written down.

    Attributes:
        kept: the lease was ours.
        told: notices belong into the same transaction: nobody may be given up without a word.
        filed: the id of a message that is gone and whose content lies in a file, or None.
    """

    __slots__ = ("filed", "kept", "told")

    def __init__(self, kept: bool, told: bool, filed: str | None = None) -> None:
        self.kept = kept
        self.told = told
        self.filed = filed


def conclude_txn(connection: apsw.Connection, runner: int | None, conclusion: Conclusion) -> Written:
    """Write down what became of the recipients of a claim (see `ISpool.conclude`)."""
    row = first(
        connection, "SELECT id, lane, waiting FROM message WHERE queue_id = ?", (conclusion.queue_id,)
    )
    if row is None:
        return Written(False, False)
    message, lane, waiting = row
    recipients = conclusion.recipients
    standing_now = _standing(connection, message, recipients)
    kept = all(standing_now.get(one.number, ())[:2] == (LEASED, runner) for one in recipients)
    open_now = {number for number, (state, *_) in standing_now.items() if state < DELIVERED}
    if kept:
        _end_probe(connection, {Place(*place) for _, _, *place in standing_now.values()}, runner)
    final = {one.number for one in recipients if one.state.final} & open_now
    if len(final) == waiting:
        # Nothing is written that is about to go.
        return Written(kept, kept or bool(final), remove_txn(connection, message))
    for one in recipients:
        if one.number in open_now and (kept or one.state.final):
            _write(connection, message, lane, one)
    if final:
        connection.execute("UPDATE message SET waiting = waiting - ? WHERE id = ?", (len(final), message))
    return Written(kept, kept or bool(final))


def _standing(
    connection: apsw.Connection, message: int, recipients: Sequence[QueuedRecipient]
) -> dict[int, tuple[int, int | None, str, str]]:
    """State, runner, destination and queue of the recipients, by number."""
    found = {}
    for one in recipients:
        row = first(
            connection,
            "SELECT state, runner, destination, queue FROM recipient WHERE message = ? AND number = ?",
            (message, one.number),
        )
        if row is not None:
            found[one.number] = row
    return found


def _write(connection: apsw.Connection, message: int, lane: int, one: QueuedRecipient) -> None:
    connection.execute(
        f"UPDATE recipient SET {_STANDING}, destination = ?, queue = ?, runner = NULL"
        " WHERE message = ? AND number = ?",
        (*standing(one), one.place.destination, one.place.queue, message, one.number),
    )
    if one.state is State.DUE:
        wait_txn(connection, one.place, lane, one.due)


def _end_probe(connection: apsw.Connection, places: set[Place], runner: int | None) -> None:
    """Where a closed place was to be tried and was neither opened nor closed again, another may try.

    Perhaps it was not tried at all: mail that has expired meanwhile, or goes another way now, tells nothing of it.
    """
    for place in places:
        connection.execute(
            "UPDATE closed SET prober = NULL WHERE queue = ? AND destination = ? AND prober = ?",
            (place.queue, place.destination, runner),
        )
        if connection.changes():
            wake_txn(connection, place)
