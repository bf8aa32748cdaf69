"""Accepts connections in a worker, on a socket that all workers share.

Twisted's own port accepts up to a hundred connections in one go, so that the first worker to wake swallows a
burst that all should share. This one takes a single connection and gives the reactor a turn: while it greets, the
others' calls of accept(2) get the rest; and when it has more connections than another (`balance`), it lets the
others go first for a millisecond. (One socket a worker with SO_REUSEPORT spreads by hash instead, and loses
what waits in the queue of a worker that goes away: no reload without refused connections.)
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.tcp import Server
from twisted.logger import Logger
from zope.interface import Interface, implementer

STEP_BACK = 0.001
"""Seconds that a crowded worker leaves to the others; then it takes what is still there."""
PAUSE_WHEN_FULL = 0.05
"""Seconds before a worker with all the connections it may have looks whether some have ended."""
PAUSE = 0.5
"""Seconds without accepting after the process ran out of descriptors or memory."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

log = Logger()


class IBalance(Interface):
    """Knows what the other workers have to do."""

    def crowded() -> bool:
        """Has another worker fewer connections than this one?"""

    def full() -> bool:
        """Has this worker as many connections as it may have?"""

    def accepted() -> None:
        """This worker has one more."""


@implementer(IListeningPort)
class Acceptor:
    """A listening socket, adopted; accepts one connection a turn of the reactor.

    Args:
        reactor: ``IReactorSocket``, ``IReactorFDSet`` and ``IReactorTime``.
        listening: the socket; owned by this object from now on.
        factory: makes the protocols.
        balance: knows whether others have less to do.
    """

    def __init__(
        self,
        reactor: Any,
        listening: socket.socket,
        factory: IProtocolFactory,
        balance: IBalance | None = None,
    ) -> None:
        self._balance = balance
        self._stepped_back = False
        self._reactor = reactor
        self._socket = listening
        self._factory = factory
        self._resumption: Any = None
        self.connected = False

    def startListening(self) -> None:
        """Begin to accept."""
        self._socket.setblocking(False)
        self._factory.doStart()
        self.connected = True
        self._reactor.addReader(self)

    def stopListening(self) -> Deferred[None]:
        """Accept no more; the socket goes on in the parent and in other workers."""
        if self.connected:
            self.connected = False
            self._reactor.removeReader(self)
            if self._resumption is not None:
                self._resumption.cancel()
                self._resumption = None
            # close, never shutdown: that would end it for everybody.
            self._socket.close()
            self._factory.doStop()
        return succeed(None)

    def getHost(self) -> IAddress:
        """Where the socket is bound."""
        name = self._socket.getsockname()
        if self._socket.family == socket.AF_UNIX:
            return UNIXAddress(name)
        kind = IPv6Address if self._socket.family == socket.AF_INET6 else IPv4Address
        return kind("TCP", *name[:2])

    # The reactor calls these.

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor's own log lines."""
        return "acceptor"

    def doRead(self) -> None:
        """Take one connection, or leave it to others for a moment."""
        if self._balance is not None and self._balance.full():
            self._wait(PAUSE_WHEN_FULL)
            return
        if self._balance is not None and not self._stepped_back and self._balance.crowded():
            self._stepped_back = True
            self._wait(STEP_BACK)
            return
        self._stepped_back = False
        try:
            accepted, peer = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the client went away
        except OSError as error:
            self._refused(error)
            return
        if self._balance is not None:
            self._balance.accepted()
        try:
            self._connect(accepted, peer)
        except OSError:
            accepted.close()  # gone before we could ask who it was
        except Exception:
            accepted.close()
            log.failure("a connection could not be taken")

    def connectionLost(self, reason: object = CONNECTION_DONE) -> None:
        """The reactor ends, or found the descriptor broken."""
        self.stopListening()

    def _connect(self, accepted: socket.socket, peer: Any) -> None:
        """Give a connection to a protocol.

        As Twisted's own port does it. ``adoptStreamConnection`` would duplicate the descriptor and ask the system
        once more who the peer is: some more system calls for each connection.
        """
        numeric = accepted.family == socket.AF_INET or (accepted.family == socket.AF_INET6 and not peer[3])
        if not numeric:
            # Local sockets, and addresses with a zone, which has a name.
            accepted.setblocking(False)
            self._reactor.adoptStreamConnection(accepted.fileno(), accepted.family, self._factory)
            accepted.close()
            return
        kind = IPv4Address if accepted.family == socket.AF_INET else IPv6Address
        protocol = self._factory.buildProtocol(kind("TCP", *peer))
        if protocol is None:
            accepted.close()
            return
        transport: Any = Server(accepted, protocol, peer, None, peer[1], self._reactor)  # type: ignore[arg-type]
        transport.repstr = f"<{type(protocol).__name__} #{peer[1]}>"
        protocol.makeConnection(transport)

    def _refused(self, error: OSError) -> None:
        if error.errno in _EXHAUSTED:
            log.warn("accepting pauses for {pause} s: {reason}", pause=PAUSE, reason=error.strerror)
            self._wait(PAUSE)
        else:
            log.error("accept failed: {reason}", reason=error.strerror)

    def _wait(self, seconds: float) -> None:
        self._reactor.removeReader(self)
        self._resumption = self._reactor.callLater(seconds, self._resume)

    def _resume(self) -> None:
        self._resumption = None
        self._reactor.addReader(self)


@implementer(IStreamServerEndpoint)
class AdoptedEndpoint:
    """Listens on a socket that another process opened.

    Args:
        reactor: as `Acceptor` needs it.
        descriptor: of the listening socket; stays open until `listen` and is owned by this object.
        family: its address family.
        balance: as `Acceptor` has it.
    """

    def __init__(self, reactor: Any, descriptor: int, family: int, balance: IBalance | None = None) -> None:
        self._reactor = reactor
        self._balance = balance
        self._socket = socket.socket(family, socket.SOCK_STREAM, fileno=descriptor)

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Begin to accept at once."""
        acceptor = Acceptor(self._reactor, self._socket, protocolFactory, self._balance)
        acceptor.startListening()
        return succeed(acceptor)
