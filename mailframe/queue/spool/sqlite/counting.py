"""How full the spool is. Counting a million recipients takes a tenth of a second, so counts are used for a while."""

from __future__ import annotations

from typing import Final

import apsw

from mailframe.database.file import Database
from mailframe.queue.values import State, Usage

from .rows import STATES, first

GOOD: Final = 5.0
"""Seconds for which counts of recipients are good."""
Counts = dict[tuple[str, State], int]


class Counting:
    """Counts of one database.

    Args:
        database: the spool's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted = float("-inf")
        self._counts: Counts = {}

    async def usage(self, now: float) -> Usage:
        """How full it is; messages and octets exactly, recipients as of some seconds ago."""
        if not 0 <= now - self._counted < GOOD:
            self._counts = await self._database.read(_counts_txn)
            self._counted = now
        messages, octets, oldest = await self._database.read(_totals_txn)
        return Usage(messages, octets, self._counts, oldest)


def _totals_txn(connection: apsw.Connection) -> tuple[int, int, float | None]:
    messages, octets = first(connection, "SELECT messages, octets FROM total")
    row = first(connection, "SELECT arrived FROM message ORDER BY queue_id LIMIT 1")
    return messages, octets, None if row is None else row[0]


def _counts_txn(connection: apsw.Connection) -> Counts:
    """Recipients by queue and state; those that are final are not counted: their messages are about to go."""
    found = {}
    for number in (0, 1, 2):
        rows = connection.execute(
            f"SELECT queue, count(*) FROM recipient WHERE state = {number} GROUP BY queue"
        )
        found.update({(queue, STATES[number]): count for queue, count in rows})
    return found
