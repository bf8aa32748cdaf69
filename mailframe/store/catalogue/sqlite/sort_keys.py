"""What messages are sorted and threaded by, kept since somebody first asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apsw

from .descriptions import neighbours


class SortKeys:
    """The table ``sort_keys``: apart from the descriptions, so that 100,000 of them are read from 20 MB."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def add(self, made: Iterable[tuple[int, bytes]]) -> None:
        """Keep keys, by row ids; of messages that are gone meanwhile nothing is kept. Needs a writing transaction."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO sort_keys SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM messages WHERE id = ?1)",
            made,
        )

    def of(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Keys of row ids in a range."""
        yield from self._connection.execute(
            "SELECT id, keys FROM sort_keys WHERE id BETWEEN ? AND ?", (first, last)
        )

    def copy(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Give copies the keys of their sources: pairs of source and target row ids."""
        for first, last, distance in neighbours(pairs):
            self._connection.execute(
                "INSERT OR REPLACE INTO sort_keys SELECT id + ?3, keys FROM sort_keys WHERE id BETWEEN ?1 AND ?2",
                (first, last, distance),
            )
