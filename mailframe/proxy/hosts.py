"""Which host of a store to try: those that answered, before those that did not a moment ago."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from mailframe.location.values import Host, Store

AVOID = 10.0
"""Seconds for which a host that failed is tried last."""
REMEMBERED = 1000
"""Hosts that are remembered."""


class Hosts:
    """Remembers failures, for one worker.

    Args:
        clock: the time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._failed: dict[tuple[str, str], float] = {}

    def order(self, store: Store) -> Sequence[Host]:
        """A store's hosts, the one to try first in front."""
        now = self._clock.seconds()
        if not self._failed:
            return store.hosts
        return sorted(
            store.hosts, key=lambda host: self._failed.get((store.name, host.name), -AVOID) + AVOID > now
        )

    def failed(self, store: Store, host: Host) -> None:
        """A host did not answer."""
        if len(self._failed) >= REMEMBERED:
            self._failed.clear()
        self._failed[store.name, host.name] = self._clock.seconds()

    def answered(self, store: Store, host: Host) -> None:
        """It did."""
        if self._failed:
            self._failed.pop((store.name, host.name), None)

    def down(self, stores: Sequence[Store]) -> Sequence[str]:
        """Stores none of whose hosts answered last, by name."""
        return [
            store.name
            for store in stores
            if all((store.name, host.name) in self._failed for host in store.hosts)
        ]
