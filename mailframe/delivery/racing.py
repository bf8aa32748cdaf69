"""Connecting to whichever address of a host answers first, in the shape of RFC 8305 ("happy eyeballs").

Addresses are tried in order, each a little later than the one before, or at once when that one has failed. The first
connection that comes about wins, and the others are given up. So an address that swallows packets costs a quarter of
a second instead of a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectBindError, ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import ClientFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from .metrics import RACES

EndpointOf = Callable[[str], IStreamClientEndpoint]
"""Makes what connects to an IP address."""


@implementer(IStreamClientEndpoint)
class Race:
    """Connects to one of several addresses.

    Args:
        clock: for the delay.
        addresses: IP addresses in order, each once.
        endpoint: connects to each; asked for none before its turn.
        delay: seconds until the next one is tried beside those that have not answered.
        failed: is told the address of each that did not answer.

    Attributes:
        won: the address of the connection that came about last; None where none did.
    """

    def __init__(
        self,
        clock: IReactorTime,
        addresses: Sequence[str],
        endpoint: EndpointOf,
        delay: float,
        failed: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._addresses = tuple(addresses)
        self._endpoint = endpoint
        self._delay = delay
        self._failed = failed
        self.won: str | None = None

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """A connection; cancelled, all ways that did not answer yet count as failed.

        A second connection (in clear, after TLS that failed) goes to the address of the first one.
        """
        addresses = sorted(self._addresses, key=lambda address: address != self.won)
        self.won = None
        return _Run(self, addresses, protocolFactory).start()

    # A run asks for these.

    def later(self, call: Callable[[], None]) -> IDelayedCall:
        """Call when the next address has its turn."""
        return self._clock.callLater(self._delay, call)

    def endpoint(self, address: str) -> IStreamClientEndpoint:
        """What connects there."""
        return self._endpoint(address)

    def note_won(self, address: str) -> None:
        """It answered first."""
        self.won = address
        RACES.labels("ipv6" if ":" in address else "ipv4").inc()

    def note_failed(self, address: str) -> None:
        """It did not answer."""
        self._failed(address)


class _Run:
    """One race for one connection."""

    def __init__(self, race: Race, addresses: Sequence[str], factory: IProtocolFactory) -> None:
        self._race = race
        self._left = deque(addresses)
        self._factory = factory
        self._trying: dict[str, Deferred[IProtocol]] = {}
        self._alarm: IDelayedCall | None = None
        self._last = Failure(ConnectError(string="there is no address"))
        self._over = False
        self._result: Deferred[IProtocol] = Deferred(self._cancelled)

    def start(self) -> Deferred[IProtocol]:
        self._next()
        return self._result

    def build(self, address: IAddress | None) -> IProtocol | None:
        """The protocol, for one connection only."""
        return None if self._over else self._factory.buildProtocol(address)  # type: ignore[arg-type]

    def _next(self) -> None:
        self._disarm()
        if self._over:
            return
        if not self._left:
            if not self._trying:
                self._end()
                self._result.errback(self._last)
            return
        address = self._left.popleft()
        if self._left:
            self._alarm = self._race.later(self._next)
        trying = self._race.endpoint(address).connect(_Factory(self))
        self._trying[address] = trying
        trying.addCallbacks(self._connected, self._lost, callbackArgs=(address,), errbackArgs=(address,))

    def _connected(self, protocol: IProtocol, address: str) -> None:
        self._trying.pop(address, None)
        self._end()
        self._race.note_won(address)
        self._result.callback(protocol)

    def _lost(self, failure: Failure, address: str) -> None:
        self._trying.pop(address, None)
        if not self._over:
            self._last = failure
            # That an address of ours cannot be used says nothing of the host.
            if not failure.check(ConnectBindError):
                self._race.note_failed(address)
            self._next()

    def _cancelled(self, _: Deferred[IProtocol]) -> None:
        for address in self._trying:
            self._race.note_failed(address)
        self._end()

    def _end(self) -> None:
        """Give up all that did not answer; none of it may win any more."""
        self._over = True
        self._disarm()
        trying, self._trying = self._trying, {}
        for deferred in trying.values():
            deferred.cancel()

    def _disarm(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None and alarm.active():
            alarm.cancel()


class _Factory(ClientFactory):
    """Lets only one connection have the protocol."""

    noisy = False

    def __init__(self, run: _Run) -> None:
        self._run = run

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        return self._run.build(addr)
