"""Which thread a message id belongs to, in the catalogue's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw


class Threads:
    """The table ``threads``. What writes needs a transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def of(self, references: Sequence[int]) -> dict[int, str]:
        """THREADIDs, by those references that are known."""
        marks = ", ".join("?" * len(references))
        rows = self._connection.execute(
            f"SELECT reference, thread_id FROM threads WHERE reference IN ({marks})",  # noqa: S608
            references,
        )
        return dict(rows)

    def add(self, found: Mapping[int, str]) -> None:
        """Note references; those that are known stay as they are."""
        self._connection.executemany("INSERT OR IGNORE INTO threads VALUES (?, ?)", found.items())
