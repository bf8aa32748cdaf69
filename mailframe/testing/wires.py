"""A pair of transports in memory: a client's protocol talks with a server's, and only a clock moves octets.

Nothing is delivered before the clock runs, so no protocol is entered while it is in the middle of something, as
with a real reactor. `settle` lets everything happen that needs no time. TLS is pretended: it encrypts nothing, but
asks both sides, tells the client's policy what it wants to hear, and fails where the test says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ISSLTransport,
    IStreamClientEndpoint,
)
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from mailframe.tls.errors import TLSRefused
from mailframe.tls.interfaces import IClientContexts
from mailframe.tls.policies import ClientPolicy

from .transports import PretendedTLS

WINDOW = 64 * 1024
"""Octets under way in one direction before the producer on that side is paused."""
SERVER = IPv4Address("TCP", "192.0.2.25", 25)
CLIENT = IPv4Address("TCP", "192.0.2.1", 49152)


@implementer(IOpenSSLClientConnectionCreator)
class PretendedCreator:
    """What `PretendedContexts` gives; remembers what was demanded.

    Args:
        policy: of the client.
        host: as the client named it.

    Attributes:
        refused: why the client does not want the server's certificate; None where it does.
    """

    def __init__(self, policy: ClientPolicy, host: str) -> None:
        self.policy = policy
        self.host = host
        self.refused: str | None = None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Any:
        """There is no TLS."""
        raise NotImplementedError


@implementer(IClientContexts)
class PretendedContexts:
    """Contexts for a `Wire`.

    Attributes:
        asked: policies and hosts, in order.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[ClientPolicy, str]] = []

    def creator(self, policy: ClientPolicy, host: str) -> IOpenSSLClientConnectionCreator:
        """For one connection."""
        self.asked.append((policy, host))
        return PretendedCreator(policy, host)


class _Handle(PretendedTLS):
    """The client's session."""

    def __init__(self, verified: str | None) -> None:
        self.verified = verified


class End:
    """One end of a wire: a transport.

    Args:
        wire: it belongs to.
        here: its address.
        there: the other's.
    """

    def __init__(self, wire: Wire, here: IPv4Address, there: IPv4Address) -> None:
        self._wire = wire
        self._here, self._there = here, there
        self.protocol: Any = None
        self.other: End | None = None
        self.incoming: deque[bytes] = deque()
        self.producer: Any = None
        self.reading = True
        self.disconnecting = False
        self.connected = True
        self.creator: object = None
        self._paused = False
        self._verified: str | None = None

    def getPeer(self) -> IPv4Address:
        """The other end."""
        return self._there

    def getHost(self) -> IPv4Address:
        """This end."""
        return self._here

    def write(self, data: bytes) -> None:
        """Put octets on the wire."""
        other = self.other
        if other is None or not self.connected or self.disconnecting or not data:
            return
        size = self._wire.segment or len(data)
        other.incoming.extend(data[start : start + size] for start in range(0, len(data), size))
        if self.producer is not None and not self._paused and other.waiting > WINDOW:
            self._paused = True
            self.producer.pauseProducing()
        self._wire.wake()

    def writeSequence(self, pieces: list[bytes]) -> None:
        """Put several on it."""
        self.write(b"".join(pieces))

    @property
    def waiting(self) -> int:
        """Octets that were not read yet."""
        return sum(map(len, self.incoming))

    def drained(self) -> None:
        """The other end has read all."""
        if self._paused:
            self._paused = False
            if self.producer is not None:
                self.producer.resumeProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause it when much is under way."""
        self.producer = producer

    def unregisterProducer(self) -> None:
        """No more."""
        self.producer = None

    def pauseProducing(self) -> None:
        """Read no more for now."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Read on."""
        self.reading = True
        self._wire.wake()

    def loseConnection(self) -> None:
        """End it once all is read."""
        self.disconnecting = True
        self._wire.wake()

    loseWriteConnection = loseConnection

    def abortConnection(self) -> None:
        """End it now."""
        self._wire.cut(Failure(ConnectionDone()), Failure(ConnectionLost()), by=self)

    def startTLS(self, creator: object, normal: bool = True) -> None:
        """Pretend a handshake once both ends want one."""
        self.creator = creator
        self._wire.handshake()

    def secure(self, verified: str | None = None) -> None:
        """TLS is on."""
        alsoProvides(self, ISSLTransport)
        self._verified = verified

    def getHandle(self) -> PretendedTLS:
        """What the session is asked for."""
        return _Handle(self._verified)

    def getPeerCertificate(self) -> None:
        """There are none."""


class Wire:
    """One connection.

    Args:
        clock: moves octets.
        segment: octets in a piece; 0 for what was written at once.
        broken_tls: why handshakes fail; None where they do not.

    Attributes:
        client: one end.
        server: the other.
    """

    def __init__(self, clock: IReactorTime, segment: int = 0, broken_tls: str | None = None) -> None:
        self._clock = clock
        self.segment = segment
        self._broken_tls = broken_tls
        self._scheduled = False
        self._over = False
        self.client = End(self, CLIENT, SERVER)
        self.server = End(self, SERVER, CLIENT)
        self.client.other, self.server.other = self.server, self.client

    def wake(self) -> None:
        """Deliver when the clock runs."""
        if not self._scheduled and not self._over:
            self._scheduled = True
            self._clock.callLater(0, self._deliver)

    def cut(self, near: Failure, far: Failure, by: End) -> None:
        """The connection is gone for both."""
        if self._over:
            return
        self._over = True
        for end in (by, by.other):
            assert end is not None
            end.connected = False
            self._clock.callLater(0, _lose, end, near if end is by else far)

    def handshake(self) -> None:
        """Both ends asked for TLS."""
        if self.client.creator is None or self.server.creator is None or self._over:
            return
        broken = self._broken_tls or getattr(self.client.creator, "refused", None)
        if broken is not None:
            self.cut(Failure(TLSRefused(broken)), Failure(ConnectionLost()), by=self.client)
            return
        policy = getattr(self.client.creator, "policy", None)
        self.client.secure("pkix" if policy is not None and policy.level.authenticated else None)
        self.server.secure()
        for end in (self.client, self.server):
            if IHandshakeListener.providedBy(end.protocol):
                self._clock.callLater(0, end.protocol.handshakeCompleted)

    def _deliver(self) -> None:
        self._scheduled = False
        for end in (self.server, self.client):
            if self._over:
                return
            other = end.other
            assert other is not None
            if end.incoming and end.reading and not end.disconnecting:
                assert end.protocol is not None
                end.protocol.dataReceived(end.incoming.popleft())
                if not end.incoming:
                    other.drained()
            elif end.disconnecting:
                end.incoming.clear()
        ends = (self.server, self.client)
        for end in ends:
            other = end.other
            assert other is not None
            if end.disconnecting and not other.incoming and not self._over:
                self.cut(Failure(ConnectionDone()), Failure(ConnectionDone()), by=end)
        if any(end.incoming and end.reading for end in ends):
            self.wake()


def _lose(end: End, reason: Failure) -> None:
    if end.protocol is not None:
        end.protocol.connectionLost(reason)


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects clients with servers in memory.

    Args:
        clock: moves octets.
        server: makes the server's protocols; None: nobody listens.
        segment: octets in a piece; 0 for what was written at once.

    Attributes:
        wires: connections made so far.
        broken_tls: why handshakes fail from now on.
        silent: connections do not come about, and are not refused either.
    """

    def __init__(self, clock: IReactorTime, server: Any, segment: int = 0) -> None:
        self._clock = clock
        self.server = server
        self.segment = segment
        self.wires: list[Wire] = []
        self.broken_tls: str | None = None
        self.silent = False

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """One connection."""
        if self.silent:
            return Deferred()
        if self.server is None:
            return fail(ConnectionRefusedError())
        wire = Wire(self._clock, self.segment, self.broken_tls)
        self.wires.append(wire)
        client = protocolFactory.buildProtocol(SERVER)
        assert client is not None
        wire.client.protocol = client
        wire.server.protocol = self.server.buildProtocol(CLIENT)
        client.makeConnection(wire.client)  # type: ignore[arg-type]
        wire.server.protocol.makeConnection(wire.server)
        return succeed(client)


def settle(clock: Clock, until: Callable[[], bool] = lambda: False, turns: int = 200_000) -> None:
    """Let everything happen that needs no time.

    Args:
        clock: of all protocols.
        until: stop earlier.
        turns: a bound; more is a loop.

    Raises:
        AssertionError: it does not end.
    """
    for _ in range(turns):
        due = [call for call in clock.getDelayedCalls() if call.getTime() <= clock.seconds()]
        if not due or until():
            return
        clock.advance(0)
    raise AssertionError("this does not come to rest")
