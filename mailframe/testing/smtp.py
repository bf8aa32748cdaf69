"""Fakes and a client for people who write policies, filters, routers or deliveries, and for our own tests.

`serve` puts a listener's protocol on an in-memory transport and gives back a `Client` that speaks to it::

    client = serve(reception)
    client.say("EHLO client.example.test")
    client.say("MAIL FROM:<alice@example.test>")   # answers ["250 2.1.0 Sender OK"]
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.values import Account, Credentials, Identity
from mailframe.message.address import Address
from mailframe.message.envelope import Envelope
from mailframe.message.mail import MailObject
from mailframe.message.status import (
    CREDENTIALS_INVALID,
    NO_SUCH_MAILBOX,
    OK,
    MailframeError,
    Status,
)
from mailframe.routing.interfaces import IRouter, LocalMailbox, Route
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.tls.interfaces import IServerContexts

T = TypeVar("T")


@attrs.frozen
class Delivered:
    """One message that a `RecordingDelivery` took.

    Attributes:
        mail: the message; its content may be gone, so see ``octets``.
        octets: its content when it was delivered.
        routes: as given.
        atomic: as given.
    """

    mail: MailObject
    octets: bytes
    routes: Sequence[Route]
    atomic: bool

    @property
    def envelope(self) -> Envelope:
        """The message's envelope."""
        return self.mail.envelope


@implementer(IDelivery)
class RecordingDelivery:
    """Remembers what it is given.

    Args:
        statuses: what it answers, one a recipient, for every message; success for all where None.

    Attributes:
        messages: what was delivered, in order.
        waiting: set it to a Deferred to hold back the answers until that fires.
        error: set it to an exception to have it raised.
    """

    def __init__(self, statuses: Sequence[Status] | None = None) -> None:
        self.statuses = statuses
        self.messages: list[Delivered] = []
        self.waiting: Deferred[None] | None = None
        self.error: Exception | None = None

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """Remember, wait where asked to, answer."""
        if self.error is not None:
            raise self.error
        if self.waiting is not None:
            await self.waiting
        self.messages.append(Delivered(mail, mail.content.octets(), routes, atomic))
        return list(self.statuses) if self.statuses is not None else [OK] * len(routes)


@implementer(IRouter)
class FixedRouter:
    """Knows the addresses it is told.

    Args:
        answers: by address as text: a status; any other value, such as None, is a mailbox of that name.
        unknown: the answer for all other addresses; None: each is a mailbox.
    """

    def __init__(
        self, answers: dict[str, Status | None] | None = None, unknown: Status | None = NO_SUCH_MAILBOX
    ) -> None:
        self._answers = answers or {}
        self._unknown = unknown

    async def route(self, forward_path: Address) -> Route | Status:
        """The answer for this address."""
        name = str(forward_path)
        answer = self._answers.get(name, self._unknown)
        if name in self._answers:
            answer = self._answers[name]
        if answer is not None:
            return answer
        return Route((LocalMailbox(name, "INBOX", forward_path),))


@implementer(IAuthenticator)
class FixedAuthenticator:
    """Knows the passwords it is told, in clear.

    Args:
        passwords: by account name.

    Attributes:
        error: set it to have every check fail so.
    """

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords
        self.error: MailframeError | None = None

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Compare."""
        if self.error is not None:
            raise self.error
        password = self._passwords.get(credentials.authcid)
        if password is None or password.encode() != credentials.password:
            raise MailframeError(CREDENTIALS_INVALID, f"wrong password for {credentials.authcid!r}")
        return Identity(Account(credentials.authzid or credentials.authcid), credentials.authcid)


class Client:
    """The client's end of a connection in memory.

    Args:
        factory: what the server is made by.
        clock: the server's.
        peer: the address the server sees.

    Attributes:
        greeting: the server's first lines.
        transport: the server's end.
    """

    def __init__(self, factory: SMTPServerFactory, clock: Clock, peer: str = "192.0.2.1") -> None:
        self.clock = clock
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", peer, 49152))
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.greeting = self.replies()

    @property
    def closed(self) -> bool:
        """Has the server ended the connection?"""
        return bool(self.transport.disconnecting or self.transport.disconnected)

    def send(self, octets: bytes) -> list[str]:
        """Send octets as they are, in one segment; the reply lines that came."""
        self.protocol.dataReceived(octets)
        return self.replies()

    def say(self, *lines: str) -> list[str]:
        """Send lines, pipelined; the reply lines that came."""
        return self.send("".join(line + "\r\n" for line in lines).encode())

    def replies(self) -> list[str]:
        """Reply lines that came and were not fetched yet."""
        octets: bytes = self.transport.value()
        self.transport.clear()
        return octets.decode().splitlines()

    def message(
        self, octets: bytes, *recipients: str, sender: str = "sender@example.test", hello: str = "EHLO"
    ) -> list[str]:
        """Send one whole message; the last reply lines.

        Args:
            octets: the content, dot-stuffed where it must be, its last line ended.
            recipients: forward-paths without brackets.
            sender: the reverse-path without brackets.
            hello: the verb to greet with; "" when that was done.
        """
        if hello:
            self.say(f"{hello} client.example.test")
        self.say(f"MAIL FROM:<{sender}>", *[f"RCPT TO:<{recipient}>" for recipient in recipients])
        self.say("DATA")
        return self.send(octets + b".\r\n")

    def lose(self) -> None:
        """The connection is lost."""
        from twisted.internet.error import ConnectionLost
        from twisted.python.failure import Failure

        self.protocol.connectionLost(Failure(ConnectionLost()))


def serve(
    reception: Reception,
    settings: SMTPSettings | None = None,
    *,
    clock: Clock | None = None,
    tls: IServerContexts | None = None,
    peer: str = "192.0.2.1",
) -> Client:
    """A client connected in memory to a new listener.

    Args:
        reception: what the listener asks.
        settings: the listener's options.
        clock: its time; a new one where None.
        tls: for STARTTLS, whose handshake this transport cannot do.
        peer: the client's address.
    """
    clock = clock or Clock()
    return Client(SMTPServerFactory(reception, settings or SMTPSettings(), clock, tls), clock, peer)


def fake_reception(
    delivery: IDelivery | None = None,
    router: IRouter | None = None,
    policies: Sequence[object] = (),
) -> Reception:
    """A reception that takes everything, but for what is given."""
    return Reception(router or FixedRouter(unknown=None), delivery or RecordingDelivery(), policies)


def run(awaitable: Awaitable[T]) -> T:
    """The result of something that needs no waiting, or what it raises.

    Raises:
        AssertionError: it waits.
    """
    results: list[T] = []
    failures: list[Exception] = []

    async def wait() -> None:
        try:
            results.append(await awaitable)
        except Exception as error:
            failures.append(error)

    Deferred.fromCoroutine(wait())
    if failures:
        raise failures[0]
    if not results:
        raise AssertionError("it has no result yet")
    return results[0]
