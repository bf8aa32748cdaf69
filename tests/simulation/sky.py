"""The Internet of `tests.delivery.internet` with the real search for TLS policies, and workers that can be killed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import (
    IDelayedCall,
    IOpenSSLClientConnectionCreator,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.task import Clock
from zope.interface import implementer

from mailframe.delivery.protection.combined import TLSPolicies
from mailframe.delivery.protection.options import TLSPolicyOptions
from mailframe.delivery.protection.overrides import Overrides
from mailframe.delivery.remote import RemoteDelivery
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.delivery.shaping_options import ShapingOptions
from mailframe.testing.smtp_server import ScriptedServer
from mailframe.testing.wires import MemoryEndpoint, PretendedContexts, PretendedCreator, Wire
from mailframe.tls.policies import ClientPolicy, Level, TLSSession
from tests.delivery.internet import Internet

START = 1_700_000_000.0


class Certificates(PretendedContexts):
    """Look at the certificates of hosts as a policy demands.

    Attributes:
        certificates: what a host shows that does not show its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.certificates: dict[str, bytes] = {}

    def creator(self, policy: ClientPolicy, host: str) -> IOpenSSLClientConnectionCreator:
        """For one connection: it is refused where the certificate is not what is wanted."""
        made = PretendedCreator(policy, host)
        shown = self.certificates.get(host, host.encode())
        if policy.level is Level.DANE:
            digest = hashlib.sha256(shown).digest()
            if all(record.association != digest for record in policy.tlsa):
                made.refused = "the certificate is not that of the TLSA records"
        elif policy.level is Level.VERIFY and shown.decode() not in policy.names:
            made.refused = "the certificate is for somebody else"
        return made


class Noted:
    """What is told about TLS sessions."""

    def __init__(self) -> None:
        self.sessions: list[TLSSession] = []

    def note(self, session: TLSSession) -> None:
        """As `ITLSReports.note`."""
        self.sessions.append(session)


@implementer(IReactorTime)
class WorkerClock:
    """The time as one worker has it, until it dies.

    Args:
        clock: everybody's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: set[IDelayedCall] = set()
        self.dead = False

    def seconds(self) -> float:
        """The time."""
        return self._clock.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: Any, **values: Any
    ) -> IDelayedCall:
        """Call, unless it dies before."""

        def call() -> None:
            if not self.dead:
                callable(*args, **values)

        return self._clock.callLater(delay, call)  # type: ignore[no-any-return]

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """All calls."""
        return self._clock.getDelayedCalls()  # type: ignore[no-any-return]


class Sky(Internet):
    """Names, hosts and TLS policies."""

    contexts: Certificates

    def __init__(self) -> None:
        super().__init__()
        self.clock.advance(START)
        self.contexts = Certificates()
        self.reports = Noted()
        self.verified: set[str] = set()

    def settle_in(self, name: str, server: ScriptedServer) -> None:
        """A server gets a name and an address."""
        address = f"198.51.100.{next(self.numbers)}"
        self.endpoints[address] = MemoryEndpoint(self.clock, server)
        self.addresses[name] = [address]
        self.names.zones.host(name, address)

    def up(self, name: str, server: ScriptedServer) -> None:
        """It listens again."""
        for address in self.addresses[name]:
            self.endpoints[address].server, self.endpoints[address].silent = server, False

    def way_out(
        self, clock: WorkerClock, wires: list[Wire], shaping: Sequence[ShapingOptions], seed: int
    ) -> RemoteDelivery:
        """The delivery of one worker; its connections are noted."""
        rules = [TLSPolicyOptions(domains=[domain], level="verify") for domain in sorted(self.verified)]

        def endpoint(address: str, port: int, source: str | None) -> IStreamClientEndpoint:
            found = self.endpoints.get(address)
            return _Wired(found or MemoryEndpoint(self.clock, None), wires)

        return RemoteDelivery(
            clock,
            self.names,
            TLSPolicies(self.names, Overrides(rules), reports=self.reports),
            RemoteOptions(hostname="out.home.test"),
            contexts=self.contexts,
            tallies=self.tallies,
            shaping=shaping,
            reports=self.reports,
            own_addresses=("203.0.113.99",),
            endpoint=endpoint,
            chance=random.Random(seed),
        )


@implementer(IStreamClientEndpoint)
class _Wired:
    """Notes the wires of its worker."""

    def __init__(self, endpoint: MemoryEndpoint, wires: list[Wire]) -> None:
        self._endpoint = endpoint
        self._wires = wires

    def connect(self, factory: Any) -> Any:
        """One connection."""
        before = len(self._endpoint.wires)
        result = self._endpoint.connect(factory)
        self._wires += self._endpoint.wires[before:]
        return result
