"""TLS that ends at a balancer: what it is worth for logins by SMTP, IMAP and POP3, and what is said of it."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.logger import capturedLogs

from mailframe.dialogue.proxy_header import ProxyHeader, encode_v1, encode_v2
from mailframe.dialogue.proxy_tlvs import TLV, encode_tls
from mailframe.filters.trace import TraceFilter
from mailframe.message.networks import Networks
from mailframe.message.origin import ProxyFacts, ProxyTLS
from mailframe.roles.listening import Front
from mailframe.roles.relay import RelayRole
from mailframe.roles.store import StoreRole
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.transports import MemoryTransport

from .house import ALICE, PASSWORD, RoleCase
from .test_relay import FakeContexts

TLS = ProxyTLS(True, "TLSv1.3", "TLS_AES_128_GCM_SHA256", certificate=True, verified=True, client_name=ALICE)
PLAIN = base64.b64encode(f"\0{ALICE}\0{PASSWORD}".encode()).decode()
PORTS = {"smtp": 587, "imap": 143, "pop3": 110}
OFFERS = {"smtp": "EHLO c.test\n", "imap": "a CAPABILITY\n", "pop3": "CAPA\n"}
LOGINS = {
    "smtp": (f"AUTH PLAIN {PLAIN}\n",),
    "imap": (f"a LOGIN {ALICE} {PASSWORD}\n", f"a AUTHENTICATE PLAIN {PLAIN}\n"),
    "pop3": (f"USER {ALICE}\nPASS {PASSWORD}\n", f"AUTH PLAIN {PLAIN}\n"),
}
REFUSED = {"smtp": "538 5.7.11", "imap": "a NO [PRIVACYREQUIRED]", "pop3": "-ERR"}
LOGGED_IN = {"smtp": "235 ", "imap": "a OK", "pop3": "+OK"}
START = {"smtp": "STARTTLS\n", "imap": "a STARTTLS\n", "pop3": "STLS\n"}
STARTED = {"smtp": "220 ", "imap": "a OK", "pop3": "+OK"}


def header(tls: ProxyTLS | None, **values: Any) -> bytes:
    """A header with that in its SSL extension."""
    tlvs = (encode_tls(tls),) if tls is not None else ()
    made = ProxyHeader(2, False, "inet", "203.0.113.7", 56324, "198.51.100.25", 587, tlvs)
    return encode_v2(dataclasses.replace(made, **values))


class Client:
    """A client behind the balancer."""

    def __init__(self, reactor: Any, protocol: str, octets: bytes) -> None:
        address = IPv4Address("TCP", "192.0.2.10", 50000)
        factory = next(factory for port, factory, *_ in reactor.tcpServers if port == PORTS[protocol])
        self.reactor = reactor
        self.transport = MemoryTransport(peer=address)
        self.protocol: Any = factory.buildProtocol(address)
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(octets)
        self.transport.take()

    def say(self, text: str) -> list[str]:
        """Say lines; the lines of the answer."""
        self.protocol.dataReceived(text.replace("\n", "\r\n").encode())
        self.reactor.advance(0)
        return self.transport.take().decode().splitlines()


class HealthCheckTests(RoleCase):
    """Balancers look every few seconds whether we are well."""

    def test_silent(self) -> None:
        """A check leaves no line in the log, by no protocol; a client that says nothing does."""
        front = Front(Networks(["192.0.2.10"]))
        imap, pop3, lmtp = (
            dataclasses.replace(self.listener(PORTS[name]), front=front) for name in ("imap", "pop3", "smtp")
        )
        self.run_role(
            StoreRole(
                store=self.store,
                directory=self.directory,
                authenticator=self.authenticator,
                clock=self.reactor,
                lmtp=[lmtp],
                imap=[imap],
                pop3=[pop3],
            )
        )
        for octets, level in ((encode_v2(ProxyHeader(2, local=True)), "debug"), (header(None), "info")):
            for name in PORTS:
                client = Client(self.reactor, name, octets)
                with capturedLogs() as logs:
                    client.protocol.connectionLost(None)
                self.assertEqual([log["log_level"].name for log in logs], [level], name)


class NoCertificatesTests(RoleCase):
    """A submission service that has no certificates of its own."""

    def warnings(self, trusts_tls: bool) -> int:
        """What it warns of when it is made."""
        front = Front(Networks(["192.0.2.10"]), trusts_tls=trusts_tls)
        listener = dataclasses.replace(self.listener(587), front=front)
        with capturedLogs() as logs:
            RelayRole([listener], self.store, self.directory, self.authenticator, self.reactor)
        return sum("nobody can log in" in log["log_format"] for log in logs)

    def test_warning(self) -> None:
        """It warns that nobody can log in, unless users come by TLS that is trusted."""
        self.assertEqual((self.warnings(False), self.warnings(True)), (1, 0))


class EndedInFrontTests(RoleCase):
    """A store and a submission service behind 192.0.2.10."""

    def serve(self, trusts_tls: bool) -> None:
        """Start both."""
        front = Front(Networks(["192.0.2.10"]), trusts_tls=trusts_tls)
        imap, pop3, smtp = (
            dataclasses.replace(self.listener(PORTS[name]), front=front) for name in ("imap", "pop3", "smtp")
        )
        self.run_role(
            StoreRole(
                store=self.store,
                directory=self.directory,
                authenticator=self.authenticator,
                clock=self.reactor,
                imap=[imap],
                pop3=[pop3],
                tls=FakeContexts(),
            )
        )
        settings = SMTPSettings(hostname="relay.example.test")
        self.run_role(
            RelayRole(
                [smtp],
                self.store,
                self.directory,
                self.authenticator,
                self.reactor,
                settings,
                filters=[TraceFilter("relay.example.test", self.reactor)],
                tls=FakeContexts(),
            )
        )

    def clients(self, octets: bytes) -> Sequence[tuple[str, Client]]:
        """One of each protocol."""
        return [(name, Client(self.reactor, name, octets)) for name in PORTS]

    def assert_in_clear(self, octets: bytes) -> None:
        """These connections are in clear: STARTTLS, and no login before it."""
        for name, client in self.clients(octets):
            offered = " ".join(client.say(OFFERS[name]))
            self.assertIn(START[name].split()[-1], offered)
            self.assertNotIn("PLAIN", offered)
            for login in LOGINS[name]:
                self.assertTrue(client.say(login)[-1].startswith(REFUSED[name]), (name, login))
            self.assertTrue(client.say(START[name])[-1].startswith(STARTED[name]), name)
            self.assertEqual(client.transport.tls_started, 1)
        self.assertEqual(self.authenticator.seen, [])

    def test_trusted(self) -> None:
        """Where it is trusted, clients log in by every way, and are not asked to begin TLS within TLS."""
        self.serve(trusts_tls=True)
        for name, client in self.clients(header(TLS)):
            offered = " ".join(client.say(OFFERS[name]))
            self.assertNotIn(START[name].split()[-1], offered)
            self.assertIn("PLAIN", offered)
            self.assertNotIn("LOGINDISABLED", offered)
            self.assertFalse(client.say(START[name])[-1].startswith(STARTED[name]))
            self.assertEqual(client.transport.tls_started, 0)
            for login in LOGINS[name]:
                again = Client(self.reactor, name, header(TLS))
                again.say(OFFERS[name])
                self.assertTrue(again.say(login)[-1].startswith(LOGGED_IN[name]), (name, login))
        self.assertEqual({one.peer for one in self.authenticator.seen}, {"203.0.113.7"})

    def test_reported(self) -> None:
        """Where it is not trusted, which is the default, it is worth nothing."""
        self.assertFalse(Front(Networks([])).trusts_tls)
        self.serve(trusts_tls=False)
        self.assert_in_clear(header(TLS))

    def test_not_used(self) -> None:
        """A client that spoke in clear with the balancer does so with us, whatever else the header says."""
        self.serve(trusts_tls=True)
        self.assert_in_clear(header(dataclasses.replace(TLS, used=False)))
        self.assert_in_clear(header(None))
        self.assert_in_clear(header(None, tlvs=(TLV(0x21, b"TLSv1.3"), TLV(0x01, b"imap"))))
        self.assert_in_clear(encode_v1(ProxyHeader(1, False, "inet", "203.0.113.7", 1, "198.51.100.25", 587)))

    def test_balancer_itself(self) -> None:
        """The balancer's own connections are in clear."""
        self.serve(trusts_tls=True)
        self.assert_in_clear(header(TLS, local=True))
        self.assert_in_clear(header(TLS, family="unknown"))
        self.assertFalse(ProxyFacts("192.0.2.10", local=True, tls=TLS, tls_trusted=True).tls_counts)

    def test_channel(self) -> None:
        """What has to be bound to the channel, or comes from a certificate, needs TLS that ends here."""
        self.serve(trusts_tls=True)
        for name, client in self.clients(header(TLS)):
            offered = " ".join(client.say(OFFERS[name]))
            self.assertNotIn("-PLUS", offered)
            self.assertNotIn("EXTERNAL", offered)
            self.assertNotIn("REQUIRETLS", offered)

    def test_said(self) -> None:
        """Received field and log say that TLS was there, and that it did not come as far as here."""
        self.serve(trusts_tls=True)
        for name, client in self.clients(header(TLS)):
            client.say(OFFERS[name])
            client.say(LOGINS[name][0])
            if name == "smtp":
                client.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{ALICE}>\nDATA\n")
                self.assertTrue(client.say("Subject: x\n\nx\n.\n")[-1].startswith("250 "))
            with capturedLogs() as logs:
                client.protocol.connectionLost(None)
            line = next(log for log in logs if "proxy" in log)
            self.assertEqual(line["proxy_tls"], "TLSv1.3")
            self.assertIsNone(line.get("tls"))
        (stored,) = self.contents(ALICE)
        received = " ".join(stored.partition(b"Received: ")[2].decode().split())
        self.assertIn(
            "(TLS ended at a balancer: TLSv1.3 cipher TLS_AES_128_GCM_SHA256) with ESMTPA id", received
        )
