"""Tests of listeners behind a proxy: who is believed, what, and when."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue import metrics
from mailframe.dialogue.fronted import FrontedFactory
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.dialogue.proxy_header import ProxyHeader, encode_v1, encode_v2
from mailframe.dialogue.proxy_tlvs import ALPN, AUTHORITY, SSL, TLV, UNIQUE_ID, ProxyTLS, encode_tls
from mailframe.message.networks import Networks

from .test_protocol import Echo

PROXY = IPv4Address("TCP", "192.0.2.10", 50000)
HEADER = ProxyHeader(2, False, "inet", "203.0.113.7", 56324, "198.51.100.25", 25)


class Greeter(Factory):
    """Makes the real protocols, and remembers them and whom they were made for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.made: list[DialogueProtocol] = []
        self.addresses: list[IAddress | None] = []

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self.addresses.append(addr)
        self.made.append(DialogueProtocol(cast(Any, Echo()), self.clock))
        return self.made[-1]


class FrontedCase(SynchronousTestCase):
    """One listener that 192.0.2.0/28 may speak for."""

    def setUp(self) -> None:
        """The listener."""
        self.clock = Clock()
        self.greeter = Greeter(self.clock)
        self.factory = FrontedFactory(self.greeter, Networks(["192.0.2.0/28"]), self.clock, 10.0, 1000)

    def connect(self, peer: Any = PROXY) -> tuple[IProtocol, StringTransport]:
        """A connection, its header still to come."""
        transport = StringTransport(peerAddress=peer)
        protocol = self.factory.buildProtocol(peer)
        protocol.makeConnection(transport)
        return protocol, transport

    def counted(self, outcome: Any) -> float:
        """A figure."""
        return cast(float, outcome._value.get())


class HeaderFirstTests(FrontedCase):
    """Nothing is said before the header."""

    def test_real_client(self) -> None:
        """The protocol sees the client of the header, from its first moment."""
        before = self.counted(metrics.CLIENT)
        protocol, transport = self.connect()
        self.assertEqual((transport.value(), self.greeter.made), (b"", []))
        protocol.dataReceived(encode_v2(HEADER))
        self.assertEqual(transport.value(), b"hello\r\n")
        inner = self.greeter.made[0]
        self.assertEqual((inner.peer, inner.peer_port, inner.local_port), ("203.0.113.7", 56324, 25))
        self.assertEqual(self.greeter.addresses, [IPv4Address("TCP", "203.0.113.7", 56324)])
        assert inner.proxy is not None
        self.assertEqual((inner.proxy.peer, inner.proxy.destination), ("192.0.2.10", "198.51.100.25"))
        self.assertFalse(inner.proxy.local)
        self.assertEqual(self.counted(metrics.CLIENT), before + 1)
        self.clock.advance(60)
        self.assertFalse(transport.disconnected)

    @given(st.lists(st.integers(1, 40), max_size=30), st.booleans())
    def test_segments(self, sizes: list[int], text: bool) -> None:
        """However the octets come, the header is read and what follows it is answered once."""
        self.setUp()
        octets = (encode_v1 if text else encode_v2)(HEADER) + b"one\r\ntwo\r\n"
        protocol, transport = self.connect()
        for size in [*sizes, len(octets)]:
            piece, octets = octets[:size], octets[size:]
            if piece:
                protocol.dataReceived(piece)
        self.assertEqual(transport.value(), b"hello\r\none\r\ntwo\r\n")

    def test_extensions(self) -> None:
        """What else the proxy says is there for policies."""
        tls = ProxyTLS(True, "TLSv1.3", "TLS_AES_128_GCM_SHA256", True, True, "alice")
        tlvs = (
            TLV(ALPN, b"smtp"),
            TLV(AUTHORITY, b"mx.example.test"),
            TLV(UNIQUE_ID, b"\x01id"),
            encode_tls(tls),
        )
        protocol, _ = self.connect()
        protocol.dataReceived(
            encode_v2(
                ProxyHeader(2, False, "inet", "203.0.113.7", 1, "198.51.100.25", 25, tlvs), checksum=True
            )
        )
        facts = self.greeter.made[0].proxy
        assert facts is not None
        self.assertEqual(
            (facts.alpn, facts.authority, facts.unique_id), ("smtp", "mx.example.test", "\\x01id")
        )
        self.assertEqual(facts.tls, tls)
        self.assertEqual([kind for kind, _ in facts.extensions], [1, 2, 5, 0x20, 3])

    def test_own_address(self) -> None:
        """A proxy that speaks for itself, or does not know the client, is the client."""
        for octets, outcome in (
            (encode_v2(ProxyHeader(2, local=True)), metrics.LOCAL),
            (b"PROXY UNKNOWN\r\n", metrics.UNKNOWN),
            (b"PROXY TCP4 192.0.2.10 192.0.2.25 50000 25\r\n", metrics.CLIENT),
        ):
            before = self.counted(outcome)
            protocol, transport = self.connect()
            with capturedLogs() as logs:
                protocol.dataReceived(octets)
            inner = self.greeter.made[-1]
            self.assertEqual((inner.peer, inner.proxy and inner.proxy.local), ("192.0.2.10", True))
            self.assertEqual(transport.value(), b"hello\r\n")
            self.assertEqual(self.counted(outcome), before + 1)
            self.assertEqual(logs, [])

    def test_check_on_both_families(self) -> None:
        """A check of version 1 is one too where the listener has IPv4 and IPv6 on one socket."""
        peer = IPv6Address("TCP", "::ffff:192.0.2.10", 50000)
        for octets in (
            b"PROXY TCP4 192.0.2.10 192.0.2.25 50000 25\r\n",
            b"PROXY TCP6 ::ffff:192.0.2.10 ::ffff:192.0.2.25 50000 25\r\n",
        ):
            protocol, _ = self.connect(peer)
            protocol.dataReceived(octets)
            facts = self.greeter.made[-1].proxy
            self.assertTrue(facts is not None and facts.local)

    def test_client_beside_the_proxy(self) -> None:
        """Version 2 has a word for checks, so a client on the proxy's machine is a client like any other."""
        tlvs = (encode_tls(ProxyTLS(True)),)
        for trusts in (True, False):
            self.factory.trusts_tls = trusts
            protocol, _ = self.connect()
            protocol.dataReceived(
                encode_v2(ProxyHeader(2, False, "inet", "192.0.2.10", 1, "192.0.2.25", 25, tlvs))
            )
            inner = self.greeter.made[-1]
            assert inner.proxy is not None
            self.assertFalse(inner.proxy.local)
            self.assertEqual((inner.secure, inner.confidential), (False, trusts))

    def test_clients_on_the_proxy(self) -> None:
        """A client on another machine's loopback or local socket does not get what ours get."""
        peers = []
        for header in (
            ProxyHeader(2, False, "inet", "127.0.0.1", 1, "127.0.0.1", 25),
            ProxyHeader(2, False, "inet6", "::ffff:127.0.0.1", 1, "::1", 25),
            ProxyHeader(2, False, "inet6", "::", 1, "::1", 25),
            ProxyHeader(2, False, "unix", "/run/x", 0, "/run/y", 0),
        ):
            protocol, _ = self.connect()
            protocol.dataReceived(encode_v2(header))
            self.assertEqual(self.greeter.made[-1].peer, "192.0.2.10")
            protocol, _ = self.connect(UNIXAddress(None))
            protocol.dataReceived(encode_v2(header))
            peers.append(self.greeter.made[-1].peer)
        self.assertEqual(peers, ["127.0.0.1", "127.0.0.1", "::", "unix"])

    def test_local_socket(self) -> None:
        """A proxy that comes by a local socket needs no address in the list."""
        protocol, _ = self.connect(UNIXAddress(None))
        protocol.dataReceived(encode_v2(HEADER))
        self.assertEqual(self.greeter.made[0].peer, "203.0.113.7")
        assert self.greeter.made[0].proxy is not None
        self.assertEqual(self.greeter.made[0].proxy.peer, "unix")

    def test_no_protocol(self) -> None:
        """When there is no protocol for the client, the connection ends."""
        self.greeter.buildProtocol = lambda addr: None  # type: ignore[assignment,method-assign,return-value]
        protocol, transport = self.connect()
        protocol.dataReceived(encode_v2(HEADER))
        self.assertTrue(transport.disconnected)
        protocol.dataReceived(b"more")


class RefusedTests(FrontedCase):
    """Dropped before the greeting."""

    def dropped(self, transport: StringTransport, outcome: Any, before: float, logs: list[Any]) -> None:
        """Without an octet, counted, logged."""
        self.assertTrue(transport.disconnected)
        self.assertEqual(transport.value(), b"")
        self.assertEqual(self.counted(outcome), before + 1)
        self.assertEqual([log["log_level"].name for log in logs], ["warn"])
        self.assertEqual(logs[0]["peer"], transport.getPeer().host)
        self.assertEqual((self.greeter.made, self.factory.waiting), ([], set()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stranger(self) -> None:
        """Who is not listed cannot say who it is, whatever it sends."""
        before = self.counted(metrics.STRANGER)
        with capturedLogs() as logs:
            protocol, transport = self.connect(IPv4Address("TCP", "203.0.113.7", 1))
        self.dropped(transport, metrics.STRANGER, before, logs)
        protocol.dataReceived(encode_v2(HEADER))
        self.assertEqual(self.greeter.made, [])

    def test_malformed(self) -> None:
        """No header, or a broken one."""
        tlvs = (TLV(SSL, b""),)
        broken = encode_v2(ProxyHeader(2, False, "inet", "203.0.113.7", 1, "198.51.100.25", 25, tlvs))
        for octets in (b"EHLO client.test\r\n", b"\r\n\r\n\0\r\nQUIT\n\x51", broken, b"PROXY TCP4\r\n"):
            before = self.counted(metrics.MALFORMED)
            protocol, transport = self.connect()
            with capturedLogs() as logs:
                protocol.dataReceived(octets)
                protocol.dataReceived(b"more")
            self.dropped(transport, metrics.MALFORMED, before, logs)

    def test_too_long(self) -> None:
        """A header longer than the listener allows."""
        tlvs = (TLV(0xEA, bytes(1000)),)
        long = ProxyHeader(2, False, "inet", "203.0.113.7", 1, "198.51.100.25", 25, tlvs)
        before = self.counted(metrics.MALFORMED)
        protocol, transport = self.connect()
        with capturedLogs() as logs:
            protocol.dataReceived(encode_v2(long)[:16])
        self.dropped(transport, metrics.MALFORMED, before, logs)

    def test_slow(self) -> None:
        """A header that does not come in time."""
        before = self.counted(metrics.TIMED_OUT)
        protocol, transport = self.connect()
        protocol.dataReceived(b"PROXY TCP4")
        self.clock.advance(9.9)
        self.assertFalse(transport.disconnected)
        with capturedLogs() as logs:
            self.clock.advance(0.2)
        self.dropped(transport, metrics.TIMED_OUT, before, logs)

    def test_silent(self) -> None:
        """Who looks whether the port is open, as balancers do, is not in the log."""
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        before = self.counted(metrics.SILENT)
        protocol, _ = self.connect()
        self.assertEqual(len(self.factory.waiting), 1)
        with capturedLogs() as logs:
            protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([log["log_level"].name for log in logs], ["debug"])
        self.assertEqual(self.counted(metrics.SILENT), before + 1)
        self.assertEqual(self.factory.waiting, set())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_abort(self) -> None:
        """A service that goes away waits for no header."""
        _, transport = self.connect()
        for waiting in list(self.factory.waiting):
            waiting.abort()
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.clock.getDelayedCalls(), [])
