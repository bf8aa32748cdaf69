"""The connection that a conversation speaks on: octets out, TLS, timeouts, the end. What is said is not decided here.

`mailframe.dialogue.protocol.DialogueProtocol` is one with a conversation on it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime, ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailframe.message.origin import ProxyFacts, TLSFacts
from mailframe.message.status import ProtocolError, Status

from .buffer import ReceiveBuffer
from .deflate import Deflate
from .interfaces import IConnection
from .sending import send_now
from .tls_facts import channel_binding, tls_facts

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLServerConnectionCreator

HANDSHAKE = 60.0
"""Seconds for the TLS handshake, where the timeout is longer."""
LINGER = 30.0
"""Seconds a peer has to take our last words before the connection is cut."""
_SPOKEN_BEFORE_TLS = Status((5, 5, 1), "No octets may come between this command and the TLS handshake")

_SPOKEN_BEFORE_COMPRESSION = Status((5, 5, 1), "No octets may come between this command and its answer")


@implementer(IConnection, IPushProducer)
class Connection(Protocol):
    """One side of a connection. The base of `mailframe.dialogue.protocol.DialogueProtocol`.

    Args:
        clock: for timeouts.
        timeout: seconds of silence allowed until somebody says otherwise.
    """

    peer = ""
    peer_port = 0
    local_port = 0
    proxy: ProxyFacts | None = None
    _over_tcp = False

    def __init__(self, clock: IReactorTime, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._buffer = ReceiveBuffer()
        self._busy = False
        self._closing = False
        self._lost = False
        self._writing_paused = False
        self._waiting_for_drain: Deferred[None] | None = None
        self._deadline = 0.0
        self._alarm: IDelayedCall | None = None
        self._shaking = False
        self._tls_facts: TLSFacts | None = None
        self._deflate: Deflate | None = None

    # The transport calls these.

    def pauseProducing(self) -> None:
        """The peer reads slowly: the conversation waits in `drained`."""
        self._writing_paused = True

    def resumeProducing(self) -> None:
        """The peer caught up."""
        self._writing_paused = False
        self._touch()
        self._release_drain()

    def stopProducing(self) -> None:
        """The connection is going away; ``connectionLost`` follows."""
        self._writing_paused = False
        self._release_drain()

    # The conversation calls these.

    @property
    def secure(self) -> bool:
        """Is TLS on?"""
        return ISSLTransport.providedBy(self.transport)

    @property
    def confidential(self) -> bool:
        """May the client say secrets: is TLS on, here or at a proxy that is trusted with it?"""
        return self.secure or (self.proxy is not None and self.proxy.tls_counts)

    def write(self, data: bytes) -> None:
        """Send octets, unless the connection is gone."""
        if not self._lost:
            if self._deflate is not None:
                data = self._deflate.compress(data)
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
            self._shaking = True
            self._transport().startTLS(contexts)
            self._hasten()

    @property
    def compressed(self) -> bool:
        """Are octets compressed?"""
        return self._deflate is not None

    def compress(self) -> None:
        """From now on octets are compressed both ways; refuse when the peer spoke on before that."""
        if len(self._buffer):
            self._buffer.clear()
            raise ProtocolError(_SPOKEN_BEFORE_COMPRESSION, fatal=True)
        self._deflate = Deflate()

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
        self._hasten()

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

    # Beginning and end.

    def _begun(self) -> None:
        """The connection stands: who is there, and by which way?"""
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

    def _gone(self) -> None:
        """The connection is lost; nobody waits any more."""
        self._lost = self._closing = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._buffer.clear()

    # Timeouts.

    def _hasten(self) -> None:
        """The time begins now, and may be shorter than what the alarm was set for."""
        self._touch()
        if self._alarm is not None and self._alarm.getTime() > self._deadline:
            self._alarm.reset(max(0.0, self._deadline - self._clock.seconds()))

    def _touch(self) -> None:
        timeout = min(self._timeout, HANDSHAKE) if self._shaking else self._timeout
        self._deadline = self._clock.seconds() + timeout

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
        elif self._closing:
            self.abort()
        else:
            self._silent()

    def _silent(self) -> None:
        """The peer was silent too long."""
        self.abort()

    # Bounds.

    def _release_drain(self) -> None:
        waiting, self._waiting_for_drain = self._waiting_for_drain, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)

    def _transport(self) -> Any:
        # TCP, UNIX, TLS and in-memory transports share no one interface that has all of this.
        return self.transport
