"""Are an account's contents those that its messages have? Looking, and putting right. Blocking.

Octets and rows change together, so a difference means a damaged disk, somebody's own changes to the file, or a
mistake of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw


def _of_used(query: str) -> str:
    """A query that may look at ``used``: contents that messages have, and how many have each."""
    used = "SELECT CAST(file AS INTEGER) AS id, count(*) AS times FROM messages GROUP BY 1"
    return f"WITH used AS ({used}) {query}"


_MISSING = _of_used(
    "SELECT id FROM used WHERE NOT EXISTS (SELECT 1 FROM pieces WHERE pieces.id = used.id << 16)"
)
_ORPHANS = _of_used(
    "SELECT DISTINCT id >> 16 FROM pieces WHERE id >> 16 NOT IN (SELECT id FROM used"
    " UNION ALL SELECT id FROM coming_contents UNION ALL SELECT id FROM unused_contents)"
)
_UNUSED_IN_USE = _of_used("SELECT id FROM unused_contents WHERE id IN (SELECT id FROM used)")
_MISCOUNTED = _of_used(
    "SELECT coalesce(used.id, shared.id), coalesce(times, 0)"
    " FROM used FULL JOIN shared_contents AS shared ON used.id = shared.id"
    " WHERE coalesce(others, 0) <> max(coalesce(times, 0) - 1, 0) OR (others IS NOT NULL AND others < 1)"
)


@dataclass(frozen=True, slots=True)
class Differences:
    """What is not as it should be: numbers of contents.

    Attributes:
        missing: a message has it, and it is not there.
        orphans: it is there, and no message has it.
        doomed: a message has it, and it is on the list of those to be removed.
        miscounted: with how many messages really have it.
    """

    missing: tuple[int, ...]
    orphans: tuple[int, ...]
    doomed: tuple[int, ...]
    miscounted: tuple[tuple[int, int], ...]

    def __bool__(self) -> bool:
        """Is there any?"""
        return bool(self.missing or self.orphans or self.doomed or self.miscounted)


def differences(connection: apsw.Connection) -> Differences:
    """Compare messages and contents; of one moment where a transaction is open."""
    missing, orphans, doomed = (
        tuple(number for (number,) in connection.execute(query))
        for query in (_MISSING, _ORPHANS, _UNUSED_IN_USE)
    )
    counts = tuple((number, times) for number, times in connection.execute(_MISCOUNTED))
    return Differences(missing, orphans, doomed, counts)


def put_right(connection: apsw.Connection, found: Differences) -> None:
    """Make it as it should be, but for what is missing, which nobody has. Needs the transaction of `differences`."""
    connection.executemany(
        "INSERT OR IGNORE INTO unused_contents VALUES (?)", [(number,) for number in found.orphans]
    )
    connection.execute(
        "UPDATE next_content SET number = max(number, coalesce((SELECT max(id) >> 16 FROM pieces), 0) + 1)"
    )
    connection.executemany("DELETE FROM unused_contents WHERE id = ?", [(number,) for number in found.doomed])
    for number, times in found.miscounted:
        connection.execute("DELETE FROM shared_contents WHERE id = ?", (number,))
        if times > 1:
            connection.execute("INSERT INTO shared_contents VALUES (?, ?)", (number, times - 1))
