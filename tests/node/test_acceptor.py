"""Accepting on a socket that others accept on too."""

from __future__ import annotations

import errno
import socket
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.node.acceptor import PAUSE, PAUSE_WHEN_FULL, STEP_BACK, Acceptor, AdoptedEndpoint, IBalance


class FakeReactor(Clock):
    """Remembers readers; adopts connections as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[object] = set()
        self.adopted = 0

    def addReader(self, reader: object) -> None:
        """Watch."""
        self.readers.add(reader)

    def removeReader(self, reader: object) -> None:
        """Watch no more."""
        self.readers.discard(reader)

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Factory) -> None:
        """Count, and build as the real one does."""
        self.adopted += 1
        factory.buildProtocol(None)


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
        self.acceptor = Acceptor(self.reactor, self.listening, Factory.forProtocol(Protocol), self.balance)
        self.acceptor.startListening()
        self.addCleanup(self.acceptor.stopListening)

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
            self.assertEqual(self.reactor.adopted, count)
        self.assertEqual(self.balance.count, 3)

    def test_crowded(self) -> None:
        """Having more than others, it lets them go first, for a moment only."""
        self.connect()
        self.balance.is_crowded = True
        self.acceptor.doRead()
        self.assertEqual((self.reactor.adopted, self.reactor.readers), (0, set()))
        self.reactor.advance(STEP_BACK)
        self.assertEqual(self.reactor.readers, {self.acceptor})
        self.acceptor.doRead()
        self.assertEqual(self.reactor.adopted, 1)

    def test_full(self) -> None:
        """With as many connections as it may have, it takes none until some have ended."""
        self.connect()
        self.balance.is_full = True
        for _ in range(3):
            self.acceptor.doRead()
            self.reactor.advance(PAUSE_WHEN_FULL)
        self.assertEqual(self.reactor.adopted, 0)
        self.balance.is_full = False
        self.acceptor.doRead()
        self.assertEqual(self.reactor.adopted, 1)

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
