"""Shares connections fairly between the workers of a generation.

All workers wait on the same sockets, and the kernel wakes all of them for each connection. Whoever is first takes it:
measured here, one of two workers took 15 to 20 of 20 connections that came at once, for as long as they lasted. So
each worker writes how many connections it has into a table that all of them see, and one that has more than another
lets the others have the first go for a moment. With it the same burst is shared 10 to 10.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from collections.abc import Callable

from zope.interface import implementer

from .acceptor import IBalance

ABSENT = -1
"""In the place of a worker that does not accept."""
_WIDTH = 8


def new_table(places: int) -> int:
    """A descriptor of a fresh table for so many workers; the caller closes it."""
    descriptor = _anonymous_file()
    os.write(descriptor, ABSENT.to_bytes(_WIDTH, sys.byteorder, signed=True) * places)
    return descriptor


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("mailframe-balance", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Table:
    """One process's view of the table.

    Args:
        descriptor: of the table; it may be closed afterwards.
    """

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, 0)
        self._counts = memoryview(self._map).cast("q")

    def note(self, place: int, connections: int) -> None:
        """The worker in a place has so many, or is `ABSENT`."""
        self._counts[place] = connections

    def least(self) -> int:
        """The fewest that any worker has."""
        return min((count for count in self._counts if count != ABSENT), default=0)

    def close(self) -> None:
        """Forget it now; the map holds a descriptor of its own."""
        self._counts.release()
        self._map.close()


@implementer(IBalance)
class Balance:
    """One worker's part in it.

    Args:
        table: shared with the others.
        place: this worker's.
        connections: how many this worker has now.
        limit: how many it may have.
    """

    def __init__(self, table: Table, place: int, connections: Callable[[], int], limit: int) -> None:
        self._limit = limit
        self._table = table
        self._place = place
        self._connections = connections

    def crowded(self) -> bool:
        """Has another worker fewer connections than this one?"""
        connections = self._connections()
        self._table.note(self._place, connections)
        return connections > self._table.least()

    def full(self) -> bool:
        """Has this worker as many connections as it may have?"""
        return self._connections() >= self._limit

    def accepted(self) -> None:
        """This worker has one more; it shows before the next wakes."""
        self._table.note(self._place, self._connections() + 1)

    def leave(self) -> None:
        """This worker accepts no more."""
        self._table.note(self._place, ABSENT)
