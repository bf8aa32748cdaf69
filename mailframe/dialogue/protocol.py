"""A Twisted protocol that runs one conversation: one event at a time, in order, bounded.

Replies keep the order of commands whatever the segmentation, because the next event is not read before the
answer to the one before is written. What arrives meanwhile stays in a bounded buffer, and the transport is
paused while it is full; answers that a slow peer does not read pause the conversation.
"""

from __future__ import annotations

import socket
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.message.origin import ProxyFacts, TLSFacts
from mailframe.message.status import ProtocolError, Status

from .buffer import ReceiveBuffer
from .interfaces import NEED_DATA, IConnection, IConversation, IFarewell
from .sending import send_now
from .tls_facts import channel_binding, tls_facts

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLServerConnectionCreator

BUFFER_LIMIT = 64 * 1024
"""Octets that may wait unread before the transport is paused (one read more may arrive)."""
EVENTS_A_TURN = 256
"""Events handled before the reactor gets a turn: a flood of small commands must not starve others."""
LINGER = 30.0
"""Seconds a peer has to take our last words before the connection is cut."""
HANDSHAKE = 60.0
"""Seconds for the handshake of a connection that begins with TLS, where the timeout is longer."""
LINGER_OCTETS = 16 * 1024 * 1024
"""Octets thrown away after a fatal error, so that the peer can read the reply, before the line is cut."""
_SPOKEN_BEFORE_TLS = Status((5, 5, 1), "No octets may come between this command and the TLS handshake")

log = Logger()


@implementer(IConnection, IHandshakeListener, IPushProducer)
class DialogueProtocol(Protocol):
    """Runs a conversation over a transport.

    Args:
        conversation: made for this connection.
        clock: for timeouts and for taking turns.
        timeout: seconds of silence allowed until the conversation says otherwise.
        buffer_limit: octets that may wait before reading pauses.
    """

    peer = ""
    peer_port = 0
    local_port = 0
    proxy: ProxyFacts | None = None
    _over_tcp = False

    def __init__(
        self,
        conversation: IConversation,
        clock: IReactorTime,
        timeout: float = 300.0,
        buffer_limit: int = BUFFER_LIMIT,
    ) -> None:
        self._conversation = conversation
        self._clock = clock
        self._timeout = timeout
        self._buffer_limit = buffer_limit
        self._buffer = ReceiveBuffer()
        self._task: Deferred[None] | None = None
        self._busy = False
        self._closing = False
        self._thrown_away = 0
        self._lost = False
        self._opened = False
        self._reading_paused = False
        self._writing_paused = False
        self._waiting_for_drain: Deferred[None] | None = None
        self._deadline = 0.0
        self._alarm: IDelayedCall | None = None
        self._tls_facts: TLSFacts | None = None

    # The transport calls these.

    def connectionMade(self) -> None:
        """Take the peer's address, begin the timeout, let the conversation greet.

        Where the connection begins with TLS, the handshake comes first: the greeting may depend on what it says
        of the client, and who never shakes hands is no session.
        """
        transport = self._transport()
        peer, here = transport.getPeer(), transport.getHost()
        self.peer = getattr(peer, "host", "unix")
        self.peer_port = getattr(peer, "port", 0)
        self.local_port = getattr(here, "port", 0)
        self.proxy = getattr(transport, "proxy_facts", None)
        # A client behind a proxy may have a port where our own connection, the proxy's, is a local socket.
        self._over_tcp = bool(self.peer_port) if self.proxy is None else self.proxy.peer != "unix"
        if self._over_tcp and hasattr(transport, "setTcpNoDelay"):
            # Not for local sockets: Twisted's have the method, and it raises.
            transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self._touch()
        shaking = self.secure and self.tls_facts() is None
        if shaking:
            self._deadline = min(self._deadline, self._clock.seconds() + HANDSHAKE)
        self._arm()
        if not shaking:
            self._open()

    def handshakeCompleted(self) -> None:
        """TLS is on: from the start, so that the conversation may greet, or after STARTTLS."""
        if not self._opened and not self._closing:
            self._touch()
            self._open()

    def dataReceived(self, data: bytes) -> None:
        """Keep what arrived, and begin to answer unless an answer is under way."""
        if self._closing:
            self._thrown_away += len(data)
            if self._thrown_away > LINGER_OCTETS:
                self.abort()
            return
        self._buffer.append(data)
        if not self._busy:
            self._begin()
        self._balance_reading()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Cancel what runs and let the conversation give back what it holds."""
        self._lost = self._closing = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._buffer.clear()
        if self._task is not None:
            self._task.cancel()
        self._release_drain()
        if self._opened:
            self._conversation.closed()

    def pauseProducing(self) -> None:
        """The peer reads slowly: the conversation waits in `drained`."""
        self._writing_paused = True

    def resumeProducing(self) -> None:
        """The peer caught up."""
        self._writing_paused = False
        self._touch()
        self._release_drain()

    def stopProducing(self) -> None:
        """The connection is going away; `connectionLost` follows."""
        self._writing_paused = False
        self._release_drain()

    # The conversation calls these.

    @property
    def secure(self) -> bool:
        """Is TLS on?"""
        return ISSLTransport.providedBy(self.transport)

    def write(self, data: bytes) -> None:
        """Send octets, unless the connection is gone."""
        if not self._lost:
            transport = self._transport()
            rest = send_now(transport, data)
            if rest:
                transport.write(rest)

    async def drained(self) -> None:
        """Wait until more may be written."""
        while self._writing_paused and not self._lost:
            if self._waiting_for_drain is None:
                self._waiting_for_drain = Deferred()
            await self._waiting_for_drain
        if self._lost:
            raise CancelledError

    def buffered(self) -> int:
        """Octets that wait behind the event being handled."""
        return len(self._buffer)

    def acknowledge(self) -> None:
        """Ask the kernel for the acknowledgement that it delays, by up to 40 ms on Linux."""
        transport = self._transport()
        if self.secure:
            transport = getattr(transport, "transport", None)
        connected = getattr(transport, "socket", None)
        if connected is not None and self._over_tcp and hasattr(socket, "TCP_QUICKACK"):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def start_tls(self, contexts: IOpenSSLServerConnectionCreator, reply: bytes = b"") -> None:
        """Begin the handshake; refuse when the client spoke on in clear."""
        if len(self._buffer):
            self._buffer.clear()
            raise ProtocolError(_SPOKEN_BEFORE_TLS, fatal=True)
        if reply:
            self.write(reply)
        if not self._lost:
            self._transport().startTLS(contexts)

    def tls_facts(self) -> TLSFacts | None:
        """What the handshake agreed on, asked of OpenSSL once."""
        if self._tls_facts is None and self.secure:
            self._tls_facts = tls_facts(cast(TLSMemoryBIOProtocol, self.transport).getHandle())
        return self._tls_facts

    def channel_binding(self) -> bytes | None:
        """The tls-exporter binding, where TLS 1.3 is in use (see `mailframe.dialogue.tls_facts.channel_binding`)."""
        if not self.secure:
            return None
        return channel_binding(cast(TLSMemoryBIOProtocol, self.transport).getHandle())

    def set_timeout(self, seconds: float) -> None:
        """Change how long the peer may be silent; a shorter time counts from now."""
        self._timeout = seconds
        self._touch()
        if self._alarm is not None and self._alarm.getTime() > self._deadline:
            self._alarm.reset(max(0.0, self._deadline - self._clock.seconds()))

    def close(self, lingering: bool = False) -> None:
        """Say no more; cut the line when the peer does not take our last words within `LINGER`."""
        if self._closing:
            return
        self._closing = True
        self._buffer.clear()
        transport = self._transport()
        transport.unregisterProducer()
        if lingering and not self.secure and hasattr(transport, "loseWriteConnection"):
            transport.resumeProducing()
            transport.loseWriteConnection()
        else:
            transport.loseConnection()
        if not self._lost:
            self.set_timeout(LINGER)

    def abort(self) -> None:
        """Cut the line now."""
        self._closing = True
        self._transport().abortConnection()

    # Whoever runs the service calls this.

    def finish(self) -> bool:
        """The service goes away: end now, unless something is under way.

        A conversation that provides `IFarewell` says whether it is in a transaction, and goodbye.

        Returns:
            True when the connection is on its way out; False to be asked again soon.
        """
        conversation = self._conversation
        if self._closing:
            return True
        if not self._opened:
            self.abort()
            return True
        if self._busy or (IFarewell.providedBy(conversation) and not IFarewell(conversation).farewell()):
            return False
        self.close()
        return True

    # One event at a time.

    def _open(self) -> None:
        self._opened = True
        self._begin(opening=True)

    def _begin(self, *, opening: bool = False) -> None:
        """Run until everything that arrived is answered, or something has to be waited for.

        Most events are answered at once, so the coroutine is stepped by hand first, and a Deferred made only when
        it waits: a lasting session's message costs 105 us so, 120 us with a Deferred for each event.
        """
        self._busy = True
        running = self._run(opening)
        try:
            waits_for = running.send(None)
        except StopIteration:
            return
        except Exception:
            self._broken(Failure())
            return
        task = self._task = Deferred.fromCoroutine(_resumed(running, waits_for))
        task.addErrback(self._broken)

    async def _run(self, opening: bool) -> None:
        try:
            if opening:
                await self._guarded(self._conversation.opened, self)
                self._touch()
            await self._answer()
        finally:
            self._task = None
            self._busy = False
            self._balance_reading()

    async def _answer(self) -> None:
        conversation, buffer, turn = self._conversation, self._buffer, 0
        while not self._closing:
            try:
                event = conversation.next_event(buffer)
            except ProtocolError as error:
                self._refuse(error)
                continue
            if event is NEED_DATA:
                return
            await self._guarded(conversation.handle, event)
            # The time a peer has is counted from event to event, not from octet to octet: one that sends
            # an octet a minute does not hold the connection for ever.
            self._touch()
            if self._writing_paused:
                await self.drained()
            turn += 1
            if turn % EVENTS_A_TURN == 0:
                await self._next_turn()
            if self._reading_paused:
                self._balance_reading()

    async def _guarded(self, step: object, argument: object) -> None:
        """One step of the conversation; what it raises is told to the peer in one place."""
        try:
            await step(argument)  # type: ignore[operator]
        except ProtocolError as error:
            self._refuse(error)
        except Exception as error:
            failure = Failure()
            if self._lost:
                if not isinstance(error, CancelledError):
                    log.failure(
                        "a conversation with {peer} failed after it was lost", failure, peer=self.peer
                    )
                return
            log.failure("a conversation with {peer} failed", failure, peer=self.peer)
            self._conversation.internal_error(failure)

    def _refuse(self, error: ProtocolError) -> None:
        self._conversation.protocol_error(error)
        if error.fatal:
            self.close(lingering=True)

    async def _next_turn(self) -> None:
        turn: Deferred[None] = Deferred()
        self._clock.callLater(0, _fire, turn)
        await turn

    def _broken(self, failure: Failure) -> None:
        if failure.check(CancelledError) and self._lost:
            return
        log.failure("the dialogue with {peer} broke", failure, peer=self.peer)
        self.abort()

    # Bounds.

    def _balance_reading(self) -> None:
        full = len(self._buffer) > self._buffer_limit
        if full == self._reading_paused or self._lost or self._closing:
            return
        self._reading_paused = full
        if full:
            self._transport().pauseProducing()
        else:
            self._transport().resumeProducing()

    def _release_drain(self) -> None:
        waiting, self._waiting_for_drain = self._waiting_for_drain, None
        if waiting is not None:
            _fire(waiting)

    def _touch(self) -> None:
        self._deadline = self._clock.seconds() + self._timeout

    def _arm(self) -> None:
        if self._lost:
            return
        delay = max(0.0, self._deadline - self._clock.seconds())
        self._alarm = self._clock.callLater(delay, self._alarmed)

    def _alarmed(self) -> None:
        """The alarm is set once and looks at the deadline when it rings: a reset a command costs more."""
        self._alarm = None
        waiting_for_us = self._busy and not self._writing_paused and not self._closing
        if waiting_for_us:
            self._touch()
        if self._clock.seconds() < self._deadline:
            self._arm()
            return
        if self._closing or not self._opened:
            self.abort()
            return
        self._conversation.timed_out()
        self.close()
        self._arm()

    def _transport(self) -> Any:
        # TCP, UNIX, TLS and in-memory transports share no one interface that has all of this.
        return self.transport


def _fire(waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)


async def _resumed(running: Coroutine[Any, Any, None], waits_for: Deferred[Any]) -> None:
    """The rest of a coroutine that was stepped by hand up to its first wait."""
    while True:
        try:
            step = partial(running.send, await waits_for)
        except BaseException as fault:
            step = partial(running.throw, fault)
        try:
            waits_for = step()
        except StopIteration:
            return
