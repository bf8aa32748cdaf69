"""What role tests share: accounts, a store in memory, listeners in memory, clients in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.memory import MemoryDirectory
from mailframe.imap.wire.description import describe
from mailframe.message.content import Content
from mailframe.queue.interfaces import ISpool
from mailframe.queue.notice_settings import NoticeSettings
from mailframe.queue.notices import Notices
from mailframe.queue.queue import Queue
from mailframe.queue.settings import QueueOptions
from mailframe.queue.spool.memory import MemorySpool
from mailframe.queue.values import Change, Selection, State
from mailframe.roles.listening import Listener, ListeningRole
from mailframe.routing.interfaces import IRouter
from mailframe.routing.roles import OneWay
from mailframe.store.memory import MemoryStore
from mailframe.store.quota import Limit, QuotaRules
from mailframe.store.values import Delivery, NewMessage
from mailframe.testing.directory import FakeAuthenticator
from mailframe.testing.transports import MemoryTransport

ALICE = "alice@example.test"
PASSWORD = "wonderland-2580"


class Reactor(MemoryReactorClock):
    """A reactor in memory that starts at a real time of day."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = 1_800_000_000.0


class Client:
    """A client of one listener.

    Args:
        reactor: where the role listens.
        port: which port.
        secure: pretend that TLS is on.
        peer: the client's address.
    """

    def __init__(self, reactor: Reactor, port: int, secure: bool = False, peer: str = "192.0.2.1") -> None:
        from twisted.internet.address import IPv4Address

        self.reactor = reactor
        address = IPv4Address("TCP", peer, 40000)
        factory = next(factory for number, factory, *_ in reactor.tcpServers if number == port)
        # Behind a listener with implicit TLS is the factory that TLS was put around.
        factory = getattr(factory, "wrappedFactory", factory)
        self.transport = MemoryTransport(secure, peer=address)
        self.protocol: Any = factory.buildProtocol(address)
        self.protocol.makeConnection(self.transport)
        self.greeting = self.take()

    def take(self) -> str:
        """What the server said since."""
        return self.transport.take().decode()

    def say(self, text: str) -> str:
        """Say lines, and take the answer; ``\\n`` ends a line."""
        self.protocol.dataReceived(text.replace("\n", "\r\n").encode())
        self.reactor.advance(0)
        return self.take()

    @property
    def ended(self) -> bool:
        """Has the server closed the connection?"""
        return bool(self.transport.disconnecting or self.transport.disconnected)

    def lose(self) -> None:
        """The connection is gone."""
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        self.protocol.connectionLost(Failure(ConnectionDone()))


class Aside:
    """A queue in memory for what a relay puts aside, which all goes one way.

    Attributes:
        queue: the queue.
        spool: where it keeps mail.
    """

    def __init__(
        self, reactor: Reactor, router: IRouter, delivery: IDelivery, settings: QueueOptions | None = None
    ) -> None:
        self.spool = MemorySpool(reactor.seconds)
        notices = Notices("relay.example.test", NoticeSettings(), reactor.seconds)
        self.queue = Queue(
            cast(ISpool, self.spool),
            OneWay(router, "way"),
            {"way": delivery},
            reactor,
            settings or QueueOptions(),
            "relay.example.test",
            notices,
        )

    async def recipients(self) -> list[tuple[str, str, State]]:
        """All that is kept: queue id, reason, state."""
        return [
            (one.message.queue_id, one.message.reason, recipient.state)
            for one in await self.spool.listing(Selection())
            for recipient in one.recipients
        ]

    async def release(self) -> int:
        """Release all."""
        count = 0
        for one in await self.spool.listing(Selection()):
            numbers = [recipient.number for recipient in one.recipients]
            count += await self.spool.change(Change.RELEASE, one.message.queue_id, numbers)
        return count


QUOTA = 1_000_000
"""Octets that fit into an account."""


class RoleCase(SynchronousTestCase):
    """Everything a role needs, in memory."""

    def setUp(self) -> None:
        """One account."""
        self.reactor = Reactor()
        self.directory = MemoryDirectory(["example.test"], {ALICE: PASSWORD})
        self.store = MemoryStore(describe, clock=self.reactor, quota=QuotaRules(Limit(QUOTA)))
        self.authenticator = FakeAuthenticator({ALICE: PASSWORD})

    def listener(self, port: int, implicit_tls: bool = False) -> Listener:
        """A listener in memory."""
        return Listener(serverFromString(self.reactor, f"tcp:{port}"), implicit_tls, f"tcp:{port}")

    def run_role(self, role: ListeningRole) -> None:
        """Start it, and stop it at the end of the test."""
        role.startService()
        self.addCleanup(role.stopService)
        self.get(role.ready())

    def get(self, awaitable: Any) -> Any:
        """The result of something that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(awaitable))

    def fill_mailbox(self) -> None:
        """ALICE's account has no room any more."""
        message = NewMessage(Content.of(b"x" * QUOTA))
        self.get(self.store.deliver([Delivery(ALICE, message)]))

    def contents(self, account: str) -> Sequence[bytes]:
        """Whole messages in an INBOX."""
        from mailframe.store.values import Span

        async def read() -> Sequence[bytes]:
            opened = await self.store.account(account)
            mailbox = await opened.open("INBOX", True)
            snapshot = await mailbox.snapshot()
            spans = [Span(uid, 0, 1_000_000) for uid in snapshot.uids]
            found = await mailbox.read(spans)
            opened.close()
            return [octets for octets in found if octets is not None]

        return self.get(read())  # type: ignore[no-any-return]
