"""What a store can do about octets that all its accounts share; values, and who can do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

LISTED_LIMIT = 1000
"""Messages that `Vacuumed` names of each kind."""

Place = tuple[str, str, int]
"""A message: account, mailbox, UID."""


@dataclass(slots=True)
class Vacuumed:
    """What was found and done.

    Attributes:
        removed: contents that no message had.
        orphans: how many of them somebody had left behind who was killed.
        waiting: contents that no message may have, and that stay for now: they were used not long ago.
        busy: another process was removing contents, so this one did not.
        figures: mailboxes whose counts were wrong, and are right now.
        missing: messages without octets, the first `LISTED_LIMIT` of them.
        damaged: messages with other octets than those that were written; likewise.
    """

    removed: int = 0
    orphans: int = 0
    waiting: int = 0
    busy: bool = False
    figures: int = 0
    missing: list[Place] = field(default_factory=list)
    damaged: list[Place] = field(default_factory=list)


@runtime_checkable
class Vacuums(Protocol):
    """A store in which accounts share octets."""

    def vacuum(self, octets: bool, tell: Callable[[int], None]) -> Awaitable[Vacuumed]:
        """Remove what no message has, see that all have theirs, and make room in the tables; beside other work.

        Args:
            octets: read all octets, too, and compare them with their hashes.
            tell: called now and then, perhaps in a thread, with how many rows were looked at since the last time.

        Fails with OSError: it could not be done, or not all of it.
        """
