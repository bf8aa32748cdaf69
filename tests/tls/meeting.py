"""Two TLS ends over memory: what each learned, heard and lost."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IHandshakeListener)
class End(Protocol):
    """Says hello at once, which is sent when the handshake is done, and remembers all."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost: BaseException | None = None
        self.completed = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello")

    def handshakeCompleted(self) -> None:
        self.completed = True

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.lost = reason.value


class Meeting:
    """A handshake between what `startTLS` takes on both sides.

    Attributes:
        client: the client's end; ``handle`` is its OpenSSL connection while it stands.
        server: the server's.
    """

    def __init__(self, server: Any, client: Any) -> None:
        self.clock = Clock()
        self.client, self._client_wire = self._end(client, True)
        self.server, self._server_wire = self._end(server, False)
        self.pump()

    @property
    def handle(self) -> Any:
        return self.client.transport.getHandle()  # type: ignore[union-attr]

    @property
    def server_handle(self) -> Any:
        return self.server.transport.getHandle()  # type: ignore[union-attr]

    def pump(self) -> None:
        """Carry octets until nobody has more to say."""
        for _ in range(40):
            self.clock.advance(1)
            moved = self._carry(self._client_wire, self._server_wire)
            if not (self._carry(self._server_wire, self._client_wire) or moved):
                return
        raise AssertionError("they never stop talking")

    def close(self) -> None:
        """The client says goodbye."""
        self.client.transport.loseConnection()  # type: ignore[union-attr]
        self.pump()

    def _end(self, creator: Any, is_client: bool) -> tuple[End, Any]:
        end = End()
        factory = TLSMemoryBIOFactory(
            creator,
            is_client,
            Factory.forProtocol(lambda: end),
            self.clock,  # type: ignore[arg-type]
        )
        protocol: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        wire: Any = StringTransport()
        wire.abortConnection = wire.loseConnection
        wire.protocol = protocol
        protocol.makeConnection(wire)
        return end, wire

    def _carry(self, source: Any, target: Any) -> bool:
        octets = source.value()
        source.clear()
        if octets and target.protocol.connected:
            target.protocol.dataReceived(octets)
        if source.disconnecting:
            for wire in (source, target):
                if wire.protocol.connected:
                    wire.protocol.connectionLost(Failure(ConnectionError("gone")))
        return bool(octets)
