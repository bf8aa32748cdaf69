"""The store's threads: each with its own open accounts, doing deliveries in groups or sessions' work one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import apsw
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.database.lanes import DirectLane, Lane
from mailframe.database.sqlite import storage_error

from .delivery import Answer, Group, Unit
from .maildrop import Maildrop
from .shelf import Shelf

log = Logger()

FLUSH_SECONDS = 1.0
"""What is not flushed when it is committed is flushed within this time."""

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")


class Reactor(Protocol):
    """What the store needs of the reactor."""

    def callFromThread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in the reactor's thread."""

    def callLater(self, delay: float, function: Callable[..., Any], *arguments: Any) -> IDelayedCall:
        """Call a function after ``delay`` seconds."""


class Worker(Generic[Work, Outcome]):
    """A thread with its shelf of open accounts. Methods are for the reactor's thread.

    Args:
        reactor: see `Reactor`.
        shelf: the accounts this thread has open.
        perform: does a group of work with them.
        name: of the thread; '' for no thread: work is done at once.
    """

    def __init__(
        self,
        reactor: Reactor,
        shelf: Shelf,
        perform: Callable[[Shelf, list[Work]], Sequence[Outcome | Failure]],
        name: str,
    ) -> None:
        self._reactor = reactor
        self._shelf = shelf
        self._work = perform
        self._timer: IDelayedCall | None = None
        self._flush_due = False
        self._stopped = False
        self._threaded = bool(name)
        self._lane: Lane[Work | None, Outcome | None] | DirectLane[Work | None, Outcome | None]
        if name:
            self._lane = Lane(reactor, self._perform, name, finish=shelf.close)
        else:
            self._lane = DirectLane(self._perform, finish=shelf.close)

    def submit(self, work: Work) -> Deferred[Outcome]:
        """Have a unit of work done; see `Lane.submit`."""
        return self._lane.submit(work)  # type: ignore[return-value]

    def stop(self) -> Deferred[None]:
        """Finish what waits, then close all accounts."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self._lane.stop()

    def _perform(self, units: list[Work | None]) -> Sequence[Outcome | Failure | None]:
        """In the thread; None is the request to flush."""
        work = [unit for unit in units if unit is not None]
        if len(work) < len(units):
            self._flush_due = False
            self._shelf.flush()
        outcomes = iter(self._work(self._shelf, work) if work else ())
        answers = [None if unit is None else next(outcomes) for unit in units]
        if self._shelf.tidy() and not self._flush_due:
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
        flushed = self._lane.submit(None)
        flushed.addErrback(self._not_flushed)

    def _not_flushed(self, failure: Failure) -> None:
        log.failure("a flush of catalogues failed", failure)
        self._flush_due = False


@dataclass(frozen=True, slots=True)
class Task:
    """A unit of work of a session: its account, and what is done with it.

    Attributes:
        create: make the account where it does not exist.
    """

    account: str
    function: Callable[[Maildrop], Any]
    create: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task: its result or a failure, and the MAILBOXIDs that something happened in."""

    result: Any
    changed: frozenset[str]


def perform_tasks(shelf: Shelf, tasks: list[Task]) -> list[Done | Failure]:
    """Tasks, each on its own. Faults of disk and database become temporary `MailframeError`."""
    return [_perform(shelf, task) for task in tasks]


def _perform(shelf: Shelf, task: Task) -> Done | Failure:
    try:
        drop = shelf.get(task.account, task.create)
    except Exception as fault:
        return Failure(_told(fault, task))
    try:
        result = task.function(drop)
    except Exception as fault:
        # What a look took in before the fault is still news for others.
        result = Failure(_told(fault, task))
    changed = frozenset(drop.changed)
    drop.changed.clear()
    return Done(result, changed)


def perform_deliveries(shelf: Shelf, units: list[Unit]) -> list[Answer]:
    """Deliveries, as one group."""
    return Group(shelf, units).deliver()


def _told(fault: Exception, task: Task) -> Exception:
    error = storage_error(fault)
    if isinstance(fault, (OSError, apsw.Error)):
        log.error("the mail of {account} cannot be reached: {fault}", account=task.account, fault=fault)
    return error
