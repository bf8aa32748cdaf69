"""A mailbox's keywords in the catalogue's file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from mailframe.store.catalogue.keywords import Keywords


class SQLiteKeywords(Keywords):
    """The rows of one mailbox in the table ``keywords``.

    Args:
        connection: the catalogue's.
        mailbox: its row id.
        version: of its keywords, when they were read.
        limit: how many there may be.
    """

    def __init__(self, connection: apsw.Connection, mailbox: int, version: int, limit: int) -> None:
        self._connection = connection
        self._mailbox = mailbox
        rows = connection.execute("SELECT number, spelling FROM keywords WHERE mailbox = ?", (mailbox,))
        super().__init__(dict(rows), version, limit)

    def _used(self) -> Iterable[bytes]:
        rows = self._connection.execute(
            "SELECT DISTINCT keywords FROM messages"
            " WHERE id BETWEEN ?1 << 32 AND (?1 + 1 << 32) - 1 AND keywords IS NOT NULL",
            (self._mailbox,),
        )
        return (keywords for (keywords,) in rows)

    def _keep(self, added: Sequence[tuple[int, str]]) -> None:
        self._connection.executemany(
            "INSERT INTO keywords (mailbox, number, spelling) VALUES (?, ?, ?)",
            [(self._mailbox, number, spelling) for number, spelling in added],
        )

    def _drop(self, numbers: Sequence[int]) -> None:
        self._connection.executemany(
            "DELETE FROM keywords WHERE mailbox = ? AND number = ?",
            [(self._mailbox, number) for number in numbers],
        )

    def _next_version(self) -> int:
        return int(
            self._connection.execute(
                "UPDATE mailboxes SET keywords_version = keywords_version + 1 WHERE id = ?"
                " RETURNING keywords_version",
                (self._mailbox,),
            ).get
        )
