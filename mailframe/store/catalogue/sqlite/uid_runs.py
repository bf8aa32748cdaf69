"""Which messages there are, as runs of neighbouring row ids."""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from mailframe.store.catalogue.rows import UID_MASK, MailboxRow, row_id
from mailframe.store.uid_runs import UIDRuns, runs, without


class RunsOfUIDs:
    """The table ``uid_runs``. What writes needs a transaction, the one that changes the rows of messages.

    A message that comes costs 4 us; of 100,000 messages the first SELECT after a start takes 1 ms for this, and took
    200 while it read an index of all messages from the disk (30 from memory).
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def of(self, mailbox: MailboxRow, uid: int = 1) -> UIDRuns:
        """All UIDs of a mailbox, or those from one on."""
        first = row_id(mailbox, uid)
        found = self._execute(
            "SELECT max(first, ?1) & 0xFFFFFFFF, last & 0xFFFFFFFF FROM uid_runs"
            " WHERE first BETWEEN ?2 AND ?3 AND last >= ?1",
            (first, self._begin(first), row_id(mailbox, UID_MASK)),
        )
        return UIDRuns(found)

    def add(self, ids: Iterable[int]) -> None:
        """Messages came."""
        for first, last in runs(ids):
            self._add(first, last)

    def remove(self, gone: list[tuple[int, int]]) -> None:
        """Messages went.

        Args:
            gone: the first and the last row id of each run, ascending.
        """
        if not gone:
            return
        first, last = gone[0][0], gone[-1][1]
        begin = self._begin(first)
        there = list(
            self._execute("SELECT first, last FROM uid_runs WHERE first BETWEEN ? AND ?", (begin, last))
        )
        self._execute("DELETE FROM uid_runs WHERE first BETWEEN ? AND ?", (begin, last))
        self._connection.executemany("INSERT INTO uid_runs VALUES (?, ?)", without(there, gone))

    def _begin(self, id_: int) -> int:
        """Where the run begins that may have a row id; the row id itself where there is none."""
        return self._execute("SELECT max(first) FROM uid_runs WHERE first <= ?", (id_,)).get or id_

    def _add(self, first: int, last: int) -> None:
        while True:
            near = self._execute(
                "SELECT first, last FROM uid_runs WHERE first <= ? ORDER BY first DESC LIMIT 1", (last + 1,)
            ).get
            if near is None or near[1] < first - 1:
                self._execute("INSERT INTO uid_runs VALUES (?, ?)", (first, last))
                return
            if near[0] < first:
                self._execute("UPDATE uid_runs SET last = ? WHERE first = ?", (last, near[0]))
                return
            # It fills the gap before this one.
            self._execute("DELETE FROM uid_runs WHERE first = ?", (near[0],))
            last = near[1]
