"""The octets of an account's messages, as rows of SQLite: kept once however many messages have them. Blocking.

A content is known by its number. Pages have 4 KiB: measured on messages of 5 KB with their rows and descriptions, a
transaction each, 101 us a message; 144 with pages of 8 KiB and 181 with 16, since each small change writes whole
pages to the log.

References are counted only where there is more than one: a delivery writes no count, a move changes none, and a copy
of ten thousand messages writes ten thousand narrow rows in one statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import apsw

from mailframe.store.uid_runs import runs

PIECE = 1024 * 1024
"""Octets of each piece of a large content but the last; reading one takes 1.2 ms, a window in it 0.1 ms a 256 KiB."""
LARGE = 256 * 1024
"""Contents larger than this are written in pieces, and read by windows."""
REMOVED_AT_ONCE = 16 * 1024 * 1024
"""Octets of contents that go in the transaction that removes their messages (2 us a message of 5 KB); of more, which
would keep other writers waiting, the rest goes bit by bit."""

_PLACE_BITS = 16
_LAST_PLACE = (1 << _PLACE_BITS) - 1


class Contents:
    """The tables of the contents. What writes needs a transaction of the catalogue.

    Args:
        connection: the catalogue's.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    # Coming.

    def reserve(self, count: int) -> int:
        """The first of so many new numbers."""
        following = self._execute(
            "UPDATE next_content SET number = number + ? RETURNING number", (count,)
        ).get
        return int(following) - count

    def add(self, number: int, octets: bytes, place: int = 0) -> None:
        """Keep a content, or a piece of a large one."""
        self._execute("INSERT INTO pieces VALUES (?, ?)", (number << _PLACE_BITS | place, octets))

    def begin(self, number: int, now: int) -> None:
        """A large content is about to come, in several transactions."""
        self._execute("INSERT INTO coming_contents VALUES (?, ?)", (number, now))

    def came(self, number: int) -> None:
        """All of it is there, and a message has it."""
        self._execute("DELETE FROM coming_contents WHERE id = ?", (number,))

    def give_up(self, number: int) -> None:
        """No message will have it."""
        self.came(number)
        self._execute("INSERT OR IGNORE INTO unused_contents VALUES (?)", (number,))

    def abandoned(self, begun: int) -> bool:
        """Is there one that began to come before a time?"""
        return self._execute("SELECT 1 FROM coming_contents WHERE begun < ?", (begun,)).get is not None

    def give_up_before(self, begun: int) -> None:
        """Give up all that began to come before a time: whoever wrote them was killed."""
        coming = self._execute("SELECT id FROM coming_contents WHERE begun < ?", (begun,))
        numbers: list[int] = [number for (number,) in coming]
        for number in numbers:
            self.give_up(number)

    def rewrite(self, number: int, octets: bytes) -> None:
        """Write a small content anew, although it seems to be there: its pages go to the log once more."""
        self._remove(number, number)
        self.add(number, octets)

    # Reading.

    def read(self, number: int) -> bytes | None:
        """A whole content; None when it is gone."""
        found = self._execute(
            "SELECT octets FROM pieces WHERE id BETWEEN ? AND ? ORDER BY id", _range(number)
        )
        pieces: list[bytes] = [octets for (octets,) in found]
        if len(pieces) == 1:
            return pieces[0]
        return b"".join(pieces) if pieces else None

    def read_together(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Whole contents that are not large, by their numbers; without those that are gone.

        Messages that came one after the other are neighbours, and read by one statement.
        """
        found: dict[int, bytes] = {}
        for first, last in runs(set(numbers)):
            rows = self._execute(
                "SELECT id, octets FROM pieces WHERE id BETWEEN ? AND ?",
                (first << _PLACE_BITS, last << _PLACE_BITS | _LAST_PLACE),
            )
            for id_, octets in rows:
                number = id_ >> _PLACE_BITS
                found[number] = found[number] + octets if number in found else octets
        return found

    def window(self, number: int, offset: int, length: int) -> bytes | None:
        """Octets of a large content; fewer at its end, None when it is gone."""
        found: list[bytes] = []
        while length > 0:
            piece = self._part(number << _PLACE_BITS | offset // PIECE, offset % PIECE, length)
            if piece is None:
                return b"".join(found) if found or self.exists(number) else None
            if not piece:
                break
            found.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(found)

    def pieces(self, number: int) -> Iterator[bytes]:
        """All octets of a content in pieces of up to `PIECE`; none when it is gone."""
        for place in range(_LAST_PLACE + 1):
            piece = self._execute(
                "SELECT octets FROM pieces WHERE id = ?", (number << _PLACE_BITS | place,)
            ).get
            if piece is None:
                return
            yield piece

    def exists(self, number: int) -> bool:
        """Is it there?"""
        return self._execute("SELECT 1 FROM pieces WHERE id = ?", (number << _PLACE_BITS,)).get is not None

    # Sharing and going.

    def share(self, numbers: Iterable[int]) -> None:
        """One more message has each of these; a number may come several times."""
        self._execute(
            "INSERT INTO shared_contents SELECT value, count(*) FROM json_each(?) WHERE true GROUP BY value"
            " ON CONFLICT DO UPDATE SET others = others + excluded.others",
            (json.dumps(list(numbers)),),
        )

    def release(self, sizes: Mapping[int, int], times: Mapping[int, int]) -> None:
        """Messages do not have contents any more; those that no other message has are removed.

        Args:
            sizes: octets of each content.
            times: how many messages each of them loses.
        """
        budget = REMOVED_AT_ONCE
        at_once: list[int] = []
        later: list[int] = []
        for number in self._without_messages(times):
            budget -= sizes[number]
            (at_once if budget >= 0 else later).append(number)
        for first, last in runs(at_once):
            self._remove(first, last)
        if later:
            self._execute(
                "INSERT OR IGNORE INTO unused_contents SELECT value FROM json_each(?)", (json.dumps(later),)
            )

    def sweep(self, octets: int) -> int:
        """Remove about so many octets of what is not used any more; how many it were."""
        removed = 0
        while removed < octets:
            first = self._execute("SELECT min(id) FROM unused_contents").get
            if first is None:
                break
            removed += self._remove_last_piece(first)
        return removed

    def unused(self) -> bool:
        """Is there something to sweep?"""
        return self._execute("SELECT 1 FROM unused_contents LIMIT 1").get is not None

    # Inside.

    def _without_messages(self, times: Mapping[int, int]) -> list[int]:
        """Count down, and tell which are left without a message."""
        if self._execute("SELECT 1 FROM shared_contents LIMIT 1").get is None:
            return list(times)
        others = dict(
            self._execute(
                "SELECT id, others FROM shared_contents WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(times)),),
            )
        )
        self._connection.executemany(
            "UPDATE shared_contents SET others = ? WHERE id = ?",
            [(left - times[number], number) for number, left in others.items() if left > times[number]],
        )
        self._connection.executemany(
            "DELETE FROM shared_contents WHERE id = ?",
            [(number,) for number, left in others.items() if left <= times[number]],
        )
        return [number for number, count in times.items() if others.get(number, 0) < count]

    def _part(self, row: int, offset: int, length: int) -> bytes | None:
        """A part of one piece, without reading what is before it in the piece; None where there is none."""
        try:
            blob = self._connection.blob_open("main", "pieces", "octets", row, False)
        except apsw.SQLError:
            return None
        try:
            blob.seek(min(offset, blob.length()))
            return blob.read(length)
        finally:
            blob.close()

    def _remove(self, first: int, last: int) -> None:
        """All contents from one number to another."""
        self._execute("DELETE FROM pieces WHERE id BETWEEN ? AND ?", (_range(first)[0], _range(last)[1]))

    def _remove_last_piece(self, number: int) -> int:
        """Remove one piece, and the content from the list with its first; the octets that it had, at least 1."""
        found = self._execute(
            "SELECT id, length(octets) FROM pieces WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",
            _range(number),
        ).get
        if found is None:
            self._execute("DELETE FROM unused_contents WHERE id = ?", (number,))
            return 1
        row, octets = found
        self._execute("DELETE FROM pieces WHERE id = ?", (row,))
        if row == number << _PLACE_BITS:
            self._execute("DELETE FROM unused_contents WHERE id = ?", (number,))
        return max(1, int(octets))


def _range(number: int) -> tuple[int, int]:
    return number << _PLACE_BITS, number << _PLACE_BITS | _LAST_PLACE
