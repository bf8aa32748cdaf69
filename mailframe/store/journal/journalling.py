"""A delivering thread's journal, from its first group to the end of the service, with its checkpoints in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.database.lanes import DirectLane, Lane
from mailframe.store.files import Files
from mailframe.store.reactor import Reactor

from . import metrics
from .journal import Journal, largest
from .records import Entry
from .slots import Slots

CHECKPOINT_SECONDS: Final = 5.0
"""A group's files are flushed within about this time; the journal has to be replayed for no more than that."""

log = Logger()


class Journalling:
    """One delivering thread's journal.

    Args:
        files: does the work.
        directory: the store's.
        boot: names this run of the machine.
        size: octets of the journal's file.
        reactor: for timers.
        threaded: False: checkpoints are made in the caller's thread.

    Attributes:
        limit: octets of the largest file that is journalled.
    """

    def __init__(
        self, files: Files, directory: str, boot: str, size: int, reactor: Reactor, threaded: bool
    ) -> None:
        self._files = files
        self._directory = directory
        self._boot = boot
        self._slots = Slots(files, directory, boot)
        self._size = size
        self._reactor = reactor
        self._threaded = threaded
        self._journal: Journal | None = None
        self._path, self._descriptor = "", -1
        self._timer: IDelayedCall | None = None
        self._lane: Lane[None, bool] | DirectLane[None, bool]
        if threaded:
            self._lane = Lane(reactor, self._checkpoint, "checkpoint", linger=0.0, finish=self._close)
        else:
            self._lane = DirectLane(self._checkpoint, self._close)
        self.limit = largest(size)
        self._device: int | None = None

    # In the delivering thread.

    @property
    def device(self) -> int:
        """On which journalled files must lie."""
        if self._device is None:
            self._device = self._files.device(self._directory)
        return self._device

    def append(self, entries: Sequence[Entry]) -> None:
        """Make a group durable; see `Journal.append`.

        Raises:
            OSError: it is not durable.
        """
        if self._journal is None:
            try:
                self._journal = self._opened()
            except OSError as fault:
                log.error("there is no delivery journal: {fault}", fault=fault)
                self._files.flush_all(self._directory)
                return
        with metrics.JOURNAL_SECONDS.time():
            self._journal.append(entries)

    def _opened(self) -> Journal:
        self._path, self._descriptor = self._slots.take(self._size)
        return Journal(self._files, self._directory, self._descriptor, self._size, self._boot, self._due)

    def _due(self, now: bool) -> None:
        if self._threaded:
            self._reactor.callFromThread(self._later, 0.0 if now else CHECKPOINT_SECONDS)
        else:
            self._later(0.0 if now else CHECKPOINT_SECONDS)

    # In the reactor's thread.

    def stop(self) -> Deferred[None]:
        """Flush everything, and leave no journal behind; the delivering thread has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._journal is not None:
            # Where no checkpoint was due yet there is no thread yet, which is to make the last one.
            self._begin()
        return self._lane.stop()

    def _later(self, seconds: float) -> None:
        if self._timer is not None:
            if seconds:
                return
            self._timer.cancel()
        self._timer = self._reactor.callLater(seconds, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._lane.submit(None).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        log.failure("a checkpoint failed", failure)

    # In the checkpointing thread.

    def _checkpoint(self, units: list[None]) -> list[bool]:
        if self._journal is None:
            return [True] * len(units)
        with metrics.CHECKPOINT_SECONDS.time():
            return [self._journal.checkpoint()] * len(units)

    def _close(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            # A segment that is waiting, and the one in use.
            clean = journal.checkpoint() and journal.checkpoint()
            self._slots.give_back(self._path, self._descriptor, clean)
