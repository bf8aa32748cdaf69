"""A Twisted protocol around the core: octets to and from a transport, content as it is wanted, time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.tls_facts import tls_facts
from mailframe.message.origin import TLSFacts
from mailframe.message.status import MailframeError, Status
from mailframe.tls.errors import Result, TLSRefused

from . import opening
from .core import CONNECTION_LOST, ClientCore, Dialogue, Exchange, lost_text
from .errors import TLSFailed
from .metrics import METRICS
from .phases import Phase
from .settings import ClientSettings

T = TypeVar("T")

log = Logger()

CANNOT_READ = Status((4, 3, 0), "The message cannot be read here; it is tried again")


@implementer(IHandshakeListener, IPushProducer)
class Line(Protocol):
    """One connection to a server: what every dialogue needs.

    Args:
        core: the dialogue.
        settings: timeouts, our name.
        clock: the reactor; reads files in its threads, where it has any.

    Attributes:
        core: the dialogue.
        peer: the server's address and port, or the path of its socket.
        tls: what the TLS session is, or None.
        verified: the server's certificate was checked, and it is the one we mean.
        tls_fault: what a policy that is only tested found wrong with the certificate, or None.
        greeting: the server's first words.
        source: our own address, "" where it is not known.
        closed: a function of no arguments that is called when the connection is gone, or None.
        left: the same, for whoever counts connections.
    """

    peer = ""
    source = ""
    greeting = ""
    tls: TLSFacts | None = None
    verified = False
    tls_fault: TLSRefused | None = None

    def __init__(self, core: ClientCore, settings: ClientSettings, clock: IReactorTime) -> None:
        self.core = core
        self.settings = settings
        self.clock = clock
        self.metrics = METRICS[core.protocol]
        self.closed: Callable[[], None] | None = None
        self.left: Callable[[], None] | None = None
        self._greeting: Exchange[Any] | None = None
        self._waiting: Deferred[None] | None = None
        self._paused = False
        self._open = False
        self._closing = False
        self._handshaking = False
        self._handshake_over = False
        self._failed_tls: str | None = None
        self._result = Result.VALIDATION_FAILURE
        self._deadline = 0.0
        self._alarm: IDelayedCall | None = None

    # The transport calls these.

    def connectionMade(self) -> None:
        """Wait for the greeting."""
        transport = self._transport()
        self.peer = _place(transport.getPeer())
        self.source = getattr(transport.getHost(), "host", "")
        if self.peer.startswith("/"):
            self.peer = self.core.host
        elif hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self._open = True
        self.metrics.open.inc()
        self._greeting = self.core.begin(opening.greeting(self.core))
        self._touch()

    def dataReceived(self, data: bytes) -> None:
        """Feed the core, send what it wants to say."""
        if self.core.receive(data):
            self._move_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whatever was asked ends with this."""
        if not self._open:
            return
        self._open = False
        self.metrics.open.dec()
        self._note_tls_failure(reason)
        self.core.lost(_lost_status(reason))
        self._disarm()
        self._wake()
        closed, self.closed = self.closed, None
        if closed is not None:
            closed()
        left, self.left = self.left, None
        if left is not None:
            left()

    def handshakeCompleted(self) -> None:
        """TLS is on, and is what the policy demands."""
        self._handshake_over = True
        handle = self._transport().getHandle()
        self.verified = getattr(handle, "verified", None) is not None
        self.tls_fault = getattr(handle, "fault", None)
        self.tls = tls_facts(handle)
        self._touch()
        self._wake()

    def pauseProducing(self) -> None:
        """The server reads slowly."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It caught up."""
        self._paused = False
        self._touch()
        self._wake()

    def stopProducing(self) -> None:
        """The connection is going away; `connectionLost` follows."""
        self._paused = False

    # Whoever asks something uses these.

    @property
    def usable(self) -> bool:
        """May something be asked now?"""
        return self._open and self.core.usable

    def close(self) -> None:
        """End the connection; what was written goes out, if the server takes it soon."""
        self.core.lost()
        if not self._open or self._closing:
            return
        self._closing = True
        transport = self._transport()
        transport.unregisterProducer()
        transport.loseConnection()
        self._disarm()
        if self._open:
            self._alarm = self.clock.callLater(self.settings.quit_timeout, self.abort)

    def abort(self) -> None:
        """End the connection at once."""
        self.core.lost()
        self._disarm()
        if self._open:
            self._transport().abortConnection()

    async def ask(self, dialogue: Dialogue[T]) -> T:
        """Have a dialogue.

        Raises:
            MailframeError: as the dialogue; `Lost`: the connection ended.
        """
        return await self._answer(self._begin(dialogue))

    # Inside.

    def _begin(self, dialogue: Dialogue[T]) -> Exchange[T]:
        exchange = self.core.begin(dialogue)
        self._move_on()
        return exchange

    async def _answer(self, exchange: Exchange[T]) -> T:
        try:
            while not exchange.done:
                await self._change()
        except BaseException:
            # Whoever waited was cancelled: replies that come now belong to nobody.
            self.abort()
            raise
        return exchange.result()

    async def _stream(self, exchange: Exchange[T], chunks: Callable[[], Iterator[bytes]], files: bool) -> T:
        """Send content whenever it is wanted, until the exchange is over."""
        source: Iterator[bytes] | None = None
        try:
            while not exchange.done:
                if self._paused or not self.core.wants_content:
                    await self._change()
                    continue
                source = chunks() if source is None else source
                chunk = await self._read(source, files)
                if self.core.wants_content:
                    self._give(chunk)
        except BaseException:
            self.abort()
            raise
        return exchange.result()

    async def _read(self, source: Iterator[bytes], files: bool) -> bytes | None:
        """The next piece, None at the end; after an error, whose trace is logged, the connection is over."""
        try:
            if files:
                return await in_thread(self.clock, lambda: next(source, None))
            return next(source, None)
        except (OSError, ValueError):
            log.failure("cannot read the content of a message")
            self._fail(CANNOT_READ)
            return None

    def _give(self, chunk: bytes | None) -> None:
        try:
            if chunk is None:
                self.core.content_ends()
            else:
                self.core.content(chunk)
        except MailframeError as error:
            self._fail(error.status)
        self._move_on()

    def _fail(self, status: Status) -> None:
        self.core.lost(status)
        if self._open:
            self._transport().abortConnection()

    def _move_on(self) -> None:
        """After anything that the core was told: send, take the time, end what has ended, wake who waits."""
        octets = self.core.outgoing()
        if octets and self._open and not self._closing:
            self._transport().write(octets)
        if self.core.ended is not None:
            self.close()
        self._touch()
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)

    async def _change(self) -> None:
        """Wait until anything has happened."""
        if self._waiting is None:
            self._waiting = Deferred()
        await self._waiting

    def _note_tls_failure(self, reason: Failure) -> None:
        if self._handshaking and not self._handshake_over:
            error = reason.value
            self._failed_tls = "the connection was closed in the handshake"
            if isinstance(error, TLSRefused):
                self._failed_tls, self._result = error.reason, error.result

    def _tls_failure(self) -> TLSFailed | None:
        if self._failed_tls is None:
            return None
        text = f"No TLS with {self.core.host}: {self._failed_tls}"
        return TLSFailed(Status((4, 7, 5), lost_text(text).text), result=self._result)

    # Time.

    @property
    def _phase(self) -> Phase:
        if self._handshaking and not self._handshake_over:
            return Phase.HANDSHAKE
        return self.core.phase

    def _touch(self) -> None:
        """The time of the phase begins now."""
        phase = self._phase
        if not self._open or self._closing or phase is Phase.IDLE:
            return
        timeout = self.settings.timeout(phase)
        self._deadline = self.clock.seconds() + timeout
        if self._alarm is None:
            self._alarm = self.clock.callLater(timeout, self._alarmed)
        elif self._alarm.getTime() > self._deadline:
            self._alarm.reset(timeout)

    def _alarmed(self) -> None:
        self._alarm = None
        phase = self._phase
        if phase is Phase.IDLE:
            return
        left = self._deadline - self.clock.seconds()
        if left > 0:
            # One alarm for many replies: to set it anew for each costs more than to look at the time here.
            self._alarm = self.clock.callLater(left, self._alarmed)
            return
        if phase is Phase.HANDSHAKE:
            self._failed_tls = "the handshake takes too long"
        self._fail(Status((4, 4, 2), f"{self.core.host} did not answer in time ({phase.value})"))
        self._wake()

    def _disarm(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None and alarm.active():
            alarm.cancel()

    def _transport(self) -> Any:
        # TCP, UNIX, TLS and in-memory transports share no one interface that has all of this.
        return self.transport


async def in_thread(clock: IReactorTime, work: Callable[[], T]) -> T:
    """Do something that blocks, in a thread where the reactor has threads."""
    if hasattr(clock, "getThreadPool"):
        reactor: Any = clock
        return await deferToThreadPool(reactor, reactor.getThreadPool(), work)
    return work()


def _place(address: Any) -> str:
    host = getattr(address, "host", None)
    if host is None:
        name = getattr(address, "name", None)
        return name.decode("utf-8", "replace") if isinstance(name, bytes) and name else "/"
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"


def _lost_status(reason: Failure) -> Status:
    if reason.check(ConnectionClosed):
        return CONNECTION_LOST
    return lost_text(f"The connection was lost: {reason.getErrorMessage()}")
