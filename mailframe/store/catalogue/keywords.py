"""Flags as a catalogue keeps them: system flags in five bits, keywords as bits of a blob.

A mailbox numbers its keywords (`mailframe.store.flags` has the rules and bounds). Numbers of keywords that no
message has any more are given to new ones only when all are used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from mailframe.message.status import MailframeError
from mailframe.store import flags as rules
from mailframe.store.values import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, SYSTEM_FLAGS, Flags

from .rows import Packed

_BITS = {SEEN: 1, ANSWERED: 2, FLAGGED: 4, DELETED: 8, DRAFT: 16}
_KNOWN_LIMIT = 10_000


def pack_system(flags: Iterable[str]) -> int:
    """System flags as bits."""
    return sum(_BITS[flag] for flag in flags)


def unpack_system(bits: int) -> Flags:
    """Bits as system flags."""
    return frozenset(flag for flag, bit in _BITS.items() if bits & bit)


class Keywords(ABC):
    """The keywords of one mailbox; a catalogue says how they are kept.

    Args:
        spellings: the keywords, by their numbers.
        version: of its keywords, when they were read.
        limit: how many there may be.
    """

    def __init__(self, spellings: dict[int, str], version: int, limit: int) -> None:
        self._limit = limit
        self.version = version
        self._spellings = spellings
        self._index()

    @abstractmethod
    def _used(self) -> Iterable[bytes]:
        """The different columns ``keywords`` of the mailbox's messages."""

    @abstractmethod
    def _keep(self, added: Sequence[tuple[int, str]]) -> None:
        """Write new numbers and spellings."""

    @abstractmethod
    def _drop(self, numbers: Sequence[int]) -> None:
        """Remove numbers."""

    @abstractmethod
    def _next_version(self) -> int:
        """Count the version on, and return it."""

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
        for keywords in self._used():
            bits |= int.from_bytes(keywords, "little")
        return frozenset(spelling for number, spelling in self._spellings.items() if bits >> number & 1)

    def spellings(self) -> dict[int, str]:
        """All keywords, by their numbers."""
        return dict(self._spellings)

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
        self._keep(added)
        self._spellings.update(added)
        self._changed()

    def _missing(self, spellings: Iterable[str]) -> list[str]:
        return sorted(spelling for spelling in spellings if spelling.lower() not in self._numbers)

    def _forget_unused(self, used: Flags) -> None:
        unused = [number for number, text in self._spellings.items() if text not in used]
        self._drop(unused)
        for number in unused:
            del self._spellings[number]
        self._changed()

    def _changed(self) -> None:
        self.version = self._next_version()
        self._index()
