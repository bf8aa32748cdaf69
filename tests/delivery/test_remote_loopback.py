"""Remote delivery by real connections, on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailframe.config.types import Duration
from mailframe.delivery.remote import RemoteDelivery
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.delivery.shaping_options import SourceOptions
from mailframe.delivery.values import Attempt, Scope
from mailframe.limits.memory import MemoryTallies
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.routing.interfaces import Route
from mailframe.testing.dns import FakeResolver
from mailframe.testing.smtp_server import ScriptedServer
from tests.ports import free_port

from .internet import CONTENT, Policies

reactor: Any = global_reactor


class LoopbackTests(TestCase):
    """A server at 127.0.0.1."""

    timeout = 20

    def setUp(self) -> None:
        self.server = ScriptedServer()
        self.peers: list[str] = []
        build = self.server.buildProtocol

        def noted(address: Any) -> Any:
            self.peers.append(address.host)
            return build(address)

        self.server.buildProtocol = noted  # type: ignore[method-assign]
        self.listening = reactor.listenTCP(0, self.server, interface="127.0.0.1")
        self.names = FakeResolver()
        self.names.zones.mx("example.test", "mx.example.test").host("mx.example.test", "127.0.0.1", "::1")
        self.tallies = MemoryTallies(reactor)

    async def tearDown(self) -> None:
        """Let go of all."""
        await self.listening.stopListening()

    async def send(self, domain: str, **values: Any) -> Sequence[Attempt]:
        """One message, by a delivery of its own."""
        values.setdefault("loopback", True)
        values.setdefault("port", self.listening.getHost().port)
        options = RemoteOptions(hostname="out.example.test", **values)
        delivery = RemoteDelivery(
            reactor, self.names, Policies(), options, contexts=None, tallies=self.tallies
        )
        recipients = [Recipient(Address("bob", domain))]
        mail = MailObject("ID", Envelope(None, recipients), Content.of(CONTENT), Origin("S", "192.0.2.1"))
        try:
            return await delivery.attempt(mail, [Route(domain=domain)], age=0.0)
        finally:
            await delivery.stop()
            await self._ended()

    async def _ended(self) -> None:
        """All connections are over, and counted as that."""
        while not all(session.lost for session in self.server.sessions) or any(
            self.tallies.count("delivery.connections", name) for name in ("mx.example.test", "127.0.0.1")
        ):
            pause: Deferred[None] = Deferred()
            reactor.callLater(0.01, pause.callback, None)
            await pause

    async def test_family(self) -> None:
        """Where nobody listens at IPv6, IPv4 has it at once."""
        (attempt,) = await self.send("example.test")
        self.assertTrue(attempt.status.success, attempt)
        self.assertEqual(attempt.host, "mx.example.test")
        self.assertTrue(attempt.address.startswith("127.0.0.1:"))
        self.assertEqual(self.server.messages[0].octets, CONTENT)

    async def test_source(self) -> None:
        """The connection comes from the address that is said, and greets with its name."""
        sources = [SourceOptions(address="127.0.0.2", hostname="out2.example.test")]
        (attempt,) = await self.send("[127.0.0.1]", sources=sources)
        self.assertTrue(attempt.status.success, attempt)
        self.assertEqual(self.peers, ["127.0.0.2"])
        self.assertEqual(self.server.said[0], "EHLO out2.example.test")

    async def test_ourselves(self) -> None:
        """Without leave for tests, this machine never sends to itself."""
        (attempt,) = await self.send("example.test", loopback=False)
        self.assertEqual(attempt.status.code, "5.4.6")
        self.assertEqual(self.peers, [])

    async def test_nobody(self) -> None:
        """Where nobody listens, that is told at once."""
        (attempt,) = await self.send("example.test", port=free_port(), connect_timeout=Duration(5.0))
        self.assertEqual((attempt.status.code, attempt.scope), ("4.4.1", Scope.DESTINATION))
