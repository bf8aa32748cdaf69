"""The store's threads: each with its own open accounts, doing deliveries in groups or sessions' work one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import apsw
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.database.lanes import DirectLane, Lane
from mailframe.database.sqlite import flush_log, storage_error
from mailframe.store.journal.sharing import SharedJournal
from mailframe.store.quota import Limit
from mailframe.store.reactor import Reactor

from . import metrics
from .maildrop import Maildrop
from .promises import Promises
from .shelf import Shelf

log = Logger()

FLUSH_SECONDS = 1.0
"""What is not flushed when it is committed is flushed within this time."""

_NOTHING: frozenset[str] = frozenset()

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")


class Flusher:
    """The thread that flushes catalogues: nothing else waits for it.

    Args:
        reactor: see `Reactor`.
        threaded: False: in the caller's thread.
    """

    def __init__(self, reactor: Reactor, threaded: bool) -> None:
        self._lane: Lane[list[str], list[str]] | DirectLane[list[str], list[str]]
        if threaded:
            self._lane = Lane(reactor, self._flush_all, "flush catalogues")
        else:
            self._lane = DirectLane(self._flush_all)
        self._failed: set[str] = set()

    def flush(self, paths: list[str]) -> None:
        """Flush catalogues, and those that could not be flushed before."""
        wanted = sorted(self._failed.union(paths))
        self._failed.clear()
        if wanted:
            self._lane.submit(wanted).addCallbacks(self._failed.update, self._refused, errbackArgs=(wanted,))

    def stop(self) -> Deferred[None]:
        """Finish what waits."""
        return self._lane.stop()

    def _refused(self, failure: Failure, wanted: list[str]) -> None:
        log.failure("catalogues could not be flushed", failure)
        self._failed.update(wanted)

    def _flush_all(self, groups: list[list[str]]) -> list[list[str]]:
        """In the thread: the paths that failed, for each group."""
        failed = {path for path in set().union(*groups) if not _flush(path)}
        return [[path for path in group if path in failed] for group in groups]


def _flush(path: str) -> bool:
    try:
        with metrics.FLUSH_SECONDS.time():
            flush_log(path)
    except OSError as fault:
        # Nothing is lost but by a lost power supply; it is tried again within a second.
        log.error("{path} could not be flushed: {fault}", path=path, fault=fault)
        return False
    return True


class Worker(Generic[Work, Outcome]):
    """A thread with its shelf of open accounts. Methods are for the reactor's thread.

    Args:
        reactor: see `Reactor`.
        shelf: the accounts this thread has open.
        perform: does a group of work with them.
        name: of the thread; '' for no thread: work is done at once.
        flusher: flushes what was committed, within `FLUSH_SECONDS`.
        waiting_limit: units that may wait; more get a temporary refusal.
    """

    def __init__(
        self,
        reactor: Reactor,
        shelf: Shelf,
        perform: Callable[[Shelf, list[Work]], Sequence[Outcome | Failure]],
        name: str,
        flusher: Flusher,
        waiting_limit: int,
    ) -> None:
        self._reactor = reactor
        self._shelf = shelf
        self._work = perform
        self._flusher = flusher
        self._timer: IDelayedCall | None = None
        self._flush_due = False
        self._stopped = False
        self._threaded = bool(name)
        self._lane: Lane[Any, Any] | DirectLane[Any, Any]
        if name:
            self._lane = Lane(reactor, self._perform, name, waiting_limit=waiting_limit, finish=shelf.close)
        else:
            self._lane = DirectLane(self._perform, finish=shelf.close)

    def submit(self, work: Work) -> Deferred[Outcome]:
        """Have a unit of work done; see `Lane.submit`."""
        return self._lane.submit(work)

    def stop(self) -> Deferred[None]:
        """Finish what waits, then close all accounts."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self._lane.stop()

    def _perform(self, units: list[Work | None]) -> list[Any]:
        """In the thread; None asks for what must be flushed."""
        work = [unit for unit in units if unit is not None]
        outcomes = iter(self._work(self._shelf, work) if work else ())
        due = self._shelf.tidy()
        if len(work) < len(units):
            self._flush_due = False
            due = self._shelf.rest()
            paths = self._shelf.take_dirty()
        answers: list[Any] = [paths if unit is None else next(outcomes) for unit in units]
        if due and not self._flush_due:
            self._flush_due = True
            if self._threaded:
                self._reactor.callFromThread(self._flush_later)
            else:
                self._flush_later()
        return answers

    def _flush_later(self) -> None:
        if not self._stopped:
            self._timer = self._reactor.callLater(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._lane.submit(None).addCallbacks(self._flusher.flush, self._not_asked)

    def _not_asked(self, failure: Failure) -> None:
        """So much waits that even this was refused: then later."""
        self._flush_later()


class Task(NamedTuple):
    """A unit of work of a session: its account, and what is done with it.

    Attributes:
        create: make the account where it does not exist.
        limit: how much the account may hold, where it has a limit of its own.
    """

    account: str
    function: Callable[[Maildrop], Any]
    create: bool = False
    limit: Limit | None = None


class Done(NamedTuple):
    """What became of a task: its result or a failure, and the MAILBOXIDs that something happened in."""

    result: Any
    changed: frozenset[str]


def perform_tasks(
    shelf: Shelf, tasks: list[Task], journal: SharedJournal | None = None
) -> list[Done | Failure]:
    """Tasks, each on its own. Faults of disk and database become temporary `MailframeError`.

    Args:
        shelf: the thread's accounts.
        tasks: what is to be done.
        journal: makes what they appended durable, with one flush for all.
    """
    promises = None if journal is None else Promises(journal)
    outcomes = []
    for number, task in enumerate(tasks):
        if promises is not None:
            promises.begin(number)
        outcomes.append(_perform(shelf, task, promises))
    if promises is not None:
        fault, broken = promises.keep()
        for number in broken if fault is not None else ():
            assert fault is not None
            outcomes[number] = Failure(_told(fault, tasks[number]))
    return outcomes


def _perform(shelf: Shelf, task: Task, promises: Promises | None) -> Done | Failure:
    try:
        drop = shelf.get(task.account, task.create)
    except Exception as fault:
        return Failure(_told(fault, task))
    drop.limit, drop.own_limits, drop.promises = task.limit, None, promises
    try:
        result = task.function(drop)
    except Exception as fault:
        # What a look took in before the fault is still news for others.
        result = Failure(_told(fault, task))
    if not drop.changed:
        return Done(result, _NOTHING)
    changed = frozenset(drop.changed)
    drop.changed.clear()
    return Done(result, changed)


def _told(fault: Exception, task: Task) -> Exception:
    error = storage_error(fault)
    if isinstance(fault, (OSError, apsw.Error)):
        log.error("the mail of {account} cannot be reached: {fault}", account=task.account, fault=fault)
    return error
