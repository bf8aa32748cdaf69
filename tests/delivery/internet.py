"""A small Internet in memory: names, addresses, and servers that listen at them, on a clock of its own."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from zope.interface import implementer

from mailframe.delivery.remote import RemoteDelivery
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.delivery.shaping_options import ShapingOptions
from mailframe.delivery.values import Attempt
from mailframe.limits.memory import MemoryTallies
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import MailframeError
from mailframe.routing.interfaces import Route
from mailframe.testing.dns import FakeResolver
from mailframe.testing.smtp_server import ScriptedServer
from mailframe.testing.wires import MemoryEndpoint, PretendedContexts, settle
from mailframe.tls.interfaces import ITLSPolicySource, ITLSReports
from mailframe.tls.policies import NO_TLS, OPPORTUNISTIC, ClientPolicy, TLSSession

CONTENT = b"Subject: x\r\n\r\nHello\r\n"
SENDER = Address("alice", "sender.test")


@implementer(ITLSPolicySource, ITLSReports)
class Policies:
    """Policies by host; remembers what was asked and noted."""

    def __init__(self, usual: ClientPolicy = NO_TLS) -> None:
        self.usual = usual
        self.hosts: dict[str, ClientPolicy | MailframeError] = {}
        self.asked: list[tuple[str, str, bool]] = []
        self.noted: list[TLSSession] = []

    async def policy(
        self, domain: str, host: str, *, port: int = 25, secure: bool = False, waived: bool = False
    ) -> ClientPolicy:
        """As `ITLSPolicySource.policy`; what is not from the configuration is the domain's wish."""
        self.asked.append((domain, host, secure))
        found = self.hosts.get(host, self.usual)
        if waived and (isinstance(found, MailframeError) or found.source != "configuration"):
            return OPPORTUNISTIC
        if isinstance(found, MailframeError):
            raise found
        return found

    def note(self, session: TLSSession) -> None:
        """As `ITLSReports.note`."""
        self.noted.append(session)


class Internet:
    """Names and servers, and a delivery that knows nothing else."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.names = FakeResolver(reactor=self.clock)  # type: ignore[arg-type]
        self.addresses: dict[str, Sequence[str]] = {}
        self.policies = Policies()
        self.contexts = PretendedContexts()
        self.tallies = MemoryTallies(self.clock)
        self.endpoints: dict[str, MemoryEndpoint] = {}
        self.tried: list[tuple[str, str | None]] = []
        self.numbers = iter(range(1, 250))

    def host(
        self,
        name: str,
        answers: Mapping[str, Any] | None = None,
        addresses: Sequence[str] = (),
        **values: Any,
    ) -> ScriptedServer:
        """A server with a name; without addresses it gets one of IPv4."""
        server = ScriptedServer(answers=answers, clock=self.clock, **values)
        addresses = addresses or [f"198.51.100.{next(self.numbers)}"]
        for address in addresses:
            self.endpoints[address] = MemoryEndpoint(self.clock, server)
        self.addresses[name] = addresses
        self.names.zones.host(name, *addresses)
        return server

    def domain(self, name: str, *hosts: str | tuple[int, str]) -> None:
        """A domain with MX records, in this order of preference unless they say otherwise."""
        pairs = [(10 * place, host) if isinstance(host, str) else host for place, host in enumerate(hosts, 1)]
        self.names.zones.mx(name, *pairs)

    def down(self, name: str, silent: bool = False) -> None:
        """Nobody listens at a host's addresses."""
        for address in self.addresses[name]:
            self.endpoints[address].server, self.endpoints[address].silent = None, silent

    def endpoint(self, address: str, port: int, source: str | None) -> IStreamClientEndpoint:
        """Where an address is."""
        endpoints, tried = self.endpoints, self.tried

        @implementer(IStreamClientEndpoint)
        class Noted:
            def connect(self, factory: Any) -> Deferred[Any]:
                tried.append((address, source))
                return endpoints.get(address, MemoryEndpoint(Clock(), None)).connect(factory)

        return Noted()

    def delivery(self, shaping: Sequence[ShapingOptions] = (), **values: Any) -> RemoteDelivery:
        """A delivery to all of it."""
        values.setdefault("hostname", "out.sender.test")
        return RemoteDelivery(
            self.clock,
            self.names,
            self.policies,
            RemoteOptions(**values),
            contexts=self.contexts,
            tallies=self.tallies,
            shaping=shaping,
            reports=self.policies,
            own_addresses=("203.0.113.99",),
            endpoint=self.endpoint,
            chance=random.Random(1),
        )

    def start(
        self,
        delivery: RemoteDelivery,
        domain: str,
        recipients: Sequence[str] = ("bob",),
        parameters: Mapping[str, str | None] | None = None,
        content: bytes = CONTENT,
    ) -> Deferred[Sequence[Attempt]]:
        """Begin an attempt at one message."""
        chosen = [Recipient(Address(name, domain)) for name in recipients]
        envelope = Envelope(SENDER, chosen, dict(parameters or {}))
        mail = MailObject("ID", envelope, Content.of(content), Origin("S", "192.0.2.1"))
        routes = [Route(way="remote", domain=domain)] * len(chosen)

        async def work() -> Sequence[Attempt]:
            return await delivery.attempt(mail, routes, age=0.0)

        return Deferred.fromCoroutine(work())

    def send(self, delivery: RemoteDelivery, domain: str, *args: Any, **values: Any) -> Sequence[Attempt]:
        """The whole attempt, however long it takes."""
        deferred = self.start(delivery, domain, *args, **values)
        results: list[Any] = []
        deferred.addBoth(results.append)
        for _ in range(20_000):
            settle(self.clock)
            if results:
                return list(results[0])
            calls = self.clock.getDelayedCalls()
            assert calls, "nothing will ever happen"
            self.clock.advance(max(0.0, min(call.getTime() for call in calls) - self.clock.seconds()))
        raise AssertionError("it does not end")
