"""A client and a scripted server in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.outcome import Outcome
from mailframe.smtp.client.sender import SMTPClient
from mailframe.smtp.client.settings import ClientSettings
from mailframe.testing.smtp_server import Answer, ScriptedServer
from mailframe.testing.wires import MemoryEndpoint, PretendedContexts, settle
from mailframe.tls.policies import NO_TLS

T = TypeVar("T")
ALICE, BOB, CAROL = (Address(name, "example.test") for name in ("alice", "bob", "carol"))
SENDER = Address("joe", "sender.test")
MESSAGE = b"From: joe@sender.test\r\nSubject: Hello\r\n\r\nHello.\r\n.dot\r\n"


def message(
    octets: bytes = MESSAGE,
    *recipients: Recipient,
    reverse_path: Address | None = SENDER,
    parameters: dict[str, str | None] | None = None,
) -> MailObject:
    """A message on its way; to bob unless other recipients are given."""
    envelope = Envelope(reverse_path, list(recipients) or [Recipient(BOB)], parameters or {})
    return MailObject("QUEUEID", envelope, Content.of(octets), Origin("SESSION", "192.0.2.9"))


class ClientCase(SynchronousTestCase):
    """Tests of one client with one server."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.contexts = PretendedContexts()

    def serve(
        self,
        keywords: Sequence[str] = ("PIPELINING", "8BITMIME", "SIZE 50000000", "ENHANCEDSTATUSCODES"),
        answers: Mapping[str, Answer | Sequence[Answer]] | None = None,
        segment: int = 0,
        **options: Any,
    ) -> ScriptedServer:
        """A server; the next `connect` goes there."""
        self.server = ScriptedServer(keywords, answers, clock=self.clock, **options)
        self.endpoint = MemoryEndpoint(self.clock, self.server, segment)
        return self.server

    def start(self, awaitable: Awaitable[T]) -> Deferred[T]:
        """Begin something, and let happen what needs no time."""

        async def wait() -> T:
            return await awaitable

        deferred = Deferred.fromCoroutine(wait())
        settle(self.clock)
        return deferred

    def run_now(self, awaitable: Awaitable[T]) -> T:
        """What comes of something that needs no time."""
        return self.successResultOf(self.start(awaitable))

    def target(self, **values: Any) -> Target:
        """The server."""
        values.setdefault("policy", NO_TLS)
        values.setdefault("protocol", self.server.protocol_name)
        return Target("mx.example.test", **values)

    def connector(self, **settings: Any) -> Connector:
        """Connects with the server."""
        return Connector(
            self.clock,
            ClientSettings(hostname="client.example.test", **settings),
            self.contexts,
            lambda target: self.endpoint,
        )

    def connect(self, target: Target | None = None, **settings: Any) -> SMTPClient:
        """A client that is ready."""
        return self.run_now(self.connector(**settings).connect(target or self.target()))

    def send(self, client: SMTPClient, mail: MailObject | None = None, **options: Any) -> Outcome:
        """Send one message, to the recipients of its envelope."""
        mail = mail or message()
        return self.run_now(client.send(mail, mail.envelope.recipients, **options))

    def codes(self, outcome: Outcome) -> list[str]:
        """The enhanced codes of an outcome."""
        return [status.code for status in outcome.statuses]
