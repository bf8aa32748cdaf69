"""Connections that begin with TLS: the handshake comes before the greeting."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.connection import HANDSHAKE
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.message.origin import TLSFacts
from mailframe.tls.client import ClientContexts
from mailframe.tls.development import make_certificate
from mailframe.tls.policies import ClientPolicy, Level
from mailframe.tls.server import Contexts, wrap
from tests.tls.meeting import End

from .test_protocol import Echo


class Knowing(Echo):
    """Remembers what it knew of TLS when it was opened."""

    facts: TLSFacts | None = None

    async def opened(self, connection: Any) -> None:
        self.facts = connection.tls_facts()
        await super().opened(connection)


class HandshakeFirstTests(SynchronousTestCase):
    """Over memory."""

    def setUp(self) -> None:
        from twisted.protocols.tls import TLSMemoryBIOFactory

        self.clock = Clock()
        self.echo = Knowing()
        self.protocols: list[DialogueProtocol] = []
        contexts = Contexts([make_certificate(self.mktemp(), ["mail.example.test"])])
        factory = wrap(Factory.forProtocol(self.build), contexts, self.clock)  # type: ignore[arg-type]
        self.server: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        self.outside = StringTransport()
        self.aborted = False
        self.outside.abortConnection = self.abort  # type: ignore[method-assign]
        self.server.makeConnection(self.outside)
        creator = ClientContexts().creator(ClientPolicy(Level.ENCRYPT), "mail.example.test")
        self.end = End()
        client = TLSMemoryBIOFactory(creator, True, Factory.forProtocol(lambda: self.end), self.clock)  # type: ignore[arg-type]
        self.client: Any = client.buildProtocol(None)  # type: ignore[arg-type]
        self.inside = StringTransport()
        self.client.makeConnection(self.inside)

    def build(self) -> DialogueProtocol:
        self.protocols.append(DialogueProtocol(self.echo, self.clock, timeout=300.0))  # type: ignore[arg-type]
        return self.protocols[-1]

    def abort(self) -> None:
        if not self.aborted:
            self.aborted = True
            from twisted.internet.error import ConnectionAborted
            from twisted.python.failure import Failure

            self.server.connectionLost(Failure(ConnectionAborted()))

    def carry(self, octets: int | None = None) -> None:
        """Once from the client to the server and back."""
        said = self.inside.value()[:octets]
        rest = self.inside.value()[len(said) :]
        self.inside.clear()
        self.inside.write(rest)
        if said:
            self.server.dataReceived(said)
        self.clock.advance(0)
        heard = self.outside.value()
        self.outside.clear()
        if heard:
            self.client.dataReceived(heard)
        self.clock.advance(0)

    def test_greeting(self) -> None:
        """The conversation begins when TLS is on, and knows what was agreed on."""
        self.carry(10)
        self.assertIsNone(self.echo.connection)
        for _ in range(4):
            self.carry()
        self.assertEqual(b"hello\r\n", self.end.heard[:7])
        facts = self.echo.facts
        assert facts is not None
        self.assertEqual(("TLSv1.3", "mail.example.test"), (facts.version, facts.server_name))
        self.protocols[0].handshakeCompleted()
        self.carry()
        self.assertEqual(1, self.end.heard.count(b"hello\r\n"))

    def test_never(self) -> None:
        """Who never shakes hands is cut off in time, and was no conversation."""
        self.carry(10)
        self.clock.advance(HANDSHAKE - 1)
        self.assertFalse(self.aborted)
        self.clock.advance(1)
        self.assertTrue(self.aborted)
        self.assertEqual((None, 0), (self.echo.connection, self.echo.ended))

    def test_octet_by_octet(self) -> None:
        """Sending an octet now and then is no way to stay."""
        for _ in range(int(HANDSHAKE)):
            self.carry(1)
            self.clock.advance(1)
        self.assertTrue(self.aborted)

    def test_going_away(self) -> None:
        """A service that ends does not wait for handshakes."""
        self.assertTrue(self.protocols[0].finish())
        self.assertTrue(self.aborted)
        self.assertEqual(0, self.echo.ended)
        self.clock.advance(0)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_start_tls_never(self) -> None:
        """Nor has a client more time for the handshake after STARTTLS; nothing is said into the middle of it."""
        for ends in (False, True):
            protocol, transport = self.started()
            self.clock.advance(HANDSHAKE - 1)
            self.assertEqual([], transport.aborted)
            if ends:
                self.assertTrue(protocol.finish())
            else:
                self.clock.advance(1)
            self.assertEqual([True], transport.aborted)
            self.assertEqual(b"hello\r\n", transport.value())

    def test_start_tls_done(self) -> None:
        """After the handshake, or what arrives under TLS, the usual time counts."""
        protocol, transport = self.started()
        self.clock.advance(HANDSHAKE - 1)
        protocol.handshakeCompleted()
        self.clock.advance(299)
        self.assertEqual([], transport.aborted)
        self.assertFalse(transport.disconnecting)
        protocol, transport = self.started()
        protocol.dataReceived(b"one\r\n")
        self.clock.advance(299)
        self.assertEqual([], transport.aborted)
        self.assertFalse(transport.disconnecting)

    def started(self) -> tuple[DialogueProtocol, Any]:
        """A connection at the beginning of the handshake after STARTTLS."""
        transport: Any = StringTransport()
        transport.startTLS = lambda contexts: None
        transport.aborted = []
        transport.abortConnection = lambda: transport.aborted.append(True)
        protocol = DialogueProtocol(Echo(), self.clock, timeout=300.0)  # type: ignore[arg-type]
        protocol.makeConnection(transport)
        self.clock.advance(100)
        protocol.start_tls(None)  # type: ignore[arg-type]
        return protocol, transport

    def test_time_afterwards(self) -> None:
        """After the handshake the usual time counts."""
        for _ in range(4):
            self.carry()
        self.clock.advance(HANDSHAKE + 200)
        self.assertFalse(self.aborted)
        self.assertEqual(b"hello\r\n", self.end.heard[:7])
