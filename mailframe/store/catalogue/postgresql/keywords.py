"""A mailbox's keywords in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mailframe.database.postgres_session import Session
from mailframe.store.catalogue.keywords import Keywords

_USED: Final = """
WITH RECURSIVE used AS (
    (SELECT keywords FROM mail_messages WHERE mailbox = %s AND keywords IS NOT NULL ORDER BY keywords LIMIT 1)
    UNION ALL
    SELECT (
        SELECT message.keywords FROM mail_messages AS message
        WHERE message.mailbox = %s AND message.keywords > used.keywords ORDER BY message.keywords LIMIT 1
    ) FROM used WHERE used.keywords IS NOT NULL
) SELECT keywords FROM used WHERE keywords IS NOT NULL
"""
"""From each combination to the next, by the index."""


class PostgresKeywords(Keywords):
    """The rows of one mailbox in the table ``mail_keywords``.

    Args:
        session: the catalogue's.
        mailbox: its row id.
        version: of its keywords, when they were read.
        limit: how many there may be.
    """

    def __init__(self, session: Session, mailbox: int, version: int, limit: int) -> None:
        self._session = session
        self._mailbox = mailbox
        rows = session.rows("SELECT number, spelling FROM mail_keywords WHERE mailbox = %s", (mailbox,))
        super().__init__(dict(rows), version, limit)

    def _used(self) -> Iterable[bytes]:
        # Some programs set a keyword on every message, and DISTINCT would read all of them.
        rows = self._session.rows(_USED, (self._mailbox, self._mailbox))
        return (keywords for (keywords,) in rows)

    def _keep(self, added: Sequence[tuple[int, str]]) -> None:
        self._session.run(
            "INSERT INTO mail_keywords SELECT %s, * FROM unnest(%s::integer[], %s::text[])",
            (self._mailbox, [number for number, _ in added], [spelling for _, spelling in added]),
        )

    def _drop(self, numbers: Sequence[int]) -> None:
        self._session.run(
            "DELETE FROM mail_keywords WHERE mailbox = %s AND number = ANY(%s::integer[])",
            (self._mailbox, list(numbers)),
        )

    def _next_version(self) -> int:
        row = self._session.row(
            "UPDATE mail_mailboxes SET keywords_version = keywords_version + 1 WHERE id = %s"
            " RETURNING keywords_version",
            (self._mailbox,),
        )
        assert row is not None
        return int(row[0])
