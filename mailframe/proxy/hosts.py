"""Which host of a store to try: those that answered, before those that did not."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from mailframe.location.values import Host, Store

AVOID = 10.0
"""Seconds for which a host that failed is tried last, where nobody looks at hosts meanwhile."""
REMEMBERED = 1000
"""Hosts that are remembered."""


class Hosts:
    """Remembers failures, for one worker.

    Args:
        clock: the time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}

    def order(self, store: Store) -> Sequence[Host]:
        """A store's hosts, the one to try first in front."""
        if not self._until:
            return store.hosts
        now = self._clock.seconds()
        return sorted(store.hosts, key=lambda host: self._until.get((store.name, host.name), now) > now)

    def failed(self, store: Store, host: Host) -> None:
        """A host did not answer somebody who wanted in."""
        until = self._clock.seconds() + AVOID
        self._note(store, host, max(until, self._until.get((store.name, host.name), until)))

    def answered(self, store: Store, host: Host) -> None:
        """It did."""
        if self._until:
            self._until.pop((store.name, host.name), None)

    def looked(self, store: Store, host: Host, well: bool) -> None:
        """Somebody looked at it: what was seen counts until the next look."""
        if well:
            self.answered(store, host)
        else:
            self._note(store, host, float("inf"))

    def is_down(self, store: Store, host: Host) -> bool:
        """Did it not answer last?"""
        return (store.name, host.name) in self._until

    def down(self, stores: Sequence[Store]) -> Sequence[str]:
        """Stores none of whose hosts answered last, by name."""
        return [store.name for store in stores if all(self.is_down(store, host) for host in store.hosts)]

    def _note(self, store: Store, host: Host, until: float) -> None:
        if len(self._until) >= REMEMBERED:
            self._until.clear()
        self._until[store.name, host.name] = until
