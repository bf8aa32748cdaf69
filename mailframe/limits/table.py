"""Where the tallies of all workers of a node are: memory that all of them see, without locks.

The table has a place for each worker. A worker writes in its own place only and reads all, so nobody ever waits. In
a place there are three arrays of records (what is open, amounts, failures), each with an array of digests that says
whose they are: a name is found by open addressing, within a few steps of where its digest points. Digests are keyed,
so that nobody outside can choose names that fall together.

The parent alone says which places are in use. When a worker dies, one word makes what it had open count no more; its
amounts and failures go on counting, and whoever gets the place next goes on with them.

All words are eight octets, written and read whole. Whoever reads while another writes may see a record between two
words; `mailframe.limits.shared` writes them in such an order that a number is then a little too small, never too
large.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache

ENTRIES = 16_384
"""Records of each kind in a place; a power of two. A place is 2.1 MiB of memory when all of it is used."""
STEPS = 8
"""Records that are looked at for one name."""
OPEN_WIDTH, AMOUNTS_WIDTH, FAILURES_WIDTH = 1, 8, 4
"""Words of a record; what they are is in `mailframe.limits.records`."""
FREE, TAKEN = 0, -1
"""Digests of a record that was never used, and of one that is being written."""
CACHED_DIGESTS = 8192

_WORD = 8
_MAGIC = int.from_bytes(b"mftally1", "big") >> 1
_MAGIC_AT, _PLACES_AT, _ENTRIES_AT, _CHANGES_AT, _KEY_AT, _ROSTER_AT = 0, 1, 2, 3, 4, 8
_KEY_WORDS = 2

Words = memoryview


class Records:
    """One array of records in one place, and the digests that belong to it.

    Args:
        words: of the place, from where the array begins.
        entries: how many records.
        width: words of a record.
    """

    __slots__ = ("_mask", "digests", "width", "words")

    def __init__(self, words: Words, entries: int, width: int) -> None:
        spread = entries + STEPS
        self.digests = words[:spread]
        self.words = words[spread : spread * (1 + width)]
        self.width = width
        self._mask = entries - 1

    def find(self, digest: int) -> int:
        """Where the record of a digest is; -1 for nowhere."""
        digests = self.digests
        first = digest & self._mask
        for slot in range(first, first + STEPS):
            found = digests[slot]
            if found == digest:
                return slot
            # Records are taken in order and never become free again.
            if not found:
                return -1
        return -1

    def candidates(self, digest: int) -> range:
        """Where it may be put."""
        first = digest & self._mask
        return range(first, first + STEPS)

    def read(self, slot: int, digest: int) -> list[int] | None:
        """A record; None when it became another's meanwhile."""
        at = slot * self.width
        words: list[int] = self.words[at : at + self.width].tolist()
        return words if self.digests[slot] == digest else None

    def take(self, slot: int, digest: int, values: Sequence[int]) -> None:
        """Make it the record of a digest."""
        self.digests[slot] = TAKEN
        at = slot * self.width
        for offset, value in enumerate(values):
            self.words[at + offset] = value
        self.digests[slot] = digest

    def used(self) -> list[tuple[int, list[int]]]:
        """All records that are somebody's, with their digests."""
        found = []
        for slot, digest in enumerate(self.digests.tolist()):
            if digest not in (FREE, TAKEN):
                words = self.read(slot, digest)
                if words is not None:
                    found.append((digest, words))
        return found


class Place:
    """One worker's part of the table.

    Args:
        words: all of it.
        entries: records of each kind.
    """

    def __init__(self, words: Words, entries: int) -> None:
        after_open = (entries + STEPS) * (1 + OPEN_WIDTH)
        after_amounts = after_open + (entries + STEPS) * (1 + AMOUNTS_WIDTH)
        self.open = Records(words, entries, OPEN_WIDTH)
        self.amounts = Records(words[after_open:], entries, AMOUNTS_WIDTH)
        self.failures = Records(words[after_amounts:], entries, FAILURES_WIDTH)


def new_place(entries: int) -> Place:
    """A place in no table, that nobody else sees."""
    return Place(memoryview(bytearray(_place_words(entries) * _WORD)).cast("q"), entries)


class Table:
    """One process's view of it.

    Args:
        descriptor: of the table; it may be closed afterwards.

    Raises:
        ValueError: there is something else behind the descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, 0)
        self.words: Words = memoryview(self._map).cast("q")
        if self.words[_MAGIC_AT] != _MAGIC:
            raise ValueError("no table of tallies")
        self.places = self.words[_PLACES_AT]
        self.entries = self.words[_ENTRIES_AT]
        self.digest = _digests(self.key)

    @property
    def key(self) -> bytes:
        """What digests are keyed with."""
        return self.words[_KEY_AT : _KEY_AT + _KEY_WORDS].tobytes()

    def changes(self) -> int:
        """Grows whenever a place is given to somebody or becomes vacant."""
        return int(self.words[_CHANGES_AT])

    def tenant(self, place: int) -> int:
        """Who has a place: a number no earlier worker there had; negative when it has left, 0 for nobody ever."""
        return int(self.words[_ROSTER_AT + place])

    def set_tenant(self, place: int, tenant: int) -> None:
        """The parent says who has it."""
        self.words[_ROSTER_AT + place] = tenant
        self.words[_CHANGES_AT] += 1

    def place(self, number: int) -> Place:
        """The records of a place."""
        size = _place_words(self.entries)
        start = _ROSTER_AT + self.places + number * size
        return Place(self.words[start : start + size], self.entries)


def new_table(places: int, entries: int = ENTRIES, key: bytes | None = None) -> int:
    """A descriptor of a fresh table; the caller closes it.

    Args:
        places: how many workers can have one at a time.
        entries: records of each kind in a place; a power of two.
        key: for the digests; a new one by default.
    """
    if entries & (entries - 1):
        raise ValueError(f"not a power of two: {entries}")
    descriptor = _anonymous_file()
    # Pages that nobody wrote to take no memory.
    os.ftruncate(descriptor, (_ROSTER_AT + places * (1 + _place_words(entries))) * _WORD)
    with mmap.mmap(descriptor, 0) as area, memoryview(area) as octets, octets.cast("q") as words:
        words[_PLACES_AT] = places
        words[_ENTRIES_AT] = entries
        octets[_KEY_AT * _WORD : (_KEY_AT + _KEY_WORDS) * _WORD] = key or secrets.token_bytes(
            _KEY_WORDS * _WORD
        )
        words[_MAGIC_AT] = _MAGIC
    return descriptor


def _place_words(entries: int) -> int:
    return (entries + STEPS) * (3 + OPEN_WIDTH + AMOUNTS_WIDTH + FAILURES_WIDTH)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("mailframe-tallies", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _digests(key: bytes) -> Callable[[str, str], int]:
    @lru_cache(CACHED_DIGESTS)
    def digest(kind: str, name: str) -> int:
        message = f"{kind}\0{name}".encode("utf-8", "surrogatepass")
        number = int.from_bytes(hashlib.blake2b(message, digest_size=8, key=key).digest(), "big") >> 1
        return number or 1

    return digest
