"""The workers of one configuration: started together, each replaced when it dies, ended together."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from .balance import ABSENT, Table, new_table
from .channel import Message
from .plan import Plan
from .process import State, WorkerProcess
from .sockets import OpenSocket
from .tallies import Tallies

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
"""Seconds before a worker that died is started again: doubled each time, until one lived long enough."""
LONG_ENOUGH = 30.0
"""Seconds a worker must have been ready for its death to count as the first."""
KILL_AFTER = 3.0
"""Seconds that a worker gets beyond what it was given to end."""
PING_EVERY = 10.0
PING_TIMEOUT = 60.0
"""A worker that does not answer for so long is stuck, and another takes its place."""

log = Logger()


class StartFailed(Exception):
    """A worker could not start.

    Attributes:
        errors: what it said, one sentence each.
    """

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


def restart_delay(deaths: int) -> float:
    """Seconds to wait after so many deaths in a row."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(max(deaths, 1) - 1, 20)))


@dataclass
class _Place:
    """One of the N places for a worker."""

    number: int
    process: WorkerProcess | None = None
    deaths: int = 0
    ready_at: float | None = None
    tally: int | None = None
    timer: Any = None
    alarm: Any = None


@dataclass(frozen=True)
class Surroundings:
    """What the parent lends to its generations.

    Attributes:
        reactor: of the parent.
        environment: of the workers.
        log_descriptor: where workers write, None for our own standard output.
        hinted: is given each hint message of a worker, with the worker.
        buried: is given each worker that ended.
        tallies: have a place for each worker.
    """

    reactor: Any
    environment: Mapping[str, str]
    log_descriptor: int | None
    hinted: Callable[[WorkerProcess, Message], None]
    buried: Callable[[WorkerProcess], None]
    tallies: Tallies


class Generation:
    """All workers of one plan.

    Args:
        number: counts from 1.
        plan: what they run.
        sockets: what they accept on.
        around: what the parent lends.
    """

    def __init__(self, number: int, plan: Plan, sockets: Sequence[OpenSocket], around: Surroundings) -> None:
        self.number = number
        self.plan = plan
        self._sockets = sockets
        self._around = around
        self._places = [_Place(number) for number in range(plan.workers)]
        self._table_descriptor = new_table(plan.workers)
        self._table = Table(self._table_descriptor)
        self._all_ready: Deferred[None] | None = None
        self._give_up = False
        self._ending = False

    # What the parent asks.

    def processes(self) -> Sequence[WorkerProcess]:
        """The workers that live."""
        return [
            place.process
            for place in self._places
            if place.process is not None and place.process.state is not State.ENDED
        ]

    def is_ready(self) -> bool:
        """Does every place have a worker that serves?"""
        return not self._ending and all(
            place.process is not None and place.process.state is State.READY for place in self._places
        )

    def start(self, give_up: bool) -> Deferred[None]:
        """Start all workers.

        Args:
            give_up: True for a reload: the first worker that cannot start fails the whole. False at the first
                start: what is missing may come (a disk, a directory), so it is tried again and again.

        Returns:
            Fires when all are ready; fails with `StartFailed`.
        """
        self._give_up = give_up
        self._all_ready = Deferred()
        waiting = self._all_ready
        for place in self._places:
            self._spawn(place)
        return waiting

    def drain(self) -> Deferred[None]:
        """Let the workers finish their sessions; fires when all are gone."""
        seconds = self.plan.drain_time
        return self._end(lambda process: process.drain(seconds), seconds + self.plan.stop_time)

    def stop(self) -> Deferred[None]:
        """End all workers soon; fires when all are gone."""
        seconds = self.plan.stop_time
        return self._end(lambda process: process.stop(seconds), seconds)

    def abandon(self) -> Deferred[None]:
        """Kill all: they never served."""
        return self._end(lambda process: process.kill("its generation is given up"), 0.0)

    # Ends.

    def _end(self, tell: Callable[[WorkerProcess], None], seconds: float) -> Deferred[None]:
        self._ending = True
        for place in self._places:
            self._cancel(place)
        if self._give_up and self._all_ready is not None:
            waiting, self._all_ready = self._all_ready, None
            waiting.errback(StartFailed(["the node stops"]))
        living = self.processes()
        for process in living:
            if process.state is State.STARTING:
                process.kill("it has not begun to serve")
            else:
                tell(process)
        gone: Deferred[Any] = DeferredList([process.ended() for process in living])
        limit = self._around.reactor.callLater(seconds + KILL_AFTER, self._too_late)

        def over(_: object) -> None:
            if limit.active():
                limit.cancel()
            self._close_table()

        return gone.addCallback(over)

    def _close_table(self) -> None:
        # A generation that drains may be told to stop as well.
        descriptor, self._table_descriptor = self._table_descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            self._table.close()

    def _too_late(self) -> None:
        for process in self.processes():
            process.kill("it did not end in time")

    def _cancel(self, place: _Place) -> None:
        for timer in (place.timer, place.alarm):
            if timer is not None and timer.active():
                timer.cancel()
        place.timer = place.alarm = None

    # Starts.

    def _spawn(self, place: _Place) -> None:
        place.timer = None
        place.ready_at = None
        place.tally = self._around.tallies.move_in()
        process = WorkerProcess(
            self._around.reactor,
            self._configure(place),
            self._table_descriptor,
            self._around.tallies.descriptor,
            [opened.fileno() for opened in self._sockets],
            self._around.log_descriptor,
            self._around.environment,
            lambda process: self._changed(place, process),
            self._around.hinted,
        )
        place.process = process
        try:
            process.spawn()
        except OSError as error:
            process.state = State.ENDED
            process.errors = [f"a worker cannot be started: {error.strerror}"]
            self._move_out(place)
            self._around.reactor.callLater(0, self._died, place, process)
            return
        place.alarm = self._around.reactor.callLater(
            self.plan.start_time, process.kill, f"it was not ready after {self.plan.start_time:g} s"
        )

    def _configure(self, place: _Place) -> Message:
        plan = self.plan
        return {
            "build": plan.build,
            "path": plan.path,
            "text": plan.text,
            "roles": list(plan.roles),
            "generation": self.number,
            "number": place.number,
            "tally": place.tally,
            "connections": plan.connections,
            "log": dataclasses.asdict(plan.log),
            "sockets": [
                {"address": opened.address, "family": int(opened.family)} for opened in self._sockets
            ],
        }

    def _changed(self, place: _Place, process: WorkerProcess) -> None:
        if process is not place.process:
            return
        if process.state is State.READY:
            self._became_ready(place, process)
        elif process.state is State.ENDED:
            self._table.note(place.number, ABSENT)
            self._move_out(place)
            self._around.buried(process)
            self._died(place, process)

    def _move_out(self, place: _Place) -> None:
        number, place.tally = place.tally, None
        if number is not None:
            self._around.tallies.move_out(number)

    def _became_ready(self, place: _Place, process: WorkerProcess) -> None:
        place.ready_at = self._around.reactor.seconds()
        self._cancel(place)
        if not self._ending:
            place.alarm = self._around.reactor.callLater(PING_EVERY, self._ping, place, process)
        if self._all_ready is not None and self.is_ready():
            waiting, self._all_ready = self._all_ready, None
            waiting.callback(None)

    def _ping(self, place: _Place, process: WorkerProcess) -> None:
        def answered(_: object) -> None:
            if place.process is process and process.state is State.READY and not self._ending:
                place.alarm = self._around.reactor.callLater(PING_EVERY, self._ping, place, process)

        def silent(_: object) -> None:
            process.kill(f"it did not answer for {PING_TIMEOUT:g} s")

        process.ask("ping", PING_TIMEOUT).addCallbacks(answered, silent)

    def _died(self, place: _Place, process: WorkerProcess) -> None:
        self._cancel(place)
        if self._ending:
            return
        if self._give_up and self._all_ready is not None:
            waiting, self._all_ready = self._all_ready, None
            waiting.errback(StartFailed(process.errors))
            return
        lived = self._around.reactor.seconds() - place.ready_at if place.ready_at is not None else 0.0
        place.deaths = 1 if lived >= LONG_ENOUGH else place.deaths + 1
        delay = restart_delay(place.deaths)
        for error in process.errors:
            log.warn(
                "worker {pid} is gone ({reason}); another starts in {delay:.1f} s",
                pid=process.pid,
                reason=error,
                delay=delay,
            )
        place.timer = self._around.reactor.callLater(delay, self._spawn, place)
