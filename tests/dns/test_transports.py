"""Tests of `mailframe.dns.transports`, over loopback."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailframe.dns import transports
from mailframe.dns.servers import Server
from mailframe.dns.transports import NoAnswer, Suspicious, Transports
from mailframe.dns.values import RecordType
from mailframe.dns.wire import NOERROR, Question, Reply, encode_query
from mailframe.testing.dns_server import Behaviour, FakeNameServer

QUESTION = Question("a.test", RecordType.A)


def open_sockets() -> set[str]:
    """The sockets of this process."""
    place = Path("/proc/self/fd")
    return {link for each in place.iterdir() if (link := _target(each)).startswith("socket:")}


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


class TransportsTests(TestCase):
    """One query at a time."""

    def setUp(self) -> None:
        self.server = FakeNameServer(reactor)
        self.server.zones.host("a.test", "192.0.2.1")
        self.server.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.stop()))
        self.transports = Transports(reactor)

    def udp(self, timeout: float = 2.0, server: Server | None = None) -> Deferred[Reply]:
        """Asks by UDP."""
        asking = self.transports.udp(server or self.server.server, QUESTION, timeout, True)
        return Deferred.fromCoroutine(asking)

    def tcp(self, timeout: float = 2.0) -> Deferred[Reply]:
        """Asks by TCP."""
        return Deferred.fromCoroutine(self.transports.tcp(self.server.server, QUESTION, timeout, False))

    async def test_both(self) -> None:
        """The same reply comes by UDP and by TCP."""
        one, other = await self.udp(), await self.tcp()
        self.assertEqual((NOERROR, one.answers, one.code), (one.code, other.answers, other.code))
        self.assertEqual(
            [("udp", True), ("tcp", False)], [(each.transport, each.edns) for each in self.server.asked]
        )

    async def test_nothing_left(self) -> None:
        """However a query ends, its sockets are closed, and the log has no line of it."""
        lines: list[Any] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        await self.udp()
        before = open_sockets()
        await self.udp()
        self.server.behave(Behaviour.GARBAGE)
        await self.assertFailure(self.udp(), Suspicious)
        self.server.behave(Behaviour.SILENT)
        await self.assertFailure(self.udp(0.02), NoAnswer)
        await self.assertFailure(self.tcp(0.02), NoAnswer)
        await deferLater(reactor, 0.05)
        self.assertEqual(before, open_sockets())
        self.assertEqual([], [line for line in lines if "fake" not in str(line).lower()])

    async def test_cancelled(self) -> None:
        """A query that nobody wants any more ends at once, by both ways, and is no server's fault."""
        self.server.behave(Behaviour.SILENT)
        before = open_sockets()
        for ask in (self.udp, self.tcp):
            asking = ask()
            await deferLater(reactor, 0.02)
            asking.cancel()
            await self.assertFailure(asking, CancelledError)
        await deferLater(reactor, 0.05)
        self.assertEqual(before, open_sockets())

    async def test_nobody_there(self) -> None:
        """Where nothing listens, that is known at once, by both ways."""
        await self.server.stop()
        for ask in (self.udp, self.tcp):
            await self.assertFailure(ask(30.0), NoAnswer)

    async def test_refused(self) -> None:
        """The same where the reactor says that there is something to read, as select does."""
        await self.server.stop()
        query = transports._DatagramQuery(reactor, self.server.server, 7, QUESTION)
        asking = query.ask(30.0, True)
        query.doRead()
        self.failureResultOf(asking, NoAnswer)

    async def test_tcp_nonsense(self) -> None:
        """What makes no sense by TCP is no answer."""
        self.server.behave(Behaviour.SHORT)
        await self.assertFailure(self.tcp(), NoAnswer)

    async def test_unreachable(self) -> None:
        """An address that there is no way to is no answer."""
        await self.assertFailure(self.udp(0.05, Server("2001:db8::1")), NoAnswer)

    async def test_no_socket_left(self) -> None:
        """Where the system has no descriptor left, there is no answer, and no fault."""

        def none(*arguments: object) -> object:
            raise OSError(errno.EMFILE, "Too many open files")

        self.patch(transports.socket, "socket", none)
        await self.assertFailure(self.udp(), NoAnswer)

    async def test_stranger(self) -> None:
        """Whoever sends a reply from another port is not heard, even with the right id."""
        self.transports = Transports(reactor, lambda: 7)
        self.server.behave(Behaviour.SILENT)
        asking = self.udp(0.2)
        await deferLater(reactor, 0.05)
        (asked,) = self.server.asked
        self.server.behave()
        (reply,) = self.server.packets(encode_query(7, QUESTION), "udp", 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(reply, ("127.0.0.1", asked.port))
        await self.assertFailure(asking, NoAnswer)

    def test_interface(self) -> None:
        """What the reactor watches is what it can watch."""
        query = transports._DatagramQuery(reactor, self.server.server, 7, QUESTION)
        self.addCleanup(query._socket.close)
        self.assertTrue(verifyObject(IReadDescriptor, query))
