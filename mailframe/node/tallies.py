"""What workers count for limits, as the parent keeps it: places in the shared table, and a copy in a file."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mailframe.limits.roster import Roster, read_saved, write_saved

SAVE_EVERY = 60.0
"""Seconds between copies: as much is forgotten when the machine loses its power."""
FEWEST_PLACES = 64
GENERATIONS = 8
"""Workers of so many generations have a place at a time: old ones may take long to end, and a reload may ask for more
workers. A place that nobody ever had takes no memory."""

log = Logger()


class Tallies:
    """Keeps the table while the node runs.

    Args:
        reactor: for time.
        path: the file of the copy.
        workers: of one generation.
    """

    def __init__(self, reactor: Any, path: str, workers: int) -> None:
        self._reactor = reactor
        self._path = path
        self._places = max(FEWEST_PLACES, GENERATIONS * workers)
        self._roster: Roster | None = None
        self._timer: IDelayedCall | None = None
        self._trouble: str | None = None

    @property
    def descriptor(self) -> int:
        """Of the table, for workers."""
        assert self._roster is not None
        return self._roster.descriptor

    def open(self) -> None:
        """Make the table, with what the file has of the time before."""
        try:
            self._roster = Roster(self._places, read_saved(self._path))
        except (OSError, ValueError) as error:
            log.warn("{path} cannot be used ({reason}): all limits begin anew", path=self._path, reason=error)
            self._roster = Roster(self._places)
        self._timer = self._reactor.callLater(SAVE_EVERY, self._save_again)

    def move_in(self) -> int | None:
        """A place for a worker that begins, or None."""
        assert self._roster is not None
        return self._roster.move_in()

    def move_out(self, place: int) -> None:
        """That worker is dead."""
        if self._roster is not None:
            self._roster.move_out(place)

    def close(self) -> None:
        """Write the copy once more and let go. Good also when it was never open."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        if self._roster is not None:
            self._save(self._roster)
            self._roster.close()
            self._roster = None

    def _save_again(self) -> None:
        assert self._roster is not None
        self._save(self._roster)
        self._timer = self._reactor.callLater(SAVE_EVERY, self._save_again)

    def _save(self, roster: Roster) -> None:
        trouble = None
        try:
            write_saved(self._path, roster.save(self._reactor.seconds()))
        except OSError as error:
            trouble = str(error)
        # Once, not every minute: a disk may be full for days.
        if trouble is not None and trouble != self._trouble:
            log.warn("{path} cannot be written: {reason}", path=self._path, reason=trouble)
        self._trouble = trouble
