"""A Twisted protocol around the core: octets to and from a transport, timeouts, TLS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.message.origin import TLSFacts
from mailframe.message.status import MailframeError, Status
from mailframe.sasl.client import ClientCredentials, choose
from mailframe.tls.errors import TLSRefused

from . import opening
from .capabilities import Capabilities
from .core import CONNECTION_LOST, ClientCore, Dialogue, Exchange, Lost, lost_text
from .errors import Refused, TLSFailed
from .metrics import METRICS
from .phases import Phase
from .preparation import Security
from .settings import ClientSettings

T = TypeVar("T")
InThread = Callable[[Callable[[], T]], Awaitable[T]]

log = Logger()

CANNOT_READ = Status((4, 3, 0), "The message cannot be read here; it is tried again")


@implementer(IHandshakeListener, IPushProducer)
class ClientConnection(Protocol):
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
        greeting: the server's first words.
        closed: a function of no arguments that is called when the connection is gone, or None.
    """

    peer = ""
    greeting = ""
    tls: TLSFacts | None = None
    verified = False

    def __init__(self, core: ClientCore, settings: ClientSettings, clock: IReactorTime) -> None:
        self.core = core
        self.settings = settings
        self.clock = clock
        self.metrics = METRICS[core.protocol]
        self.closed: Callable[[], None] | None = None
        self._greeting: Exchange[Any] | None = None
        self._waiting: Deferred[None] | None = None
        self._paused = False
        self._open = False
        self._closing = False
        self._handshaking = False
        self._handshake_over = False
        self._failed_tls: str | None = None
        self._deadline = 0.0
        self._alarm: IDelayedCall | None = None

    # The transport calls these.

    def connectionMade(self) -> None:
        """Wait for the greeting."""
        transport = self._transport()
        self.peer = _place(transport.getPeer())
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
        self.core.receive(data)
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

    def handshakeCompleted(self) -> None:
        """TLS is on, and is what the policy demands."""
        self._handshake_over = True
        handle = self._transport().getHandle()
        self.verified = getattr(handle, "verified", None) is not None
        name = handle.get_servername()
        self.tls = TLSFacts(
            version=handle.get_protocol_version_name(),
            cipher=handle.get_cipher_name() or "",
            bits=handle.get_cipher_bits() or 0,
            server_name=name.decode("ascii", "replace") if name else None,
        )
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

    # What is asked of the server.

    @property
    def usable(self) -> bool:
        """May something be asked now?"""
        return self._open and self.core.usable

    @property
    def capabilities(self) -> Capabilities:
        """What the server said it can do."""
        return self.core.capabilities

    @property
    def security(self) -> Security:
        """What protects the connection."""
        return Security(self.tls is not None, self.verified)

    async def greeted(self) -> None:
        """Wait for the greeting.

        Raises:
            MailframeError: the server does not want to talk, or the connection was lost; `TLSFailed`: with implicit
                TLS, the handshake failed.
        """
        assert self._greeting is not None
        try:
            self.greeting = (await self._answer(self._greeting)).text
        except Lost as lost:
            raise self._tls_failure() or lost from None

    def implicit_tls(self) -> None:
        """The connection begins with a handshake; to be said before it is made."""
        self._handshaking = True

    async def hello(self) -> Capabilities:
        """Greet the server; learn what it can do."""
        capabilities = await self.ask(opening.hello(self.core, self.settings.hostname.encode("ascii")))
        if not self.settings.pipelining and capabilities.pipelining:
            keywords = {key: value for key, value in capabilities.keywords.items() if key != "PIPELINING"}
            self.core.capabilities = Capabilities(capabilities.name, True, keywords)
        return self.core.capabilities

    async def start_tls(self, creator: IOpenSSLClientConnectionCreator) -> None:
        """STARTTLS and the handshake; `hello` is to be said again.

        Raises:
            Refused: the server does not begin it; the connection goes on in clear.
            TLSFailed: the handshake failed, or the server is not the one it should be; the connection is over.
        """
        await self.ask(opening.start_tls(self.core))
        self._handshaking = True
        self._transport().startTLS(creator)
        self._touch()
        try:
            while not self._handshake_over and self.core.ended is None:
                await self._change()
        except BaseException:
            self.abort()
            raise
        self._handshaking = False
        if self.core.ended is not None:
            raise self._tls_failure() or TLSFailed(Status((4, 7, 5), self.core.ended.text))

    async def log_in(self, credentials: ClientCredentials, *, clear: bool = False) -> str:
        """AUTH by the best mechanism that both sides have.

        Args:
            credentials: who we are.
            clear: send a password without TLS as well; for UNIX sockets and tests.

        Returns:
            The mechanism's name.

        Raises:
            MailframeError: there is none, or the server does not let us in.
        """
        mechanism = choose(
            self.capabilities.mechanisms,
            credentials,
            self.tls is not None,
            self._channel_binding(),
            clear=clear,
        )
        await self.ask(opening.log_in(self.core, mechanism))
        return mechanism.name

    async def reset(self) -> None:
        """RSET.

        Raises:
            MailframeError: the connection is of no use any more.
        """
        try:
            await self.ask(opening.reset(self.core))
        except Refused:
            self.abort()
            raise

    async def quit(self) -> None:
        """Say goodbye, wait a little for the answer, and end the connection."""
        if self.usable:
            await self.ask(opening.quit_(self.core))
        self.close()

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

    def _channel_binding(self) -> bytes | None:
        """``tls-exporter`` (RFC 9266), which is safe with TLS 1.3 only."""
        if self.tls is None or self.tls.version != "TLSv1.3":
            return None
        exported: bytes = (
            self._transport().getHandle().export_keying_material(b"EXPORTER-Channel-Binding", 32)
        )
        return exported

    def _note_tls_failure(self, reason: Failure) -> None:
        if self._handshaking and not self._handshake_over:
            error = reason.value
            self._failed_tls = (
                error.reason
                if isinstance(error, TLSRefused)
                else "the connection was closed in the handshake"
            )

    def _tls_failure(self) -> TLSFailed | None:
        if self._failed_tls is None:
            return None
        text = f"No TLS with {self.core.host}: {self._failed_tls}"
        return TLSFailed(Status((4, 7, 5), lost_text(text).text))

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
