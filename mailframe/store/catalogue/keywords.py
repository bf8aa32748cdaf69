"""Flags as the catalogue keeps them: system flags in five bits, keywords as bits of a blob.

A mailbox numbers its keywords (`mailframe.store.flags` has the rules and bounds). Numbers of keywords that no
message has any more are given to new ones only when all are used.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from mailframe.message.status import MailframeError
from mailframe.store import flags as rules
from mailframe.store.values import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, SYSTEM_FLAGS, Flags

_BITS = {SEEN: 1, ANSWERED: 2, FLAGGED: 4, DELETED: 8, DRAFT: 16}
_KNOWN_LIMIT = 10_000

Packed = tuple[int, bytes | None]
"""The columns ``flags`` and ``keywords``."""


def pack_system(flags: Iterable[str]) -> int:
    """System flags as bits."""
    return sum(_BITS[flag] for flag in flags)


class Keywords:
    """The keywords of one mailbox.

    Args:
        connection: the catalogue's.
        mailbox: its row id.
        version: of its keywords, when they were read.
        limit: how many there may be.
    """

    def __init__(self, connection: apsw.Connection, mailbox: int, version: int, limit: int) -> None:
        self._connection = connection
        self._mailbox = mailbox
        self._limit = limit
        self.version = version
        self._spellings: dict[int, str] = {}
        rows = connection.execute("SELECT number, spelling FROM keywords WHERE mailbox = ?", (mailbox,))
        self._spellings.update(rows)
        self._index()

    def unpack(self, flags: int, keywords: bytes | None) -> Flags:
        """The flags that columns hold; the same few combinations come again and again, so they are kept."""
        key = (flags, keywords)
        found = self._unpacked.get(key)
        if found is None:
            if len(self._unpacked) > _KNOWN_LIMIT:
                self._unpacked.clear()
            found = self._unpacked[key] = self._unpack(flags, keywords)
        return found

    def pack(self, flags: Flags) -> Packed:
        """The columns for flags that `spell` or `known` gave."""
        system = pack_system(flags & SYSTEM_FLAGS)
        if len(flags) == system.bit_count():
            return system, None
        bits = sum(1 << self._numbers[flag.lower()] for flag in flags - SYSTEM_FLAGS)
        return system, bits.to_bytes((bits.bit_length() + 7) // 8, "little")

    def spell(self, flags: Iterable[str]) -> Flags:
        """Flags as this mailbox spells them; new keywords get a number. Needs a writing transaction.

        Raises:
            MailframeError: ``LIMIT``; nothing was changed.
        """
        flags = frozenset(flags)
        if flags <= SYSTEM_FLAGS:
            return flags
        mapping = {spelling.lower(): spelling for spelling in self._spellings.values()}
        before = len(mapping)
        try:
            spelled = rules.spelled(flags, mapping, self._limit)
        except MailframeError:
            used = self.in_use()
            mapping = {spelling.lower(): spelling for spelling in used}
            spelled = rules.spelled(flags, mapping, self._limit)
            self._forget_unused(used)
        if len(mapping) != before or mapping.keys() != self._numbers.keys():
            self._add(spelled - SYSTEM_FLAGS)
        return spelled

    def known(self, flags: Iterable[str]) -> Flags:
        """The same without keywords this mailbox does not know."""
        mapping = {spelling.lower(): spelling for spelling in self._spellings.values()}
        return rules.known(flags, mapping)

    def in_use(self) -> Flags:
        """Keywords that some message has."""
        bits = 0
        for (keywords,) in self._connection.execute(
            "SELECT DISTINCT keywords FROM messages"
            " WHERE id BETWEEN ?1 << 32 AND (?1 + 1 << 32) - 1 AND keywords IS NOT NULL",
            (self._mailbox,),
        ):
            bits |= int.from_bytes(keywords, "little")
        return frozenset(spelling for number, spelling in self._spellings.items() if bits >> number & 1)

    def _unpack(self, flags: int, keywords: bytes | None) -> Flags:
        found = {flag for flag, bit in _BITS.items() if flags & bit}
        if keywords is not None:
            bits = int.from_bytes(keywords, "little")
            found.update(spelling for number, spelling in self._spellings.items() if bits >> number & 1)
        return frozenset(found)

    def _index(self) -> None:
        self._numbers = {spelling.lower(): number for number, spelling in self._spellings.items()}
        self._unpacked: dict[Packed, Flags] = {}

    def _add(self, spellings: Iterable[str]) -> None:
        free = (number for number in range(self._limit) if number not in set(self._spellings))
        added = [(number, new) for new, number in zip(self._missing(spellings), free, strict=False)]
        self._connection.executemany(
            "INSERT INTO keywords (mailbox, number, spelling) VALUES (?, ?, ?)",
            [(self._mailbox, number, spelling) for number, spelling in added],
        )
        self._spellings.update(added)
        self._changed()

    def _missing(self, spellings: Iterable[str]) -> list[str]:
        return sorted(spelling for spelling in spellings if spelling.lower() not in self._numbers)

    def _forget_unused(self, used: Flags) -> None:
        unused = [(self._mailbox, number) for number, text in self._spellings.items() if text not in used]
        self._connection.executemany("DELETE FROM keywords WHERE mailbox = ? AND number = ?", unused)
        for _, number in unused:
            del self._spellings[number]
        self._changed()

    def _changed(self) -> None:
        self.version = self._connection.execute(
            "UPDATE mailboxes SET keywords_version = keywords_version + 1 WHERE id = ?"
            " RETURNING keywords_version",
            (self._mailbox,),
        ).get
        self._index()
