"""Runners and their leases. Transactions for pool threads.

A lease ends by the database's clock, which is the same for all nodes. A runner is one until its row is
deleted.
"""

from __future__ import annotations

import secrets
from typing import Final

from mailframe.database.postgres import Connection

from .destinations import forget_probers_txn, sweep_txn, wait_txn

_NOW: Final = "coalesce(%(now)s::double precision, extract(epoch FROM clock_timestamp())::double precision)"


def enlist_txn(connection: Connection, seconds: float, now: float | None) -> str:
    """A new runner's name.

    Args:
        connection: of the transaction.
        seconds: how long the lease is.
        now: None for the database's clock.
    """
    name = secrets.token_hex(12)
    connection.execute(
        f"INSERT INTO spool_runner (name, ends) VALUES (%(name)s, {_NOW} + %(seconds)s)",  # noqa: S608
        {"name": name, "now": now, "seconds": seconds},
    )
    return name


def renew_txn(connection: Connection, runner: str, seconds: float, now: float | None) -> bool:
    """Have the lease for longer; False where there is none."""
    row = connection.execute(
        f"UPDATE spool_runner SET ends = {_NOW} + %(seconds)s WHERE name = %(name)s RETURNING 1",  # noqa: S608
        {"name": runner, "now": now, "seconds": seconds},
    ).fetchone()
    return row is not None


def discharge_txn(connection: Connection, runner: str, now: float) -> None:
    """End a lease."""
    gone = connection.execute("DELETE FROM spool_runner WHERE name = %s RETURNING name", (runner,)).fetchone()
    if gone is not None:
        _make_due_txn(connection, [runner], now)


def take_over_txn(connection: Connection, now: float, lease_now: float | None) -> int:
    """Make due what belongs to runners whose lease has ended."""
    rows = connection.execute(
        "DELETE FROM spool_runner WHERE name IN (SELECT name FROM spool_runner"  # noqa: S608
        f" WHERE ends <= {_NOW} FOR UPDATE SKIP LOCKED) RETURNING name",
        {"now": lease_now},
    ).fetchall()
    count = _make_due_txn(connection, [row[0] for row in rows], now) if rows else 0
    sweep_txn(connection)
    return count


def _make_due_txn(connection: Connection, runners: list[str], now: float) -> int:
    # What somebody has bounced has no time to be attempted at, only one to be reviewed at: that stays so.
    rows = connection.execute(
        "UPDATE spool_recipient SET state = 'due', runner = NULL,"
        " due = CASE WHEN due = 'infinity' THEN due ELSE least(due, %s) END"
        " WHERE runner = ANY(%s) RETURNING queue, destination, lane, due",
        (now, runners),
    ).fetchall()
    wait_txn(connection, rows)
    forget_probers_txn(connection, runners)
    return len(rows)
