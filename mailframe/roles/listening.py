"""Doors: a listener with a protocol behind it, that knows who is inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.dialogue.fronted import HEADER_TIME, FrontedFactory
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.dialogue.proxy_header import HEADER_LIMIT
from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.message.networks import Networks
from mailframe.monitor.health import Check, Health, Problem
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.tls.interfaces import IServerContexts
from mailframe.tls.server import wrap

from .interfaces import IRole, Question

LAST_WORDS = 1.0
"""Seconds a peer has to take our goodbye at a stop: one that has gone to sleep must not keep us."""

log = Logger()


@dataclass(frozen=True)
class Front:
    """The balancers in front of a listener, which tell by PROXY headers who the client is.

    Attributes:
        networks: who may send headers.
        timeout: seconds until a header has to be there.
        header_limit: octets it may have.
        trusts_tls: does TLS that ended at one of them count for logins?
    """

    networks: Networks
    timeout: float = HEADER_TIME
    header_limit: int = HEADER_LIMIT
    trusts_tls: bool = False


@dataclass(frozen=True)
class Listener:
    """Where a role listens.

    Attributes:
        endpoint: opens the socket, or has it.
        implicit_tls: TLS begins with the connection.
        address: as people wrote it, for the log.
        front: balancers in front of it; None for clients that connect themselves.
    """

    endpoint: IStreamServerEndpoint
    implicit_tls: bool = False
    address: str = ""
    front: Front | None = None


@implementer(IProtocolFactory)
class Guests:
    """A factory around another: knows the protocols whose connections stand.

    Args:
        factory: makes them.
    """

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory
        self.inside: set[IProtocol] = set()

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:
        """A protocol of the other factory."""
        protocol: Any = self._factory.buildProtocol(addr)  # type: ignore[arg-type]
        if protocol is None:
            return None
        lost = protocol.connectionLost

        def connection_lost(reason: Failure) -> None:
            self.inside.discard(protocol)
            lost(reason)

        # On the object, not around it: a wrapper would stand in the way of each octet, and of STARTTLS.
        protocol.connectionLost = connection_lost
        self.inside.add(protocol)
        return protocol  # type: ignore[no-any-return]

    def doStart(self) -> None:
        """A port listens."""
        self._factory.doStart()

    def doStop(self) -> None:
        """A port is closed."""
        self._factory.doStop()


@implementer(IRole)
class ListeningRole(Service):
    """What all roles have in common: listeners, sessions, health.

    Args:
        name: the role's name, for logs.
        clock: the reactor.
        collaborators: started before it listens, in this order, where they have a ``start``.
        tls: certificates, for listeners with implicit TLS; those are left out without it.
        tallies: count for limits; of this process alone by default.
    """

    def __init__(
        self,
        name: str,
        clock: IReactorTime,
        collaborators: Sequence[object],
        tls: IServerContexts | None,
        tallies: ITallies | None = None,
    ) -> None:
        self.setName(name)  # type: ignore[no-untyped-call]
        self._clock = clock
        self._collaborators = collaborators
        self._tls = tls
        self._tallies: ITallies = tallies if tallies is not None else MemoryTallies(clock)
        self._doors: list[tuple[Listener, Guests]] = []
        self._fronts: list[FrontedFactory] = []
        self._ports: list[IListeningPort] = []
        self._started: Deferred[None] | None = None
        self._leaving: WeakKeyDictionary[IProtocol, float] = WeakKeyDictionary()
        self._health = Health(clock)

    def open_doors(self, listeners: Iterable[Listener], factory: Callable[[bool], IProtocolFactory]) -> None:
        """Listen there once started.

        Args:
            listeners: where.
            factory: makes the protocol's factory, told whether TLS is implicit.
        """
        for listener in listeners:
            if listener.implicit_tls and self._tls is None:
                raise ValueError(f"{self.name} cannot listen on {listener.address} without certificates")
            self._doors.append((listener, Guests(factory(listener.implicit_tls))))

    def open_smtp_doors(
        self, listeners: Iterable[Listener], reception: Reception, settings: SMTPSettings
    ) -> None:
        """Listen there for SMTP or LMTP once started; STARTTLS where TLS is not there from the start.

        Args:
            listeners: where.
            reception: what is asked about mail.
            settings: of the protocol.
        """
        self.open_doors(
            listeners,
            lambda implicit: SMTPServerFactory(
                reception,
                settings,
                self._clock,
                None if implicit else self._tls,
                implicit_tls=implicit,
                tallies=self._tallies,
            ),
        )

    def add_health_check(self, name: str, check: Check, fatal: bool = True) -> None:
        """Ask this as well when somebody asks how it is; what is not ``fatal`` is told and sends nobody elsewhere."""
        self._health.add(name, check, fatal=fatal)

    # IService.

    def startService(self) -> None:
        """Start collaborators, then listen."""
        super().startService()  # type: ignore[no-untyped-call]
        self._started = Deferred.fromCoroutine(self._begin())
        # Whoever waits in `ready` is told; nobody else would be.
        self._started.addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """Listen no more and cut all connections."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._end())

    # IRole.

    async def ready(self) -> None:
        """Wait until it listens (see `IRole.ready`)."""
        assert self._started is not None, "not started"
        waiter: Deferred[None] = Deferred()
        self._started.addBoth(_tell, waiter)
        await waiter

    async def drain(self) -> None:
        """Listen no more."""
        ports, self._ports = self._ports, []
        await gatherResults([maybeDeferred(port.stopListening) for port in ports])

    def sessions(self) -> int:
        """How many connections it has, those whose PROXY header is still to come among them."""
        waiting = sum(len(front.waiting) for front in self._fronts)
        return waiting + sum(len(guests.inside) for _, guests in self._doors)

    def finish(self) -> None:
        """End sessions that are between transactions."""
        self._close_fronts()
        now = self._clock.seconds()
        for protocol in self._protocols():
            if not isinstance(protocol, DialogueProtocol) or not protocol.finish():
                continue
            if now - self._leaving.setdefault(protocol, now) > LAST_WORDS:
                protocol.abort()

    def questions(self) -> Mapping[str, Question]:
        """What it can be asked (see `IRole.questions`): nothing, unless a role has something to say."""
        return {}

    def end(self, account: str, abort: bool = False) -> int:
        """End the sessions of an account (see `IRole.end`)."""
        own = [p for p in self._protocols() if isinstance(p, DialogueProtocol) and p.owner() == account]
        for protocol in own:
            if abort:
                protocol.abort()
            else:
                protocol.finish()
        return len(own)

    async def health(self) -> Sequence[Problem]:
        """What is wrong (see `IRole.health`)."""
        return await self._health.problems()

    def _protocols(self) -> Sequence[IProtocol]:
        return [protocol for _, guests in self._doors for protocol in guests.inside]

    async def _begin(self) -> None:
        for collaborator in self._collaborators:
            start = getattr(collaborator, "start", None)
            if start is not None:
                await start()
        try:
            for listener, guests in self._doors:
                self._ports.append(await listener.endpoint.listen(self._dressed(listener, guests)))
        except BaseException:
            await self.drain()
            raise
        for listener, _ in self._doors:
            log.debug("{role} listens on {address}", role=self.name, address=listener.address)

    def _dressed(self, listener: Listener, guests: Guests) -> IProtocolFactory:
        dressed: IProtocolFactory = guests
        if listener.implicit_tls:
            assert self._tls is not None
            dressed = wrap(guests, self._tls, self._clock)
        if listener.front is not None:
            # Outermost: the header comes in clear, before TLS.
            front = listener.front
            dressed = FrontedFactory(
                dressed, front.networks, self._clock, front.timeout, front.header_limit, front.trusts_tls
            )
            self._fronts.append(dressed)
        return dressed

    def _close_fronts(self) -> None:
        for front in self._fronts:
            for waiting in list(front.waiting):
                waiting.abort()

    def _failed(self, failure: Failure) -> Failure:
        log.error("{role} cannot start: {reason}", role=self.name, reason=failure.getErrorMessage())
        return failure

    async def _end(self) -> None:
        await self.drain()
        self._close_fronts()
        for protocol in self._protocols():
            transport: Any = getattr(protocol, "transport", None)
            if transport is not None:
                transport.abortConnection()


def _tell(result: Any, waiter: Deferred[None]) -> Any:
    if isinstance(result, Failure):
        waiter.errback(result)
        return None
    waiter.callback(None)
    return result
