"""A mailbox's keywords in the catalogue's file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from mailframe.store.catalogue.keywords import Keywords

_NEXT = "SELECT min(keywords) FROM messages WHERE mailbox = ? AND keywords > ?"


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
        # From each combination to the next: some programs set a keyword on every message, and DISTINCT reads all.
        found: list[bytes] = []
        while (
            next_ := self._connection.execute(_NEXT, (self._mailbox, found[-1] if found else b"")).get
        ) is not None:
            found.append(next_)
        return found

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
