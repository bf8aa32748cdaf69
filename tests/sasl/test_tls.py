"""What mechanisms take from a real TLS session: the channel to bind to, and the client's certificate."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailframe.dialogue.tls_facts import channel_binding
from mailframe.imap.server import IMAPServerFactory
from mailframe.imap.settings import IMAPSettings
from mailframe.sasl.client import ClientCredentials, ClientLines, choose, make
from mailframe.sasl.client_mechanisms import ClientMechanism
from mailframe.store.memory import MemoryStore
from mailframe.testing.sasl import FakeSASLAuthenticator
from mailframe.testing.store import describe
from mailframe.tls.client import ClientContexts
from mailframe.tls.policies import ClientPolicy, Level
from tests.tls.authorities import NAME, issue, stranger, trusted
from tests.tls.meeting import End
from tests.tls.test_context import ContextCase, Raw, versions

ALICE = "alice@example.test"
PASSWORD = ClientCredentials(ALICE, "secret")


class Session:
    """An IMAP server and a client with TLS between them, in memory."""

    def __init__(self, server: Any, client: Any) -> None:
        self.clock: Any = Clock()
        imap = IMAPServerFactory(
            MemoryStore(describe),
            FakeSASLAuthenticator({ALICE: "secret"}),
            IMAPSettings(mechanisms=("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL")),
            self.clock,
        )
        self.end = End()
        self.end.connectionMade = lambda: None  # type: ignore[method-assign]
        self.server = self._wire(server, False, imap)
        self.client = self._wire(client, True, Factory.forProtocol(lambda: self.end))
        self.greeting = self.lines()[0]

    def _wire(self, creator: Any, is_client: bool, factory: Any) -> Any:
        protocol: Any = TLSMemoryBIOFactory(creator, is_client, factory, self.clock).buildProtocol(None)  # type: ignore[arg-type]
        wire: Any = StringTransport()
        wire.protocol = protocol
        protocol.makeConnection(wire)
        return wire

    def lines(self) -> list[str]:
        """What the server said, when nobody has more to say."""
        for _ in range(40):
            self.clock.advance(0.01)
            for source, target in ((self.client, self.server), (self.server, self.client)):
                octets = source.value()
                source.clear()
                if octets:
                    target.protocol.dataReceived(octets)
        heard, self.end.heard = self.end.heard, b""
        return heard.decode().split("\r\n")[:-1]

    def binding(self) -> bytes | None:
        """The client's view of the channel."""
        return channel_binding(self.end.transport.getHandle())  # type: ignore[union-attr]

    def say(self, octets: bytes) -> str:
        self.end.transport.write(octets + b"\r\n")  # type: ignore[union-attr]
        return self.lines()[-1]

    def offered(self) -> list[str]:
        """The mechanisms of the greeting."""
        return [word.rstrip("]")[5:] for word in self.greeting.split() if word.startswith("AUTH=")]

    def log_in(self, mechanism: ClientMechanism) -> str:
        lines = ClientLines(mechanism)
        line = self.say(b"a AUTHENTICATE %b %b" % (mechanism.name.encode(), lines.initial() or b""))
        while line.startswith("+ "):
            line = self.say(lines.answer(line[2:].encode()))
        if line.startswith("a OK"):
            mechanism.finish()
        return line


class TLSTests(ContextCase):
    """With OpenSSL on both sides."""

    def test_bound(self) -> None:
        """Both sides see the same channel, and the greeting offers to bind to it already."""
        session = Session(self.server(), Raw())
        self.assertEqual(session.offered(), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])
        binding = session.binding()
        self.assertEqual(len(binding or b""), 32)
        mechanism = choose(session.offered(), PASSWORD, True, binding)
        self.assertEqual(mechanism.name, "SCRAM-SHA-256-PLUS")
        self.assertIn("a OK", session.log_in(mechanism))

    def test_of_another_session(self) -> None:
        """Each session is a channel of its own: what is bound to one is worth nothing in another."""
        first, second = Session(self.server(), Raw()), Session(self.server(), Raw())
        self.assertNotEqual(first.binding(), second.binding())
        answer = second.log_in(make("SCRAM-SHA-256-PLUS", PASSWORD, first.binding()))
        self.assertIn("AUTHENTICATIONFAILED", answer)

    def test_older_version(self) -> None:
        """With TLS 1.2 there is nothing to bind to that is safe, so it is not offered."""
        session = Session(self.server(), Raw(versions(SSL.TLS1_2_VERSION)))
        self.assertEqual(session.offered(), ["SCRAM-SHA-256"])
        self.assertIsNone(session.binding())
        self.assertIn("a OK", session.log_in(choose(session.offered(), PASSWORD, True, session.binding())))

    def test_certificate(self) -> None:
        """A certificate of an authority that is trusted for clients logs in its name; another is as none."""
        options = {"client_certificates": "request", "client_authorities": trusted(self.mktemp())}
        credentials = ClientCredentials("", certificate=True)
        for ca, offered in ((None, True), (stranger(), False)):
            files = issue(ALICE, ca=ca).write(self.mktemp())
            client = ClientContexts(certificate=files).creator(ClientPolicy(Level.ENCRYPT), NAME)
            session = Session(self.server(**options), client)
            self.assertEqual("EXTERNAL" in session.offered(), offered)
            answer = session.log_in(make("EXTERNAL", credentials))
            self.assertTrue(answer.startswith("a OK" if offered else "a NO [CANNOT]"), answer)
