"""Tests of clients that others speak for: XCLIENT, XFORWARD, and PROXY headers as the session sees them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.config.types import Network
from mailframe.directory.memory import MemoryDirectory
from mailframe.filters.trace import TraceFilter
from mailframe.message.origin import Origin, ProxyFacts
from mailframe.message.status import Status
from mailframe.policy.interfaces import IConnectPolicy
from mailframe.smtp.forwarded import UNKNOWN_PEER
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, FixedAuthenticator, FixedRouter, RecordingDelivery
from mailframe.testing.transports import MemoryTransport

FRONT = "192.0.2.1"
LISTED = (Network("192.0.2.0/28"), Network("127.0.0.0/8"))
SETTINGS = SMTPSettings(hostname="mx.example.test", xclient_networks=LISTED, xforward_networks=LISTED)


@implementer(IConnectPolicy)
class Watcher:
    """Remembers who connected; refuses 203.0.113.66."""

    def __init__(self) -> None:
        self.origins: list[Origin] = []

    async def connect(self, origin: Origin) -> Status | None:
        self.origins.append(copy.deepcopy(origin))
        return Status((5, 7, 1), "Go away") if origin.peer == "203.0.113.66" else None


class ForwardedCase(SynchronousTestCase):
    """A listener that believes 192.0.2.0/28 and this machine."""

    def setUp(self) -> None:
        """The listener."""
        self.clock = Clock()
        self.watcher = Watcher()
        self.delivery = RecordingDelivery()

    def factory(self, settings: SMTPSettings = SETTINGS, **parts: Any) -> SMTPServerFactory:
        """What makes its sessions."""
        reception = Reception(
            FixedRouter(unknown=None),
            self.delivery,
            [self.watcher],
            [TraceFilter("mx.example.test", self.clock)],
            **parts,
        )
        return SMTPServerFactory(reception, settings, self.clock)

    def client(self, peer: str = FRONT, **parts: Any) -> Client:
        """Somebody who connected."""
        return Client(self.factory(**parts), self.clock, peer)

    def received(self) -> str:
        """The trace field of the last message, in one line."""
        octets = self.delivery.messages[-1].octets
        return " ".join(octets.partition(b";")[0].decode().split())


class XClientTests(ForwardedCase):
    """As if the other client had connected."""

    def test_policies_and_trace(self) -> None:
        """Policies are asked about the other client when it is presented, and the trace field has it."""
        client = self.client()
        answer = client.say(
            "XCLIENT ADDR=203.0.113.7 PORT=4711 NAME=spike.test HELO=spike PROTO=ESMTP DESTADDR=192.0.2.25 DESTPORT=2525"
        )
        self.assertTrue(answer[0].startswith("220 mx.example.test"), answer)
        origin = self.watcher.origins[-1]
        self.assertEqual((origin.peer, origin.peer_port, origin.local_port), ("203.0.113.7", 4711, 2525))
        self.assertEqual((origin.helo, origin.extended), ("spike", True))
        self.assertEqual(
            origin.attributes, {"xclient": FRONT, "client_name": "spike.test", "destination": "192.0.2.25"}
        )
        self.assertEqual(origin.session_id, self.watcher.origins[0].session_id)
        client.message(b"Subject: x\r\n\r\n", "bob@example.test")
        self.assertIn("from client.example.test ([203.0.113.7])", self.received())

    def test_refused_at_once(self) -> None:
        """Whom the connect stage refuses gets no greeting, and the connection ends."""
        client = self.client()
        self.assertTrue(client.say("XCLIENT ADDR=203.0.113.66")[0].startswith("554 5.7.1 "))
        self.assertTrue(client.closed)

    def test_limits(self) -> None:
        """The other client takes the place of the one in front in the limits, and gives it back."""
        factory = self.factory(attrs.evolve(SETTINGS, connections_limit_per_network=1))
        first = Client(factory, self.clock, FRONT)
        self.assertTrue(first.say("XCLIENT ADDR=203.0.113.7")[0].startswith("220 "))
        second = Client(factory, self.clock, FRONT)
        self.assertTrue(second.greeting[0].startswith("220 "))
        self.assertTrue(second.say("XCLIENT ADDR=203.0.113.7")[0].startswith("421 "))
        self.assertTrue(second.closed)
        second.lose()
        first.lose()
        again = Client(factory, self.clock, FRONT)
        self.assertTrue(again.say("XCLIENT ADDR=203.0.113.7")[0].startswith("220 "))

    def test_pipelined(self) -> None:
        """What comes in the same segment is the other client's."""
        answers = self.client().say(
            "XCLIENT ADDR=203.0.113.7", "EHLO spike.test", "XCLIENT ADDR=203.0.113.8", "QUIT"
        )
        self.assertEqual([line[:3] for line in answers if line[3] == " "], ["220", "250", "550", "221"])
        self.assertEqual(self.watcher.origins[-1].peer, "203.0.113.7")

    def test_only_at_once(self) -> None:
        """After any other command the one in front is not believed any more, wherever the client got the idea."""
        for between in (
            "NOOP",
            "RSET",
            "EHLO spike.test",
            "MAIL FROM:<>",
            "XFORWARD ADDR=203.0.113.8",
            "STARTTLS",
        ):
            client = self.client()
            client.say("XCLIENT ADDR=203.0.113.7", "XCLIENT PORT=1", between)
            self.assertTrue(client.say("XCLIENT ADDR=203.0.113.8")[-1].startswith("550 5.7.0 "), between)
        self.assertNotIn("203.0.113.8", [origin.peer for origin in self.watcher.origins])

    def test_no_address(self) -> None:
        """A client whose address is not known is in no network and not on this machine."""
        client = self.client("127.0.0.1")
        client.say("XCLIENT ADDR=[UNAVAILABLE] NAME=[TEMPUNAVAIL]")
        self.assertEqual(self.watcher.origins[-1].peer, UNKNOWN_PEER)
        client.message(b"Subject: x\r\n\r\n", "bob@example.test")
        self.assertIn("from client.example.test (address unknown) by", self.received())

    def test_loopback_of_another_machine(self) -> None:
        """Only a front on this machine may present clients on this machine."""
        for front, claimed, peer in (
            (FRONT, "127.0.0.1", UNKNOWN_PEER),
            (FRONT, "IPV6:::1", UNKNOWN_PEER),
            (FRONT, "IPV6:::ffff:127.0.0.1", UNKNOWN_PEER),
            ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ):
            self.client(front).say(f"XCLIENT ADDR={claimed}")
            self.assertEqual(self.watcher.origins[-1].peer, peer)

    def test_own_login_ends(self) -> None:
        """A login by AUTH was the front's own; the client that it presents after that has none."""
        parts = {
            "authenticator": FixedAuthenticator({"bob@example.test": "secret"}),
            "accounts": MemoryDirectory(["example.test"], {"bob@example.test": "secret"}),
        }
        settings = attrs.evolve(SETTINGS, require_tls_for_auth=False)
        client = Client(self.factory(settings, **parts), self.clock, FRONT)
        client.say("EHLO front.test")
        self.assertTrue(client.say("AUTH PLAIN AGJvYkBleGFtcGxlLnRlc3QAc2VjcmV0")[0].startswith("235 "))
        client.say("XCLIENT ADDR=203.0.113.7")
        origin = self.watcher.origins[-1]
        self.assertEqual((origin.login, origin.helo), (None, None))

    def test_login_needs_accounts(self) -> None:
        """A vouched login counts with an authenticator and accounts, not with one of them."""
        authenticator = FixedAuthenticator({})
        accounts = MemoryDirectory(["example.test"], {"bob@example.test": "secret"})
        for parts, login in (
            ({}, None),
            ({"accounts": accounts}, None),
            ({"authenticator": authenticator}, None),
            ({"authenticator": authenticator, "accounts": accounts}, "bob@example.test"),
        ):
            self.client(**parts).say("XCLIENT LOGIN=bob@example.test ADDR=203.0.113.7")
            self.assertEqual(self.watcher.origins[-1].login, login)

    def test_log(self) -> None:
        """The connection's line says who presented the client."""
        client = self.client()
        client.say("XCLIENT ADDR=203.0.113.7")
        with capturedLogs() as logs:
            client.lose()
        self.assertEqual((logs[-1]["peer"], logs[-1]["presented_by"]), ("203.0.113.7", FRONT))


class XForwardTests(ForwardedCase):
    """Facts for one message."""

    def message(self, client: Client, hello: str = "") -> dict[str, Any]:
        """Send one; its log line."""
        with capturedLogs() as logs:
            client.message(b"Subject: x\r\n\r\n", "bob@example.test", hello=hello)
        return next(dict(log) for log in logs if "queue_id" in log)

    def test_log_and_trace(self) -> None:
        """The message's log line and trace field have what was said, the next one's do not."""
        client = self.client()
        client.say("EHLO filter.test")
        client.say("XFORWARD ADDR=203.0.113.7 HELO=spike", "XFORWARD IDENT=4XyZ HELO=[UNAVAILABLE]")
        line = self.message(client)
        self.assertEqual(line["forwarded"], {"addr": "203.0.113.7", "ident": "4XyZ"})
        self.assertIn("forwarding for [203.0.113.7]", self.received())
        self.assertEqual(line["peer"], FRONT)
        self.assertEqual(self.message(client)["forwarded"], {})
        self.assertNotIn("forwarding", self.received())

    def test_reset(self) -> None:
        """RSET and a new greeting forget it."""
        client = self.client()
        for forget in ("RSET", "EHLO filter.test"):
            client.say("EHLO filter.test", "XFORWARD ADDR=203.0.113.7", forget)
            self.assertEqual(self.message(client)["forwarded"], {})

    def test_began_there(self) -> None:
        """An address that is not available means that the mail began at the host that speaks."""
        client = self.client()
        client.say("EHLO filter.test", "XFORWARD HELO=spike ADDR=[UNAVAILABLE] NAME=x")
        self.assertEqual(self.message(client)["forwarded"], {"source": "LOCAL"})

    def test_changes_nothing_else(self) -> None:
        """Policies go on seeing the client itself, and nobody is logged in by it."""
        client = self.client()
        client.say("EHLO filter.test", "XFORWARD ADDR=203.0.113.66")
        self.assertEqual(client.say("MAIL FROM:<joe@sender.test>"), ["250 2.1.0 Sender OK"])
        self.assertEqual([origin.peer for origin in self.watcher.origins], [FRONT])


class ProxyTests(ForwardedCase):
    """What a PROXY header said is there for policies and the log."""

    def connected(self, facts: ProxyFacts) -> tuple[Any, Sequence[Any]]:
        """The origin as policies see it, and the log of the whole connection."""
        transport = MemoryTransport()
        transport.proxy_facts = facts  # type: ignore[attr-defined]
        protocol = self.factory().buildProtocol(None)
        with capturedLogs() as logs:
            protocol.makeConnection(transport)
            protocol.dataReceived(b"QUIT\r\n")
            protocol.connectionLost(None)
        return self.watcher.origins[-1], logs

    def test_origin_and_log(self) -> None:
        """The proxy, and the name it has for the connection."""
        facts = ProxyFacts("192.0.2.10", authority="mx.example.test", unique_id="id1")
        origin, logs = self.connected(facts)
        self.assertEqual(origin.proxy, facts)
        self.assertEqual((logs[-1]["proxy"], logs[-1]["proxy_id"]), ("192.0.2.10", "id1"))
        self.assertEqual(logs[-1]["log_level"].name, "info")

    def test_health_check(self) -> None:
        """A balancer that looks whether the service is well is not in the log that people read."""
        _, logs = self.connected(ProxyFacts("192.0.2.10", local=True))
        self.assertEqual([log["log_level"].name for log in logs], ["debug"])
