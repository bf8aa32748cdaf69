"""Messages that sessions append become durable by a journal: one flush for all that a thread did as one group.

A session is answered after that. Deliveries do the same with journals of their own (see `delivery`); the rules are
told in `mailframe.store.journal.journal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailframe.store.journal.records import Entry
from mailframe.store.journal.sharing import SharedJournal


@dataclass(frozen=True, slots=True)
class Promise:
    """Messages that came in, and that last once the journal has them.

    Attributes:
        entries: what the journal is to have.
        take_back: lets them be gone.
    """

    entries: Sequence[Entry]
    take_back: Callable[[], None]


class Promises:
    """What the units of work of one group have promised.

    Args:
        journal: the store's.
    """

    def __init__(self, journal: SharedJournal) -> None:
        self._journal = journal
        self._unit = 0
        self._promises: list[tuple[int, Promise]] = []

    @property
    def limit(self) -> int:
        """Octets of the largest message that is journalled."""
        return self._journal.limit

    @property
    def device(self) -> int:
        """On which journalled messages must lie."""
        return self._journal.device

    def begin(self, unit: int) -> None:
        """What is promised from now on, the unit of this number has promised."""
        self._unit = unit

    def add(self, promise: Promise) -> None:
        """The message is not answered for before `keep`."""
        self._promises.append((self._unit, promise))

    def keep(self) -> tuple[OSError | None, set[int]]:
        """Make all durable, or take them back: the fault, and the numbers of units whose messages are gone."""
        promises, self._promises = self._promises, []
        if not promises:
            return None, set()
        try:
            self._journal.append([entry for _, promise in promises for entry in promise.entries])
        except OSError as fault:
            for _, promise in promises:
                promise.take_back()
            return fault, {unit for unit, _ in promises}
        return None, set()
