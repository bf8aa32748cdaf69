"""One worker, as the parent sees it: a process, a channel, and a state."""

from __future__ import annotations

import enum
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from .channel import Channel, Message

CHANNEL_DESCRIPTOR = 3
"""Where a worker finds its end of the channel."""
TABLE_DESCRIPTOR = 4
"""Where it finds the table of `mailframe.node.balance`."""
TALLIES_DESCRIPTOR = 5
"""Where it finds the table of `mailframe.limits.table`."""
FIRST_SOCKET = 6
"""Where its listening sockets begin, in the order of the configure message."""

log = Logger()


class State(enum.Enum):
    """What a worker is doing, by its own word."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    ENDED = "ended"


class WorkerProcess(ProcessProtocol):
    """Starts a worker and speaks with it.

    Args:
        reactor: spawns, adopts the channel, keeps time.
        configure: the message it gets first (see `mailframe.node.worker`).
        table: descriptor of the table of `mailframe.node.balance`.
        tallies: descriptor of the table of `mailframe.limits.table`.
        sockets: descriptors of the listening sockets.
        log_descriptor: standard output and error of the worker; None for our own.
        environment: of the worker.
        changed: called with this object when its state changed.
        hinted: called with this object and each hint message it sends.
    """

    def __init__(
        self,
        reactor: Any,
        configure: Message,
        table: int,
        tallies: int,
        sockets: Sequence[int],
        log_descriptor: int | None,
        environment: Mapping[str, str],
        changed: Callable[[WorkerProcess], None],
        hinted: Callable[[WorkerProcess, Message], None],
    ) -> None:
        self._reactor = reactor
        self._configure = configure
        self._table = table
        self._tallies = tallies
        self._sockets = sockets
        self._log_descriptor = log_descriptor
        self._environment = environment
        self._changed = changed
        self._hinted = hinted
        self._gone: list[Deferred[None]] = []
        self._killed_for = ""
        self._reason: Failure | None = None
        self.channel = Channel(self._received, self._over)
        self.number: int = configure.get("number", 0)
        self.state = State.STARTING
        self.errors: list[str] = []
        self.started = reactor.seconds()
        self.pid = 0
        self.farewell: Message | None = None
        """The last figures, sent by a worker that ends in order."""

    def spawn(self) -> None:
        """Start the process and tell it what to do.

        Raises:
            OSError: there are no processes or descriptors left.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            with open(os.devnull, "rb") as nothing:
                out = 1 if self._log_descriptor is None else self._log_descriptor
                error = 2 if self._log_descriptor is None else self._log_descriptor
                descriptors = {0: nothing.fileno(), 1: out, 2: error}
                descriptors.update({CHANNEL_DESCRIPTOR: theirs.fileno(), TABLE_DESCRIPTOR: self._table})
                descriptors[TALLIES_DESCRIPTOR] = self._tallies
                descriptors.update(enumerate(self._sockets, FIRST_SOCKET))
                process = self._reactor.spawnProcess(
                    self,
                    sys.executable,
                    [sys.executable, "-m", "mailframe.node.worker"],
                    env=dict(self._environment),
                    childFDs=descriptors,
                )
            self.pid = process.pid
            self._reactor.adoptStreamConnection(
                ours.fileno(), socket.AF_UNIX, Factory.forProtocol(lambda: self.channel)
            )
        self.channel.send({"type": "configure", **self._configure})

    def uptime(self) -> float:
        """Seconds since the start."""
        return float(self._reactor.seconds() - self.started)

    def ask(self, command: str, timeout: float, **arguments: Any) -> Deferred[Message]:
        """Put a question; fails when the worker ends or does not answer in time."""
        return self.channel.request(self._reactor, timeout, {"type": command, **arguments})

    def drain(self, seconds: float) -> None:
        """Accept no more, end when the sessions have, after ``seconds`` at the latest."""
        self.channel.send({"type": "drain", "seconds": seconds})

    def stop(self, seconds: float) -> None:
        """End soon: transactions have ``seconds``."""
        if self.state is not State.ENDED:
            self.state = State.STOPPING
            self.channel.send({"type": "stop", "seconds": seconds})

    def kill(self, why: str) -> None:
        """End it now."""
        if self.state is not State.ENDED and self.pid:
            self._killed_for = why
            log.warn("worker {pid} is killed: {reason}", pid=self.pid, reason=why)
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def ended(self) -> Deferred[None]:
        """Fires when the process is gone."""
        gone: Deferred[None] = Deferred()
        if self.state is State.ENDED:
            gone.callback(None)
        else:
            self._gone.append(gone)
        return gone

    # The reactor and the channel call these.

    def processEnded(self, reason: Failure) -> None:
        """The process was reaped; its last words may still be in the channel."""
        self._reason = reason
        self._over()

    def _over(self) -> None:
        if self._reason is None or self.channel.open:
            return
        self.state = State.ENDED
        if not self.errors:
            self.errors = [f"worker {self.pid} {self._how(self._reason)}"]
        self._changed(self)
        gone, self._gone = self._gone, []
        for waiting in gone:
            waiting.callback(None)

    def _how(self, reason: Failure) -> str:
        if self._killed_for:
            return f"was killed: {self._killed_for}"
        number = getattr(reason.value, "signal", None)
        if number:
            return f"was ended by {signal.Signals(number).name}"
        return f"ended with exit code {getattr(reason.value, 'exitCode', '?')}"

    def _received(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "hints":
            self._hinted(self, message)
        elif kind == "farewell":
            self.farewell = message
        elif kind == "failed":
            self.errors = [str(error) for error in message["errors"]]
        elif kind == "state" and self.state is not State.ENDED:
            self.state = State(message["state"])
            self._changed(self)
