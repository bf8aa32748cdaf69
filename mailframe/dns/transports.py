"""One query to one server, by UDP or by TCP, and its reply: RFC 1035 section 4.2, RFC 5452, RFC 7766."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from .servers import Server
from .wire import MalformedReply, Question, Reply, decode_reply, encode_query

FORGERIES_LIMIT: Final = 8
"""Replies with a wrong id that are passed over; with more, somebody guesses, and TCP is asked instead."""
DATAGRAM_LIMIT: Final = 4096


class NoAnswer(Exception):
    """This server gave no reply; another may."""


class Suspicious(Exception):
    """Something came that is no reply to the query: TCP cannot be forged so easily."""


class ITransports(Protocol):
    """Sends queries."""

    async def udp(self, server: Server, question: Question, timeout: float, edns: bool) -> Reply:
        """Asks by UDP.

        Raises:
            NoAnswer: nothing came in time, or the system says that nobody is there.
            Suspicious: ask by TCP.
        """

    async def tcp(self, server: Server, question: Question, timeout: float, edns: bool) -> Reply:
        """Asks by TCP.

        Raises:
            NoAnswer: nothing of use came in time.
        """


class Transports:
    """Sends queries from sockets of this machine.

    Each query by UDP has a socket of its own, which the system gives a random port, and which takes nothing but from
    the server that it is connected to; so whoever forges replies has to guess the port and the id, about 31 bits
    (RFC 5452 section 9).

    Args:
        reactor: of Twisted; one that watches file descriptors (IReactorFDSet).
        number: makes ids.
    """

    def __init__(self, reactor: Any, number: Callable[[], int] = lambda: secrets.randbelow(65536)) -> None:
        self._reactor = reactor
        self._number = number

    async def udp(self, server: Server, question: Question, timeout: float, edns: bool) -> Reply:
        """See `ITransports.udp`."""
        try:
            query = _DatagramQuery(self._reactor, server, self._number(), question)
        except OSError as error:
            raise NoAnswer(f"no socket is left: {error.strerror}") from None
        return await query.ask(timeout, edns)

    async def tcp(self, server: Server, question: Question, timeout: float, edns: bool) -> Reply:
        """See `ITransports.tcp`."""
        endpoint = TCP6ClientEndpoint if ":" in server.address else TCP4ClientEndpoint
        query = _StreamQuery(self._number(), question, edns)
        asking = Deferred.fromCoroutine(
            self._over(endpoint(self._reactor, server.address, server.port), query)
        )
        asking.addTimeout(timeout, self._reactor, lambda result, _: _as_late(result))
        try:
            return await asking
        except (NoAnswer, CancelledError):
            raise
        except Exception as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from None
        finally:
            query.end()

    async def _over(self, endpoint: Any, query: _StreamQuery) -> Reply:
        await endpoint.connect(_Quiet(query))
        return await query.reply


def _as_late(result: object) -> Failure:
    return Failure(NoAnswer("no answer in time"))


@implementer(IReadDescriptor)
class _DatagramQuery:
    """One query by UDP.

    Not on Twisted's ``listenUDP``: that writes two lines into the log for each socket, and takes twice as long.
    """

    def __init__(self, reactor: Any, server: Server, number: int, question: Question) -> None:
        self._reactor = reactor
        self._server = server
        self._number = number
        self._question = question
        self._forgeries = 0
        self._socket = socket.socket(
            socket.AF_INET6 if ":" in server.address else socket.AF_INET,
            socket.SOCK_DGRAM | socket.SOCK_NONBLOCK,
        )
        self._timer: IDelayedCall | None = None
        self._reply: Deferred[Reply] = Deferred(self._cancelled)

    def ask(self, timeout: float, edns: bool) -> Deferred[Reply]:
        self._timer = self._reactor.callLater(timeout, self._fail, NoAnswer("no answer in time"))
        try:
            # Connected: nobody else's datagrams come in, and the system tells when nobody listens there.
            self._socket.connect((self._server.address, self._server.port))
            self._socket.send(encode_query(self._number, self._question, edns))
        except OSError as error:
            self._fail(NoAnswer(f"cannot be asked: {error.strerror}"))
        else:
            self._reactor.addReader(self)
        return self._reply

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "dns"

    def doRead(self) -> None:
        while self._timer is not None:
            try:
                datagram = self._socket.recv(DATAGRAM_LIMIT)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(NoAnswer(f"nobody is there: {error.strerror}"))
                return
            self._received(datagram)

    def connectionLost(self, reason: Failure) -> None:
        # What the epoll reactor makes of an ICMP error.
        self._fail(NoAnswer("nobody is there"))

    def _received(self, datagram: bytes) -> None:
        # Who does not know the id gets no work out of us.
        if datagram[:2] != self._number.to_bytes(2, "big"):
            self._forgeries += 1
            if self._forgeries > FORGERIES_LIMIT:
                self._fail(Suspicious("replies with wrong ids"))
            return
        try:
            reply = decode_reply(datagram)
        except MalformedReply as error:
            self._fail(Suspicious(str(error)))
            return
        if not reply.is_to(self._number, self._question):
            self._fail(Suspicious("a reply to another question"))
        elif self._end():
            self._reply.callback(reply)

    def _cancelled(self, _: object) -> None:
        self._end()

    def _fail(self, error: Exception) -> None:
        if self._end():
            self._reply.errback(error)

    def _end(self) -> bool:
        """Closes the socket; was the query still open?"""
        timer, self._timer = self._timer, None
        if timer is None:
            return False
        if timer.active():
            timer.cancel()
        self._reactor.removeReader(self)
        self._socket.close()
        return True


class _Quiet(Factory):
    """Makes one protocol, and no lines in the log."""

    noisy = False

    def __init__(self, query: _StreamQuery) -> None:
        self._query = query

    def buildProtocol(self, _: object) -> _StreamQuery:
        return self._query


class _StreamQuery(Int16StringReceiver):
    """One query by TCP, on a connection of its own."""

    def __init__(self, number: int, question: Question, edns: bool) -> None:
        self._number = number
        self._question = question
        self._edns = edns
        self._over = False
        self.reply: Deferred[Reply] = Deferred()

    def connectionMade(self) -> None:
        query = encode_query(self._number, self._question, self._edns)
        self._wire.write(len(query).to_bytes(2, "big") + query)

    def stringReceived(self, packet: bytes) -> None:
        try:
            reply = decode_reply(packet)
        except MalformedReply as error:
            self._finish(NoAnswer(f"no reply of the DNS: {error}"))
            return
        if reply.truncated or not reply.is_to(self._number, self._question):
            self._finish(NoAnswer("a reply to another question, or a part of one"))
            return
        self._finish(reply)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._finish(NoAnswer("the connection ended without a reply"))

    def end(self) -> None:
        """Closes the connection, whatever came; who waited for a reply waits no more."""
        self._over = True
        if self._wire is not None:
            self._wire.abortConnection()

    @property
    def _wire(self) -> Any:
        return self.transport

    def _finish(self, result: Reply | NoAnswer) -> None:
        if self._over:
            return
        self._over = True
        if isinstance(result, Reply):
            self.reply.callback(result)
        else:
            self.reply.errback(result)
