"""One run of a program: octets in, an exit code out, within limits of time, memory and words."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IPullProducer
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.message.status import Status
from mailframe.smtp.client.line import in_thread

from .sysexits import status_of_exit

TOO_LONG: Final = Status((4, 3, 0), "The program that takes this mail did not end in time")
TOO_MUCH: Final = Status((4, 3, 0), "The program that takes this mail says too much")
CANNOT_READ: Final = Status((4, 3, 0), "The message cannot be read here; it is tried again")
SHOWN: Final = 300
"""Octets of what a program says that are passed on."""
GRACE: Final = 2.0
"""Seconds that a program has to end by itself."""
SETSID: Final = shutil.which("setsid", path=os.defpath)
"""Begins a session, so that a program that has to be ended ends with all that it started (on Linux)."""

log = Logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take: seconds, octets of memory, octets of output."""

    timeout: float
    memory: int
    output: int


@implementer(IPullProducer)
class Run(ProcessProtocol):
    """One run.

    Args:
        reactor: starts the process, and is the clock.
        limits: of the run.
        chunks: gives the octets for its standard input; may block.
    """

    def __init__(self, reactor: Any, limits: Limits, chunks: Callable[[], Iterator[bytes]]) -> None:
        self._reactor = reactor
        self._limits = limits
        self._chunks = chunks()
        self._said = b""
        self._octets = 0
        self._verdict: Status | None = None
        self._alarm: IDelayedCall | None = None
        self._pid: int | None = None
        self._reading = False
        self._fed = False
        self._over = False
        self._done: Deferred[Status] = Deferred(lambda _: self._end(TOO_LONG))

    async def start(
        self,
        command: list[str],
        environment: dict[str, str],
        directory: str,
        identity: tuple[int, int] | None,
    ) -> Status:
        """Run it to its end.

        Args:
            command: the path of the program, and its arguments.
            environment: all of it.
            directory: where it runs.
            identity: user and group to become, or None.

        Returns:
            What its exit code means. Where the program had to be ended, that is temporary.
        """
        uid, gid = identity or (None, None)
        words = command if SETSID is None else [SETSID, *command]
        process = self._reactor.spawnProcess(
            self, words[0], words, environment, directory, uid, gid, childFDs={0: "w", 1: "r", 2: "r"}
        )
        self._pid = process.pid
        _limit(self._pid, self._limits.memory)
        self._alarm = self._reactor.callLater(self._limits.timeout, self._end, TOO_LONG)
        return await self._done

    # The process calls these.

    def connectionMade(self) -> None:
        """It runs; it gets the octets as it reads them."""
        transport: Any = self.transport
        transport.registerProducer(self, False)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It says something."""
        self._octets += len(data)
        self._said = (self._said + data)[:SHOWN]
        if self._octets > self._limits.output:
            self._end(TOO_MUCH)

    def processExited(self, reason: Failure) -> None:
        """It is over; its children may live on, but nobody waits for them, unless it had to be ended."""
        self._over = True
        if self._verdict is not None:
            self._signal(signal.SIGKILL)
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        transport: Any = self.transport
        transport.loseConnection()
        code = getattr(reason.value, "exitCode", None)
        # What was written to the pipes is read after this.
        self._reactor.callLater(0, self._conclude, code)

    # It reads.

    def resumeProducing(self) -> None:
        """It has read all there was."""
        if not self._reading and not self._fed and not self._over:
            self._reading = True
            Deferred.fromCoroutine(self._feed()).addErrback(self._unreadable)

    def stopProducing(self) -> None:
        """It reads no more; it may run on for all that."""
        self._fed = True

    async def _feed(self) -> None:
        chunk = await in_thread(self._reactor, lambda: next(self._chunks, None))
        self._reading = False
        transport: Any = self.transport
        if self._fed or self._over:
            return
        if chunk is None:
            self._fed = True
            transport.unregisterProducer()
            transport.closeStdin()
        elif chunk:
            transport.write(chunk)
        else:
            self.resumeProducing()

    def _unreadable(self, failure: Failure) -> None:
        log.failure("cannot read the content of a message", failure)
        self._end(CANNOT_READ)

    # The end.

    def _end(self, verdict: Status) -> None:
        """End the process: politely, then not."""
        if self._verdict is None:
            self._verdict = verdict
            self._signal(signal.SIGTERM)
            if not self._over:
                if self._alarm is not None and self._alarm.active():
                    self._alarm.cancel()
                self._alarm = self._reactor.callLater(GRACE, self._signal, signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """To the program and all that it started; to the program alone, where it has no session of its own."""
        transport: Any = self.transport
        try:
            if self._pid is not None:
                os.killpg(self._pid, number)
        except ProcessLookupError:
            try:
                transport.signalProcess(number)
            except ProcessExitedAlready:
                pass

    def _conclude(self, code: int | None) -> None:
        if not self._done.called:
            said = self._said.decode("utf-8", "replace")
            self._done.callback(self._verdict or status_of_exit(code, said))


def _limit(pid: int | None, memory: int) -> None:
    """Bound the memory of a process, where the system can (Linux); it may have ended already."""
    prlimit = getattr(resource, "prlimit", None)
    if prlimit is None or pid is None:
        return
    try:
        prlimit(pid, resource.RLIMIT_AS, (memory, memory))
        prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    except ProcessLookupError:
        pass
