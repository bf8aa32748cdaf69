"""The parent's side of the shared tallies: it makes the table, gives places to workers, and keeps a copy in a file.

The copy is of amounts and failures only, so that a restart of the node is no amnesty. It is written now and then;
what was counted since is lost with a machine that loses its power, and nobody minds.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Sequence

from . import table, windows
from .records import (
    LAST,
    Life,
    end,
    life_of_amounts,
    life_of_failures,
    merge_amounts,
    merge_failures,
)
from .table import AMOUNTS_WIDTH, ENTRIES, FAILURES_WIDTH, Place, Records, Table

_PAST = 0
"""The place of what was counted before the start; no worker has it."""
_MAGIC = b"mftally1"
_KEY_OCTETS = 16
_WORD = 8

SAVED_LIMIT = 64 * 1024 * 1024
"""Octets that are read of a file; ours have a few million."""

_Merged = dict[int, list[int]]


class Roster:
    """Who has which place in a table that it makes.

    Args:
        workers: how many there may be at a time, old and new generations together.
        saved: what `save` returned before the last stop, or None.
        entries: see `mailframe.limits.table.new_table`.

    Raises:
        ValueError: what was saved is something else.

    Attributes:
        descriptor: of the table, for workers.
    """

    def __init__(self, workers: int, saved: bytes | None = None, entries: int = ENTRIES) -> None:
        key, amounts, failures = _parse(saved) if saved is not None else (None, {}, {})
        self.descriptor = table.new_table(workers + 1, entries, key)
        self._table = Table(self.descriptor)
        past = self._table.place(_PAST)
        _fill(past.amounts, amounts)
        _fill(past.failures, failures)
        if amounts or failures:
            self._table.set_tenant(_PAST, -1)

    def move_in(self) -> int | None:
        """A place for a worker that begins; None when there is none left."""
        for place in range(_PAST + 1, self._table.places):
            tenant = self._table.tenant(place)
            if tenant <= 0:
                self._table.set_tenant(place, 1 - tenant)
                return place
        return None

    def move_out(self, place: int) -> None:
        """The worker that had a place is dead; what it had open is open no more."""
        tenant = self._table.tenant(place)
        if tenant > 0:
            self._table.set_tenant(place, -tenant)

    def save(self, now: float) -> bytes:
        """All amounts and failures that may count still, as octets.

        Args:
            now: seconds, by the clock of the workers.
        """
        when = windows.milliseconds(now)
        amounts = self._merged(lambda place: place.amounts, merge_amounts, life_of_amounts, when)
        failures = self._merged(lambda place: place.failures, merge_failures, life_of_failures, when)
        words = array("q", (len(amounts), len(failures)))
        for records in (amounts, failures):
            for digest, record in records.items():
                words.append(digest)
                words.extend(record)
        return _MAGIC + self._table.key + words.tobytes()

    def close(self) -> None:
        """Let go of the table; workers keep it as long as they live."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _merged(
        self,
        records: Callable[[Place], Records],
        merge: Callable[[Sequence[list[int]]], list[int] | None],
        life: Life,
        now: int,
    ) -> _Merged:
        found: dict[int, list[list[int]]] = {}
        for number in range(self._table.places):
            if self._table.tenant(number):
                for digest, record in records(self._table.place(number)).used():
                    # Those of the future are from before the clock was set back.
                    if record[LAST] - now <= life(record):
                        found.setdefault(digest, []).append(record)
        merged = []
        for digest, several in found.items():
            one = merge(several)
            if one is not None and (ends := end(one[LAST], life(one), now)):
                merged.append((ends, digest, one))
        # As many as fit into one place: those that end first are forgotten first, here too.
        merged.sort(reverse=True)
        return {digest: one for _, digest, one in merged[: self._table.entries]}


def read_saved(path: str) -> bytes | None:
    """What was written there; None when there is nothing yet. A file too long to be one of ours is not read whole.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(SAVED_LIMIT)
    except FileNotFoundError:
        return None


def write_saved(path: str, saved: bytes) -> None:
    """Replace the file as a whole. Only this user can read it: with the key in it, names could be guessed.

    One process at a time may do so. What one that was killed left half written, the next overwrites.

    Raises:
        OSError: it cannot be written.
    """
    temporary = f"{path}.new"
    with open(temporary, "wb", opener=_for_us_alone) as file:
        file.write(saved)
    os.replace(temporary, path)


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _fill(records: Records, merged: _Merged) -> None:
    for digest, record in merged.items():
        for slot in records.candidates(digest):
            if records.digests[slot] == table.FREE:
                records.take(slot, digest, record)
                break


def _parse(saved: bytes) -> tuple[bytes, _Merged, _Merged]:
    header = len(_MAGIC) + _KEY_OCTETS
    if saved[: len(_MAGIC)] != _MAGIC or (len(saved) - header) % _WORD or len(saved) < header + 2 * _WORD:
        raise ValueError("not a file of tallies")
    words = array("q")
    words.frombytes(saved[header:])
    amounts, failures = words[0], words[1]
    middle = 2 + amounts * (1 + AMOUNTS_WIDTH)
    if min(amounts, failures) < 0 or len(words) != middle + failures * (1 + FAILURES_WIDTH):
        raise ValueError("a file of tallies that was cut off")
    return (
        saved[len(_MAGIC) : header],
        dict(_split(words[2:middle], 1 + AMOUNTS_WIDTH)),
        dict(_split(words[middle:], 1 + FAILURES_WIDTH)),
    )


def _split(words: array[int], width: int) -> Iterable[tuple[int, list[int]]]:
    for at in range(0, len(words), width):
        digest, record = words[at], words[at + 1 : at + width].tolist()
        # All are counts and times; the last is how long.
        if min(record) < 0 or not digest > 0 < record[-1]:
            raise ValueError("a file of tallies with something else in it")
        yield digest, record
