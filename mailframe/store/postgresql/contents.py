"""The octets of messages, each content once for all accounts, known by its SHA-256. Blocking.

What a message has in front that others have not (the trace field of its own mailbox) is kept in its row, so that mail
for a thousand accounts is one content all the same.

How many messages have a content is counted by an index over the messages, when somebody asks: there is no counter
that a thousand transactions would wait for one after another, and none that could be wrong. A content that no message
has is removed by `mailframe.store.postgresql.sweeping`, but not within `GRACE_SECONDS` after somebody wrote it or
found it written already: until then that one may give it to a message.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from psycopg import errors

from mailframe.database.postgres_session import DatabaseFault, Session
from mailframe.database.postgres_start import START

PIECE: Final = 1024 * 1024
"""Octets of each piece of a large content but the last."""
LARGE: Final = 256 * 1024
"""Contents larger than this are written in pieces, and read by windows."""
GRACE_SECONDS: Final = 3600
"""How long a content that no message has is left alone."""


class Contents:
    """The tables of the contents; each method is a transaction of its own, or part of the open one.

    Args:
        session: the thread's.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def started(self) -> str:
        """Under which start of the server this is; see `Session.started`."""
        return self._session.started

    # Coming.

    def add(self, octets: bytes) -> int:
        """Keep a small content, or find it kept; its number."""
        row = self._session.row(
            "INSERT INTO mail_contents (hash, size, octets) VALUES (%b, %s, %b)"
            " ON CONFLICT (hash) DO UPDATE SET touched = now() RETURNING id",
            (hashlib.sha256(octets).digest(), len(octets), octets),
        )
        assert row is not None
        return int(row[0])

    def add_large(self, chunks: Iterable[bytes], size: int, digest: bytes) -> int:
        """Keep a large content, or find it kept; its number. Not within a transaction.

        Args:
            chunks: its octets, asked for only where it is not there yet.
            size: how many there are.
            digest: their SHA-256.

        Raises:
            DatabaseFault: it could not be done; what was written is removed some time later.
        """
        found = self._touch(digest)
        if found is not None:
            return found
        number, started = self._begin(size), self.started
        try:
            for place, piece in enumerate(pieces_of(chunks)):
                self._session.run("INSERT INTO mail_pieces VALUES (%s, %s, %b)", (number, place, piece))
            return self._finish(number, digest, started)
        except BaseException:
            self._give_up(number)
            raise

    # Reading.

    def read(self, number: int) -> bytes | None:
        """A whole content; None when it is gone."""
        row = self._session.row("SELECT octets FROM mail_contents WHERE id = %s", (number,))
        if row is None:
            return None
        return b"".join(self._pieces(number)) if row[0] is None else bytes(row[0])

    def window(self, number: int, offset: int, length: int) -> bytes | None:
        """Octets of a content in pieces; fewer at its end, None when it is gone."""
        found: list[bytes] = []
        while length > 0:
            row = self._session.row(
                "SELECT substring(octets FROM %s FOR %s) FROM mail_pieces WHERE content = %s AND place = %s",
                (offset % PIECE + 1, min(length, PIECE - offset % PIECE), number, offset // PIECE),
            )
            if row is None:
                return b"".join(found) if found or self.exists(number) else None
            if not row[0]:
                break
            found.append(row[0])
            offset += len(row[0])
            length -= len(row[0])
        return b"".join(found)

    def pieces(self, number: int) -> Iterator[bytes] | None:
        """All octets of a content in pieces of up to `PIECE`; None when it is gone."""
        row = self._session.row("SELECT octets FROM mail_contents WHERE id = %s", (number,))
        if row is None:
            return None
        return self._pieces(number) if row[0] is None else iter([bytes(row[0])])

    def exists(self, number: int) -> bool:
        """Is it there?"""
        return self._session.row("SELECT 1 FROM mail_contents WHERE id = %s", (number,)) is not None

    def missing(self, first: int, last: int) -> list[int]:
        """Row ids of messages in a range whose content is not there, or has not as many octets as it should."""
        rows = self._session.rows(
            "SELECT id FROM mail_messages AS message WHERE id BETWEEN %s AND %s AND NOT EXISTS ("
            " SELECT FROM mail_contents AS content WHERE content.id = file AND content.size = disk_size"
            ") ORDER BY id",
            (first, last),
        )
        return [id_ for (id_,) in rows]

    # Going.

    def release(self, numbers: Iterable[int]) -> None:
        """Messages do not have contents any more: they are looked at later."""
        self._session.run(
            "INSERT INTO mail_released (content) SELECT unnest(%s::bigint[])", (sorted(set(numbers)),)
        )

    # Inside.

    def _touch(self, digest: bytes) -> int | None:
        row = self._session.row(
            "UPDATE mail_contents SET touched = now() WHERE hash = %b RETURNING id", (digest,)
        )
        return None if row is None else int(row[0])

    def _begin(self, size: int) -> int:
        row = self._session.row("INSERT INTO mail_contents (size) VALUES (%s) RETURNING id", (size,))
        assert row is not None
        return int(row[0])

    def _finish(self, number: int, digest: bytes, started: str) -> int:
        """All is there; unless somebody else was faster, under whose number it is then."""
        try:
            count = self._session.run(
                "UPDATE mail_contents SET hash = %b, touched = now() WHERE id = %s AND %s = " + START,  # noqa: S608
                (digest, number, started),
            )
        except errors.UniqueViolation:
            other = self._touch(digest)
            if other is None:
                raise DatabaseFault(errno.EAGAIN, "a content came and went at the same time") from None
            self._give_up(number)
            return other
        if not count:
            # Nothing was flushed yet, so that the first of its pieces may be lost.
            raise DatabaseFault(errno.ESTALE, "the server was started again while a content came")
        return number

    def _give_up(self, number: int) -> None:
        try:
            self._session.run("DELETE FROM mail_contents WHERE id = %s AND hash IS NULL", (number,))
        except DatabaseFault:
            # Nobody knows it, so a later round removes it.
            return

    def _pieces(self, number: int) -> Iterator[bytes]:
        place = 0
        while True:
            row = self._session.row(
                "SELECT octets FROM mail_pieces WHERE content = %s AND place = %s", (number, place)
            )
            if row is None:
                return
            yield row[0]
            place += 1


def pieces_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Octets in pieces of `PIECE`, but for the last."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
    if held:
        yield bytes(held)
