"""What POP3 calls messages that another server has named."""

from __future__ import annotations

from collections.abc import Iterable

import apsw


class Uidls:
    """The table ``uidls``, which has no row for most messages."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def add(self, named: Iterable[tuple[int, str]]) -> None:
        """Keep names, by row ids. Needs a writing transaction."""
        self._connection.executemany("INSERT OR REPLACE INTO uidls VALUES (?, ?)", named)

    def of(self, first: int, last: int) -> dict[int, str]:
        """Names of row ids in a range."""
        rows = self._connection.execute("SELECT id, uidl FROM uidls WHERE id BETWEEN ? AND ?", (first, last))
        return dict(rows)
