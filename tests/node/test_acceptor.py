"""Accepting on a socket that others accept on too."""

from __future__ import annotations

import errno
import socket
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.node.acceptor import PAUSE, PAUSE_WHEN_FULL, STEP_BACK, Acceptor, AdoptedEndpoint, IBalance


class FakeReactor(Clock):
    """Remembers readers."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[object] = set()

    def addReader(self, reader: object) -> None:
        """Watch."""
        self.readers.add(reader)

    def removeReader(self, reader: object) -> None:
        """Watch no more."""
        self.readers.discard(reader)

    def addWriter(self, writer: object) -> None:
        """The test writes."""

    def removeWriter(self, writer: object) -> None:
        """It did."""


@implementer(IBalance)
class FakeBalance:
    """Says what it is told to."""

    is_crowded = is_full = False
    count = 0

    def crowded(self) -> bool:
        """As told."""
        return self.is_crowded

    def full(self) -> bool:
        """As told."""
        return self.is_full

    def accepted(self) -> None:
        """Count."""
        self.count += 1


class AcceptorTests(SynchronousTestCase):
    """One connection a turn."""

    def setUp(self) -> None:
        """A listening socket."""
        self.reactor = FakeReactor()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = self.listening.getsockname()
        self.balance = FakeBalance()
        self.taken: list[Protocol] = []
        self.acceptor = Acceptor(self.reactor, self.listening, self.factory(), self.balance)
        self.acceptor.startListening()
        self.addCleanup(self.acceptor.stopListening)

    def factory(self) -> Factory:
        """One whose protocols are told here."""
        taken = self.taken

        class Taken(Protocol):
            def connectionMade(self) -> None:
                taken.append(self)

        return Factory.forProtocol(Taken)

    def connect(self) -> socket.socket:
        """A client."""
        client = socket.create_connection(self.address)
        self.addCleanup(client.close)
        return client

    def test_interfaces(self) -> None:
        """It is a listening port, its maker an endpoint."""
        verifyObject(IListeningPort, self.acceptor)
        verifyObject(IBalance, self.balance)
        with socket.create_server(("127.0.0.1", 0)) as other:
            verifyObject(IStreamServerEndpoint, AdoptedEndpoint(reactor, other.dup().detach(), other.family))
        self.assertEqual(self.acceptor.getHost().port, self.address[1])

    def test_one_at_a_time(self) -> None:
        """Each turn takes one connection, and a turn without any takes none."""
        for _ in range(3):
            self.connect()
        for count in (1, 2, 3, 3):
            self.acceptor.doRead()
            self.assertEqual(len(self.taken), count)
        self.assertEqual(self.balance.count, 3)

    def test_addresses(self) -> None:
        """A protocol knows its peer and itself, by IPv4 and by IPv6."""
        client = self.connect()
        self.acceptor.doRead()
        self.check(self.taken[0], client)
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
        acceptor = Acceptor(self.reactor, listening, self.factory())
        acceptor.startListening()
        self.addCleanup(acceptor.stopListening)
        client = socket.create_connection(listening.getsockname()[:2])
        self.addCleanup(client.close)
        acceptor.doRead()
        self.check(self.taken[1], client)

    def check(self, protocol: Protocol, client: socket.socket) -> None:
        """Is it the other end of a client's connection, and can it speak?"""
        transport: Any = protocol.transport
        peer, here = transport.getPeer(), transport.getHost()
        self.assertEqual((peer.host, peer.port), client.getsockname()[:2])
        self.assertEqual((here.host, here.port), client.getpeername()[:2])
        self.assertIn(str(peer.port), repr(transport))
        self.assertIn(transport, self.reactor.readers)
        transport.write(b"x")
        transport.doWrite()
        self.assertEqual(client.recv(1), b"x")
        transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(client.recv(1), b"")

    def test_no_protocol(self) -> None:
        """A factory that has no protocol for a client hangs up."""
        factory = Factory()
        factory.buildProtocol = lambda address: None  # type: ignore[method-assign]
        acceptor = Acceptor(self.reactor, self.listening.dup(), factory)
        acceptor.startListening()
        self.addCleanup(acceptor.stopListening)
        client = self.connect()
        acceptor.doRead()
        self.assertEqual(client.recv(1), b"")

    def test_local_socket(self) -> None:
        """A connection to a local socket is adopted by the reactor, which knows how."""
        path = self.mktemp()
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen()
        factory, adopted = self.factory(), []
        self.reactor.adoptStreamConnection = lambda *how: adopted.append(how)  # type: ignore[attr-defined]
        acceptor = Acceptor(self.reactor, listening, factory)
        acceptor.startListening()
        self.addCleanup(acceptor.stopListening)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            acceptor.doRead()
            self.assertEqual(client.recv(1), b"")
        self.assertEqual([how[1:] for how in adopted], [(socket.AF_UNIX, factory)])

    def test_crowded(self) -> None:
        """Having more than others, it lets them go first, for a moment only."""
        self.connect()
        self.balance.is_crowded = True
        self.acceptor.doRead()
        self.assertEqual((self.taken, self.reactor.readers), ([], set()))
        self.reactor.advance(STEP_BACK)
        self.assertEqual(self.reactor.readers, {self.acceptor})
        self.acceptor.doRead()
        self.assertEqual(len(self.taken), 1)

    def test_full(self) -> None:
        """With as many connections as it may have, it takes none until some have ended."""
        self.connect()
        self.balance.is_full = True
        for _ in range(3):
            self.acceptor.doRead()
            self.reactor.advance(PAUSE_WHEN_FULL)
        self.assertEqual(len(self.taken), 0)
        self.balance.is_full = False
        self.acceptor.doRead()
        self.assertEqual(len(self.taken), 1)

    def test_out_of_descriptors(self) -> None:
        """Without descriptors left it pauses instead of spinning."""
        exhausted: Any = mock.Mock(spec=socket.socket)
        exhausted.accept.side_effect = OSError(errno.EMFILE, "Too many open files")
        acceptor = Acceptor(self.reactor, exhausted, Factory.forProtocol(Protocol))
        acceptor.startListening()
        acceptor.doRead()
        self.assertNotIn(acceptor, self.reactor.readers)
        self.reactor.advance(PAUSE)
        self.assertIn(acceptor, self.reactor.readers)
        acceptor.doRead()
        acceptor.stopListening()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_leaves_the_socket_to_others(self) -> None:
        """When one worker stops, others go on with the same socket."""
        with socket.fromfd(self.listening.fileno(), socket.AF_INET, socket.SOCK_STREAM) as other:
            self.acceptor.stopListening()
            self.acceptor.stopListening()
            client = self.connect()
            accepted, _ = other.accept()
            accepted.sendall(b"x")
            self.assertEqual(client.recv(1), b"x")
            accepted.close()

    def test_factory_that_fails(self) -> None:
        """A factory that raises costs that connection and is logged."""
        broken = Factory()
        broken.protocol = mock.Mock(side_effect=RuntimeError("broken"))
        acceptor = Acceptor(self.reactor, self.listening.dup(), broken)
        acceptor.startListening()
        self.addCleanup(acceptor.stopListening)
        client = self.connect()
        acceptor.doRead()
        self.assertEqual(client.recv(1), b"")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
