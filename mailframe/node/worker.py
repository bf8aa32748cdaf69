"""A worker process: adopts the sockets, runs the roles, does what the parent says, and ends with it.

Run as ``python -m mailframe.node.worker`` with the channel as descriptor 3 and the listening sockets behind it. The
parent's messages are ``configure`` (first, once), ``drain``, ``stop``, ``hints`` and the questions ``ping``,
``status``, ``metrics`` and ``health``. The worker's are ``state``, ``failed``, ``hints``, ``farewell`` and replies.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import astuple
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.reflect import namedAny

from mailframe.limits.interfaces import ITallies
from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import Table as TallyTable
from mailframe.store.hints import LocalHints

from . import figures
from .acceptor import AdoptedEndpoint
from .balance import Balance, Table
from .channel import Channel, Message
from .descriptors import connections_possible
from .interfaces import Assembly, IWork
from .logs import begin_logging
from .process import CHANNEL_DESCRIPTOR, FIRST_SOCKET, TABLE_DESCRIPTOR, TALLIES_DESCRIPTOR, State

LOOK_EVERY = 0.1
"""Seconds between looks at whether the sessions have ended."""
HURRY = 1.0
"""Seconds that sessions have to end when nobody has more patience: the parent is gone, or drain time is over."""
HINT_DELAY = 0.02
"""Seconds that hints for other workers may wait for more."""
YOUNG = 5000
"""Objects made between two looks of the garbage collector; Python's default is 700."""

log = Logger("mailframe.node.worker")


class Worker:
    """The life of one worker.

    Args:
        reactor: runs it, and is stopped when it is over.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._work: IWork | None = None
        self._deadline: float | None = None
        self._finish_from: float = 0.0
        self._balance: Balance | None = None
        self._ended = False
        self._pending_hints: dict[tuple[str, str], None] = {}
        self.state = State.STARTING
        self.hints = LocalHints(forward=self._forward_hint)
        self.channel = Channel(self._received, self._orphaned)

    def adopt(self, descriptor: int = CHANNEL_DESCRIPTOR) -> None:
        """Take our end of the channel."""
        self._reactor.adoptStreamConnection(
            descriptor, socket.AF_UNIX, Factory.forProtocol(lambda: self.channel)
        )
        os.close(descriptor)

    def hurry(self) -> None:
        """End soon, without being asked by the parent (SIGTERM)."""
        self._end_within(HURRY, HURRY)

    # Messages.

    def _received(self, message: Message) -> None:
        kind = message["type"]
        if kind == "hints":
            for account, mailbox_id in message["hints"]:
                self.hints.received(account, mailbox_id)
        elif kind == "configure":
            self._run(self._start(message))
        elif kind == "drain":
            self._end_within(message["seconds"], HURRY)
        elif kind == "stop":
            self._end_within(message["seconds"], message["seconds"])
        elif kind in self._questions:
            self._run(self._answer(message["id"], self._questions[kind]))
        elif kind == "ask":
            self._run(self._ask(message))

    async def _answer(self, number: int, question: Callable[[Worker], Awaitable[Message]]) -> None:
        self.channel.send({"type": "reply", "id": number, **await question(self)})

    async def _ask(self, message: Message) -> None:
        """A question that roles understand; None where none of them does."""
        try:
            work = self._work
            answer = None if work is None else await work.ask(message["about"], message["details"])
        except Exception:
            log.failure("{question} cannot be answered", question=message["about"])
            answer = None
        self.channel.send({"type": "reply", "id": message["id"], "answer": answer})

    async def _ping(self) -> Message:
        return {}

    async def _status(self) -> Message:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "sessions": dict(self._work.sessions()) if self._work is not None else {},
            "processor_seconds": round(usage.ru_utime + usage.ru_stime, 3),
            "memory_peak_octets": usage.ru_maxrss * 1024,
        }

    async def _metrics(self) -> Message:
        return {"figures": figures.take()}

    async def _health(self) -> Message:
        if self._work is None:
            return {"problems": [("worker", "it has not started")]}
        return {"problems": [astuple(problem) for problem in await self._work.health()]}

    _questions = {"ping": _ping, "status": _status, "metrics": _metrics, "health": _health}

    # Hints.

    def _forward_hint(self, account: str, mailbox_id: str) -> None:
        # One message a moment, each mailbox once: the parent and all other workers read it.
        if not self._pending_hints:
            self._reactor.callLater(HINT_DELAY, self._send_hints)
        self._pending_hints[account, mailbox_id] = None

    def _send_hints(self) -> None:
        pending, self._pending_hints = self._pending_hints, {}
        self.channel.send_hint({"type": "hints", "hints": list(pending)})

    # Life and death.

    def _connections(self) -> int:
        return sum(self._work.sessions().values()) if self._work is not None else 0

    async def _start(self, message: Message) -> None:
        try:
            begin_logging(message["log"], self._reactor)
            work: IWork = namedAny(message["build"])(self._assembly(message))
            self._work = work
            await work.start()
        except Exception as error:
            self._failed(error)
            return
        # What is there now stays: without it the collector need not look at all modules each time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
        if self._deadline is None:
            self._say(State.READY)
            log.info("worker {pid} serves: {work}", pid=os.getpid(), work=work.summary)

    def _assembly(self, message: Message) -> Assembly:
        place: int = message["number"]
        limit = connections_possible(message["connections"])
        self._balance = Balance(Table(TABLE_DESCRIPTOR), place, self._connections, limit)
        os.close(TABLE_DESCRIPTOR)
        endpoints = {
            item["address"]: AdoptedEndpoint(self._reactor, descriptor, item["family"], self._balance)
            for descriptor, item in enumerate(message["sockets"], FIRST_SOCKET)
        }
        return Assembly(
            path=message["path"],
            text=message["text"],
            roles=message["roles"],
            endpoints=endpoints,
            hints=self.hints,
            reactor=self._reactor,
            number=place,
            tallies=self._tallies(message["tally"]),
        )

    def _tallies(self, place: int | None) -> ITallies:
        table = TallyTable(TALLIES_DESCRIPTOR)
        os.close(TALLIES_DESCRIPTOR)
        if place is None:
            log.warn("too many workers at a time: the others do not know what this one counts for limits")
        return SharedTallies(table, place, self._reactor)

    def _failed(self, error: Exception) -> None:
        errors = getattr(error, "errors", None) or [str(error) or type(error).__name__]
        if not hasattr(error, "errors"):
            log.failure("the worker cannot start")
        self.channel.send({"type": "failed", "errors": [str(one) for one in errors]})
        self._run(self._stop())

    def _end_within(self, seconds: float, finish: float) -> None:
        """Accept no more; when ``finish`` seconds are left, ask sessions to end; then stop."""
        now = self._reactor.seconds()
        deadline = now + seconds
        if self._deadline is not None:
            self._deadline = min(self._deadline, deadline)
            self._finish_from = min(self._finish_from, self._deadline - finish)
            return
        self._deadline = deadline
        self._finish_from = deadline - finish
        self._say(State.DRAINING)
        self._run(self._wind_down())

    async def _wind_down(self) -> None:
        if self._work is not None:
            await self._work.drain()
            if self._balance is not None:
                self._balance.leave()
            while self._reactor.seconds() < (self._deadline or 0.0):
                if self._reactor.seconds() >= self._finish_from:
                    self._work.finish()
                if not any(self._work.sessions().values()):
                    break
                await self._pause(LOOK_EVERY)
        await self._stop()

    def _pause(self, seconds: float) -> Deferred[None]:
        pause: Deferred[None] = Deferred()
        self._reactor.callLater(seconds, pause.callback, None)
        return pause

    async def _stop(self) -> None:
        if self._ended:
            return
        self._ended = True
        try:
            if self._work is not None:
                await self._work.stop()
            self.channel.send({"type": "farewell", "figures": figures.take()})
        except Exception:
            log.failure("the worker did not stop cleanly")
        finally:
            self._leave()

    def _leave(self) -> None:
        """Stop the reactor when the parent has our last words, or does not want them."""
        if not self.channel.open:
            self._reactor.callLater(0, self._reactor.stop)
            return
        transport: Any = self.channel.transport
        transport.loseConnection()
        self._reactor.callLater(HURRY, transport.abortConnection)

    def _orphaned(self) -> None:
        """The parent is gone: nobody would start us again, and a new parent wants the ports."""
        if self._ended:
            self._reactor.callLater(0, self._reactor.stop)
        else:
            log.warn("the parent is gone; the worker ends")
            self._end_within(HURRY, HURRY)

    def _say(self, state: State) -> None:
        self.state = state
        self.channel.send({"type": "state", "state": state.value})

    def _run(self, coroutine: Any) -> None:
        def broken(failure: Failure) -> None:
            log.failure("the worker is broken", failure)
            self._run(self._stop())

        Deferred.fromCoroutine(coroutine).addErrback(broken)


def main() -> None:
    """Run a worker in this process until the parent says so or is gone."""
    # Control-C at a terminal and a hang-up go to the whole process group; the parent tells us what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from twisted.internet import reactor as global_reactor

    reactor: Any = global_reactor
    worker = Worker(reactor)
    worker.adopt()

    def end(*_: object) -> None:
        reactor.callFromThread(worker.hurry)

    # After the reactor has set its own.
    reactor.callWhenRunning(signal.signal, signal.SIGTERM, end)
    reactor.run()


if __name__ == "__main__":
    main()
