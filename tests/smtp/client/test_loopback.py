"""The client over real sockets, with real TLS: what cannot be shown in memory."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, cast

from twisted.internet import defer
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint, serverFromString
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailframe.dialogue.spill import Spill
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.sasl.client import ClientCredentials
from mailframe.sasl.values import Proof
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.errors import Refused, TLSFailed, Unreachable
from mailframe.smtp.client.settings import ClientSettings
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.sasl import FakeSASLAuthenticator
from mailframe.testing.smtp import FixedRouter, RecordingDelivery
from mailframe.testing.smtp_server import DROP, ScriptedServer
from mailframe.tls.client import ClientContexts
from mailframe.tls.development import make_certificate
from mailframe.tls.errors import Result
from mailframe.tls.interfaces import IServerContexts
from mailframe.tls.policies import NO_TLS, ClientPolicy, Level
from mailframe.tls.server import Contexts, wrap

from .harness import BOB, MESSAGE, SENDER, message

MECHANISMS = ("SCRAM-SHA-256-PLUS", "PLAIN")
VERIFY = ClientPolicy(Level.VERIFY, ("localhost",))


class Sizing:
    """A delivery that looks how much it got, in pieces."""

    def __init__(self) -> None:
        self.size = 0

    async def deliver(self, mail: MailObject, routes: Any, atomic: bool) -> Any:
        from mailframe.message.status import OK

        self.size = sum(map(len, mail.content.chunks()))
        return [OK] * len(routes)


class LoopbackTests(TestCase):
    """Our client, our server, the system's sockets."""

    timeout = 60

    def setUp(self) -> None:
        """Certificates, and a clock that is the reactor."""
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.place = Path(tempfile.mkdtemp(prefix="mf-client-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.files = make_certificate(str(self.place / "tls"), ["localhost"])
        self.tls = cast(IServerContexts, Contexts([self.files]))
        self.delivery: Any = RecordingDelivery()
        self.authenticator: FakeSASLAuthenticator | None = None

    async def serve(self, protocol: str = "smtp", implicit: bool = False, unix: bool = False) -> int:
        """Listen; the port."""
        settings = SMTPSettings(
            protocol=protocol, size_limit=200_000_000, spill_directory=str(self.place), mechanisms=MECHANISMS
        )  # type: ignore[arg-type]
        reception = Reception(FixedRouter(unknown=None), self.delivery, authenticator=self.authenticator)
        factory: Any = SMTPServerFactory(
            reception, settings, self.reactor, None if implicit else self.tls, implicit
        )
        if implicit:
            factory = wrap(factory, self.tls, self.reactor)
        endpoint: Any = (
            UNIXServerEndpoint(self.reactor, str(self.place / "s"))
            if unix
            else TCP4ServerEndpoint(self.reactor, 0, interface="127.0.0.1")
        )
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        return 0 if unix else int(port.getHost().port)

    async def connect(self, port: int, authorities: str | None = None, **values: Any) -> Any:
        """A client that is ended with the test."""
        connector = Connector(
            self.reactor, ClientSettings(hostname="client.example.test"), ClientContexts(authorities)
        )
        values.setdefault("policy", NO_TLS)
        target = Target("localhost", port, address="127.0.0.1", **values)
        client = await connector.connect(target)
        gone: defer.Deferred[None] = defer.Deferred()
        client.closed = lambda: gone.callback(None)

        async def end() -> None:
            await client.quit()
            await gone

        self.addCleanup(lambda: defer.Deferred.fromCoroutine(end()))
        return client

    async def test_starttls(self) -> None:
        """STARTTLS with a certificate that holds; the message arrives."""
        client = await self.connect(await self.serve(), str(self.files.certificate), policy=VERIFY)
        self.assertTrue(client.verified)
        self.assertEqual(client.tls.version, "TLSv1.3")
        self.assertEqual(client.tls.server_name, "localhost")
        outcome = await client.send(message(), [Recipient(BOB)])
        self.assertTrue(outcome.accepted)
        self.assertEqual(self.delivery.messages[0].octets, MESSAGE)
        self.assertIsNotNone(self.delivery.messages[0].mail.origin.tls)
        self.assertEqual(len(client._channel_binding()), 32)

    async def test_implicit(self) -> None:
        """TLS from the first octet."""
        client = await self.connect(
            await self.serve(implicit=True), str(self.files.certificate), policy=VERIFY, implicit_tls=True
        )
        self.assertTrue(client.verified)
        outcome = await client.send(message(), [Recipient(BOB)])
        self.assertTrue(outcome.accepted)

    async def test_not_trusted(self) -> None:
        """A certificate of nobody we know: no mail to who demands one, and some to who does not."""
        for implicit in (False, True):
            port = await self.serve(implicit=implicit)
            with self.assertRaises(TLSFailed) as caught:
                await self.connect(port, policy=VERIFY, implicit_tls=implicit)
            self.assertEqual(caught.exception.status.code, "4.7.5")
            self.assertIn("signed by itself", caught.exception.status.text)
            client = await self.connect(port, policy=ClientPolicy(Level.ENCRYPT), implicit_tls=implicit)
            self.assertIsNotNone(client.tls)
            self.assertFalse(client.verified)

    async def test_policy_under_test(self) -> None:
        """With a policy under test mail goes on, and what is wrong with the certificate is known."""
        port = await self.serve()
        tested = ClientPolicy(Level.OPPORTUNISTIC, ("localhost",), testing=True)
        self.assertIs(
            Result.CERTIFICATE_NOT_TRUSTED, (await self.connect(port, policy=tested)).tls_fault.result
        )
        client = await self.connect(port, str(self.files.certificate), policy=tested)
        self.assertIsNone(client.tls_fault)
        self.assertFalse(client.verified)

    async def test_broken_handshake(self) -> None:
        """Where TLS is broken an opportunist goes on in clear on another connection."""
        server = ScriptedServer(("STARTTLS",), tls=_Broken())
        port = await serverFromString(self.reactor, "tcp:0:interface=127.0.0.1").listen(server)
        self.addCleanup(port.stopListening)
        number = port.getHost().port
        client = await self.connect(number, policy=ClientPolicy(Level.OPPORTUNISTIC))
        self.assertIsNone(client.tls)
        self.assertEqual(len(server.sessions), 2)
        with self.assertRaises(TLSFailed):
            await self.connect(number, policy=ClientPolicy(Level.ENCRYPT))

    async def test_socket(self) -> None:
        """LMTP over a UNIX socket."""
        await self.serve("lmtp", unix=True)
        client = await self.connect(0, path=str(self.place / "s"), protocol="lmtp")
        outcome = await client.send(message(), [Recipient(BOB)])
        self.assertTrue(outcome.accepted)
        self.assertEqual(outcome.address, str(self.place / "s"))

    async def test_nobody(self) -> None:
        """Nobody listens, or nobody has that name."""
        port = await serverFromString(self.reactor, "tcp:0:interface=127.0.0.1").listen(SMTPServerFactory(
            Reception(FixedRouter(), self.delivery), SMTPSettings(), self.reactor))  # fmt: skip
        number = port.getHost().port
        await port.stopListening()
        with self.assertRaises(Unreachable) as caught:
            await self.connect(number)
        self.assertEqual(caught.exception.status.code, "4.4.1")
        self.assertIn("refused", caught.exception.status.text)
        for host in ("no-such-host.invalid", "é" * 70 + ".test", "a..b"):
            with self.assertRaises(Unreachable):
                await Connector(self.reactor).connect(Target(host, number, policy=NO_TLS))

    async def test_source(self) -> None:
        """The address to connect from is what the server sees, and one that is not ours leads nowhere."""
        client = await self.connect(await self.serve(), source="127.0.0.3")
        await client.send(message(), [Recipient(BOB)])
        self.assertEqual(self.delivery.messages[0].mail.origin.peer, "127.0.0.3")
        with self.assertRaises(Unreachable):
            await self.connect(await self.serve(), source="192.0.2.1")

    async def test_bound_login(self) -> None:
        """A login that is bound to the TLS session: SCRAM-SHA-256-PLUS with what both ends see of it."""
        self.authenticator = FakeSASLAuthenticator({"joe": "secret"})
        client = await self.connect(
            await self.serve(),
            policy=ClientPolicy(Level.ENCRYPT),
            credentials=ClientCredentials("joe", "secret"),
        )
        (evidence,) = self.authenticator.judged
        self.assertIn("SCRAM-SHA-256-PLUS", client.capabilities.mechanisms)
        self.assertIsInstance(evidence.claim, Proof)
        with self.assertRaises(Refused) as caught:
            await self.connect(
                await self.serve(),
                policy=ClientPolicy(Level.ENCRYPT),
                credentials=ClientCredentials("joe", "x"),
            )
        self.assertNotIn("secret", str(caught.exception))

    async def test_torn(self) -> None:
        """TLS that ends without a word after the message is no acceptance, whichever way it ends."""
        for tear in (_shut, _shut_half, _reset):
            server = ScriptedServer(("STARTTLS",), {"END": DROP}, tls=self.tls.contexts())
            port = await serverFromString(self.reactor, "tcp:0:interface=127.0.0.1").listen(server)
            self.addCleanup(port.stopListening)
            client = await self.connect(port.getHost().port, policy=ClientPolicy(Level.ENCRYPT))
            transport: Any = server.sessions[0].transport
            transport.loseConnection = partial(tear, transport)
            (result,) = (await client.send(message(), [Recipient(BOB)])).recipients
            self.assertEqual((result.status.code, result.possibly_delivered), ("4.4.2", True))
            self.assertNotIn("[", result.status.text)
            self.assertFalse(client.usable)

    async def test_large_file(self) -> None:
        """A message of 40 MB in a file is sent by pieces, by DATA under TLS and by BDAT in clear."""
        spill = Spill(str(self.place))
        piece = (b"x" * 76 + b"\r\n") * 1000
        count = 40_000_000 // len(piece)
        for _ in range(count):
            spill.write(piece)
        content = spill.finish()
        self.addCleanup(content.body.discard)
        before = _memory()
        self.delivery = Sizing()
        for policy, chunking in ((ClientPolicy(Level.ENCRYPT), False), (NO_TLS, True)):
            client = await self.connect(await self.serve(), policy=policy)
            client.settings = ClientSettings(hostname="client.example.test", chunking=chunking)
            mail = MailObject("ID", Envelope(SENDER), Content(content.body), Origin("S", "192.0.2.1"))
            outcome = await client.send(mail, [Recipient(BOB)])
            self.assertTrue(outcome.accepted, str(outcome))
            self.assertEqual(self.delivery.size, count * len(piece))
        self.assertLess(_memory() - before, 25_000_000)


def _shut(transport: Any) -> None:
    transport.socket.shutdown(socket.SHUT_RDWR)


def _shut_half(transport: Any) -> None:
    transport.socket.shutdown(socket.SHUT_WR)


def _reset(transport: Any) -> None:
    transport.abortConnection()


@implementer(IOpenSSLServerConnectionCreator)
class _Broken:
    """TLS that ends the connection as soon as it is begun."""

    def serverConnectionForTLS(self, protocol: Any) -> Any:
        from OpenSSL import SSL

        context = SSL.Context(SSL.TLS_SERVER_METHOD)  # no certificate: every handshake fails
        return SSL.Connection(context, None)


def _memory() -> int:
    """Octets that this process has in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
