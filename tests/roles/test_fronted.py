"""Roles behind a balancer: every listener, plain and TLS, sees the real client."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailframe.config.types import Network
from mailframe.dialogue.proxy_header import ProxyHeader, encode_v1, encode_v2
from mailframe.message.networks import Networks
from mailframe.roles.listening import Front, Listener, ListeningRole
from mailframe.roles.mx import MXRole
from mailframe.roles.store import StoreRole
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.transports import MemoryTransport
from mailframe.tls.development import make_certificate
from mailframe.tls.server import Contexts

from .house import ALICE, PASSWORD, RoleCase

FRONT = Front(Networks(["192.0.2.10"]), timeout=5.0)
HEADER = ProxyHeader(2, False, "inet", "203.0.113.7", 56324, "198.51.100.25", 25)


class FrontedCase(RoleCase):
    """Listeners behind 192.0.2.10."""

    def fronted(self, port: int, implicit_tls: bool = False) -> Listener:
        """A listener in memory."""
        return Listener(serverFromString(self.reactor, f"tcp:{port}"), implicit_tls, "", FRONT)

    def connect(self, port: int, peer: str = "192.0.2.10") -> tuple[Any, MemoryTransport]:
        """A connection from the balancer."""
        address = IPv4Address("TCP", peer, 50000)
        factory = next(factory for number, factory, *_ in self.reactor.tcpServers if number == port)
        transport = MemoryTransport(peer=address)
        protocol = factory.buildProtocol(address)
        protocol.makeConnection(transport)
        return protocol, transport

    def mx(self, **settings: Any) -> MXRole:
        """An exchanger that runs."""
        made = SMTPSettings(hostname="mx.example.test", **settings)
        role = MXRole([self.fronted(25)], self.store, self.directory, self.reactor, made)
        self.run_role(role)
        return role


class MXTests(FrontedCase):
    """SMTP."""

    def test_banner_waits(self) -> None:
        """The greeting comes when the header has come."""
        self.mx()
        protocol, transport = self.connect(25)
        self.reactor.advance(1)
        self.assertEqual(transport.take(), b"")
        protocol.dataReceived(encode_v2(HEADER)[:20])
        self.assertEqual(transport.take(), b"")
        protocol.dataReceived(encode_v2(HEADER)[20:])
        self.assertTrue(transport.take().startswith(b"220 mx.example.test"))

    def test_limits_count_clients(self) -> None:
        """One client has its share, another client of the same balancer has its own."""
        self.mx(connections_limit_per_network=1)
        first, greeting = self.connect(25)
        first.dataReceived(encode_v1(HEADER))
        self.assertTrue(greeting.take().startswith(b"220 "))
        again, refusal = self.connect(25)
        again.dataReceived(encode_v1(HEADER))
        self.assertTrue(refusal.take().startswith(b"421 "))
        other, greeting = self.connect(25)
        other.dataReceived(b"PROXY TCP4 203.0.113.8 198.51.100.25 1 25\r\n")
        self.assertTrue(greeting.take().startswith(b"220 "))

    def test_waiting_counts(self) -> None:
        """Connections whose header is still to come count, so that the worker's limit holds for them too."""
        role = self.mx()
        protocol, transport = self.connect(25)
        self.assertEqual(role.sessions(), 1)
        protocol.dataReceived(encode_v1(HEADER))
        self.assertEqual(role.sessions(), 1)
        self.connect(25)
        self.assertEqual(role.sessions(), 2)
        self.reactor.advance(5.1)
        self.assertEqual(role.sessions(), 1)
        self.assertFalse(transport.disconnected)

    def test_vouched_login_is_none(self) -> None:
        """An exchanger stays one: whoever is presented with a login is a stranger all the same."""
        self.mx(xclient_networks=(Network("203.0.113.7/32"),))
        protocol, transport = self.connect(25)
        protocol.dataReceived(encode_v1(HEADER))
        transport.take()
        protocol.dataReceived(b"EHLO front.test\r\n")
        self.assertNotIn(b"LOGIN", transport.take())
        protocol.dataReceived(f"XCLIENT ADDR=198.51.100.9 LOGIN={ALICE}\r\nEHLO client.test\r\n".encode())
        greeting = transport.take()
        self.assertTrue(greeting.startswith(b"220 "), greeting)
        self.assertNotIn(b"XCLIENT", greeting)
        protocol.dataReceived(f"MAIL FROM:<{ALICE}>\r\nRCPT TO:<joe@elsewhere.test>\r\n".encode())
        self.assertIn(b"\r\n550 5.7.1 ", transport.take())

    def test_goes_away(self) -> None:
        """A role that goes away waits for no header."""
        role = self.mx()
        _, one = self.connect(25)
        role.finish()
        self.assertTrue(one.disconnected)
        _, other = self.connect(25)
        self.successResultOf(role.stopService())
        self.assertTrue(other.disconnected)


class TLSTests(FrontedCase):
    """The header comes in clear, TLS begins behind it."""

    def setUp(self) -> None:
        """Certificates, and a store with all its listeners."""
        super().setUp()
        tls = cast(Any, Contexts([make_certificate(self.mktemp(), ["mail.example.test"])]))
        role: ListeningRole = StoreRole(
            store=self.store,
            directory=self.directory,
            authenticator=self.authenticator,
            clock=self.reactor,
            imap=[self.fronted(143), self.fronted(993, True)],
            pop3=[self.fronted(110), self.fronted(995, True)],
            tls=tls,
        )
        self.run_role(role)

    def test_plain(self) -> None:
        """IMAP and POP3 wait as well."""
        for port, greeting in ((143, b"* OK "), (110, b"+OK ")):
            protocol, transport = self.connect(port)
            self.assertEqual(transport.take(), b"")
            protocol.dataReceived(encode_v2(HEADER))
            self.assertTrue(transport.take().startswith(greeting))

    def test_implicit_tls(self) -> None:
        """Header, handshake, greeting; and the session knows the client through it all."""
        for port, greeting, login in (
            (993, b"* OK ", f"a LOGIN {ALICE} {PASSWORD}\r\n"),
            (995, b"+OK ", f"USER {ALICE}\r\nPASS {PASSWORD}\r\n"),
        ):
            server, outside = self.connect(port)
            client = Talker()
            factory = TLSMemoryBIOFactory(
                CertificateOptions(verify=False),
                True,
                Factory.forProtocol(lambda made=client: made),
                self.reactor,
            )
            tls = factory.buildProtocol(None)
            inside = StringTransport()
            tls.makeConnection(inside)
            server.dataReceived(encode_v2(HEADER) + taken(inside))
            self.exchange(server, outside, tls, inside)
            self.assertTrue(client.received.startswith(greeting), client.received)
            client.received = b""
            client.transport.write(login.encode())  # type: ignore[union-attr]
            self.exchange(server, outside, tls, inside)
            self.assertIn(b"OK", client.received)
            self.assertEqual(self.authenticator.seen[-1].peer, "203.0.113.7")

    def exchange(self, server: Any, outside: MemoryTransport, tls: Any, inside: StringTransport) -> None:
        """Carry octets to and fro until there are none."""
        for _ in range(20):
            self.reactor.advance(0)
            to_client, to_server = outside.take(), taken(inside)
            if to_client:
                tls.dataReceived(to_client)
            if to_server:
                server.dataReceived(to_server)


class Talker(Protocol):
    """Keeps what it hears."""

    received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


def taken(transport: StringTransport) -> bytes:
    """What was written since."""
    octets: bytes = transport.value()
    transport.clear()
    return octets
