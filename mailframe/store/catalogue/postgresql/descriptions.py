"""Descriptions of messages: what IMAP answers with, kept since it was first made. They go with their messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailframe.database.postgres_session import Session
from mailframe.store.values import Description


class Descriptions:
    """The table ``mail_descriptions``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, described: Iterable[tuple[int, Description]]) -> None:
        """Keep descriptions, by row ids; of messages that are gone meanwhile nothing is kept."""
        pairs = list(described)
        if not pairs:
            return
        columns = zip(
            *((each.envelope, each.bodystructure, each.body, each.parts) for _, each in pairs), strict=True
        )
        self._session.run(
            "INSERT INTO mail_descriptions SELECT found.* FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[],"
            " %s::bytea[], %s::bytea[]) AS found (id, envelope, bodystructure, body, parts)"
            " WHERE EXISTS (SELECT FROM mail_messages WHERE mail_messages.id = found.id)"
            " ON CONFLICT (id) DO UPDATE SET envelope = excluded.envelope, bodystructure = excluded.bodystructure,"
            " body = excluded.body, parts = excluded.parts, preview = NULL",
            ([id_ for id_, _ in pairs], *map(list, columns)),
        )

    def of(self, first: int, last: int) -> dict[int, Description]:
        """Descriptions of row ids in a range."""
        rows = self._session.rows(
            "SELECT id, envelope, bodystructure, body, parts FROM mail_descriptions WHERE id BETWEEN %s AND %s",
            (first, last),
        )
        return {row[0]: Description(*row[1:]) for row in rows}

    def octets(self, first: int, last: int) -> Iterable[tuple[int, int]]:
        """How large they are, with their row ids, ascending; without reading them."""
        return self._session.rows(
            "SELECT id, length(envelope) + length(bodystructure) + length(body) + length(parts)"
            " FROM mail_descriptions WHERE id BETWEEN %s AND %s ORDER BY id",
            (first, last),
        )

    def previews(self, first: int, last: int) -> dict[int, str]:
        """What messages begin with, of row ids in a range."""
        rows = self._session.rows(
            "SELECT id, preview FROM mail_descriptions WHERE id BETWEEN %s AND %s AND preview IS NOT NULL",
            (first, last),
        )
        return dict(rows)

    def set_previews(self, previews: Iterable[tuple[int, str]]) -> None:
        """Keep what messages begin with, by row ids, where they are described."""
        pairs = list(previews)
        self._session.run(
            "UPDATE mail_descriptions AS known SET preview = found.preview"
            " FROM unnest(%s::bigint[], %s::text[]) AS found (id, preview) WHERE known.id = found.id",
            # The one character that PostgreSQL's text cannot have.
            ([id_ for id_, _ in pairs], [text.replace("\0", "\ufffd") for _, text in pairs]),
        )

    def copy(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Give copies the description of their sources: pairs of source and target row ids."""
        both = list(pairs)
        self._session.run(
            "INSERT INTO mail_descriptions"
            " SELECT target, envelope, bodystructure, body, parts, preview"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS pair (source, target)"
            " JOIN mail_descriptions ON mail_descriptions.id = pair.source ON CONFLICT (id) DO NOTHING",
            ([source for source, _ in both], [target for _, target in both]),
        )


class SortKeys:
    """The table ``mail_sort_keys``: what messages are sorted and threaded by."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, made: Iterable[tuple[int, bytes]]) -> None:
        """Keep keys, by row ids; of messages that are gone meanwhile nothing is kept. Needs a writing transaction."""
        pairs = list(made)
        self._session.run(
            "INSERT INTO mail_sort_keys SELECT found.* FROM unnest(%s::bigint[], %s::bytea[]) AS found (id, keys)"
            " WHERE EXISTS (SELECT FROM mail_messages WHERE mail_messages.id = found.id)"
            " ON CONFLICT (id) DO UPDATE SET keys = excluded.keys",
            ([id_ for id_, _ in pairs], [keys for _, keys in pairs]),
        )

    def of(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Keys of row ids in a range."""
        yield from self._session.rows(
            "SELECT id, keys FROM mail_sort_keys WHERE id BETWEEN %s AND %s", (first, last)
        )

    def copy(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Give copies the keys of their sources: pairs of source and target row ids."""
        both = list(pairs)
        self._session.run(
            "INSERT INTO mail_sort_keys SELECT target, keys"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS pair (source, target)"
            " JOIN mail_sort_keys ON mail_sort_keys.id = pair.source ON CONFLICT (id) DO NOTHING",
            ([source for source, _ in both], [target for _, target in both]),
        )
