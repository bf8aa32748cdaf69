"""Looks now and then whether the hosts of stores answer, so that nobody waits for one that does not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mailframe.location.values import Host, Store
from mailframe.message.status import MailframeError

from . import metrics
from .connecting import Connecting
from .hosts import Hosts

AT_ONCE: Final = 8
"""Hosts that are looked at at the same time."""
_GREETINGS: Final = {
    "imap": (b"* OK",),
    "pop3": (b"+OK",),
    "submission": (b"220",),
    "managesieve": (b'"', b"OK"),
}
"""How the first line of a server that is well begins."""
_FAREWELLS: Final = {"imap": b"p LOGOUT\r\n", "managesieve": b"LOGOUT\r\n"}

log = Logger()


class HostChecks:
    """Looks at every host, one after the other, and tells `Hosts`.

    Args:
        clock: the reactor.
        stores: all of them.
        protocol: what they are asked by: ``imap``, ...
        connecting: connects.
        hosts: is told.
        interval: seconds from one look at a host to the next.
    """

    def __init__(
        self,
        clock: Any,
        stores: Sequence[Store],
        protocol: str,
        connecting: Connecting,
        hosts: Hosts,
        interval: float,
    ) -> None:
        self._clock = clock
        self._waiting = [(store, host) for store in stores for host in store.hosts]
        self._protocol = protocol
        self._connecting = connecting
        self._hosts = hosts
        self._interval = interval
        self._calls: set[IDelayedCall] = set()
        self._looks: set[Deferred[None]] = set()
        self._running = False

    def start(self) -> None:
        """Begin; safe to call twice."""
        if self._running:
            return
        self._running = True
        # Spread over the interval, so that neither we nor the stores have much to do at a time.
        for store, host in self._waiting:
            self._later(random.random() * self._interval, store, host)

    def stop(self) -> None:
        """End it."""
        self._running = False
        for call in list(self._calls):
            call.cancel()
        self._calls.clear()
        for look in list(self._looks):
            look.cancel()

    def _later(self, seconds: float, store: Store, host: Host) -> None:
        def due() -> None:
            self._calls.discard(call)
            if len(self._looks) >= AT_ONCE:
                self._later(self._interval / 10, store, host)
                return
            look = ensureDeferred(self._look(store, host))
            self._looks.add(look)
            look.addErrback(self._broken)
            look.addBoth(lambda _: self._looked(look, store, host))

        call = self._clock.callLater(seconds, due)
        self._calls.add(call)

    def _looked(self, look: Deferred[None], store: Store, host: Host) -> None:
        self._looks.discard(look)
        if self._running:
            self._later(self._interval * random.uniform(0.9, 1.1), store, host)

    async def _look(self, store: Store, host: Host) -> None:
        was = self._hosts.is_down(store, host)
        try:
            backend = await self._connecting.connect(store, host, self._protocol, None)
            try:
                greeting = await backend.line()
                if not greeting.startswith(_GREETINGS[self._protocol]):
                    raise backend.failed(f"it greets with {greeting[:80]!r}")
                backend.send(_FAREWELLS.get(self._protocol, b"QUIT\r\n"))
            finally:
                backend.leave()
        except MailframeError as error:
            self._hosts.looked(store, host, False)
            if not was:
                log.warn(
                    "{host} of {store} does not answer: {reason}",
                    host=host.name, store=store.name, reason=error.reason,
                )  # fmt: skip
        else:
            self._hosts.looked(store, host, True)
            if was:
                log.info("{host} of {store} answers again", host=host.name, store=store.name)
        metrics.host_up.labels(store.name, host.name).set(not self._hosts.is_down(store, host))

    def _broken(self, failure: Any) -> None:
        if self._running:
            log.failure("a look at a store's host failed", failure)
