"""Figures of all workers, living and dead, as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailframe.monitor.aggregate import Family, add_up, collect, lasting
from mailframe.monitor.counters import REGISTRY


def take() -> list[Family]:
    """This process's figures, as JSON can carry them."""
    return collect(REGISTRY)


def readable(families: Iterable[Family]) -> dict[str, float]:
    """Counters and gauges by name and labels, without what is zero: for people, who want no buckets."""
    found: dict[str, float] = {}
    for family in families:
        if family["type"] not in ("counter", "gauge"):
            continue
        for name, labels, value in family["samples"]:
            words = ",".join(text for _, text in labels)
            if value:
                found[f"{name}{{{words}}}" if words else name] = value
    return found


class Tally:
    """Adds up what workers said last, and keeps what the dead had counted, so that no sum ever falls.

    A worker that is killed takes with it what it counted since it was asked last; one that ends in order says its
    last figures itself.
    """

    def __init__(self) -> None:
        self._living: dict[int, Sequence[Family]] = {}
        self._dead: list[Family] = []

    def heard(self, worker: int, figures: Sequence[Family]) -> None:
        """What a worker, by process id, counts now."""
        self._living[worker] = figures

    def buried(self, worker: int, farewell: Sequence[Family] | None) -> None:
        """A worker ended, perhaps with last words."""
        last = farewell or self._living.get(worker)
        self._living.pop(worker, None)
        if last:
            self._dead = add_up([self._dead, lasting(last)])

    def total(self, own: Sequence[Family] = ()) -> list[Family]:
        """All together, with the figures of this process itself."""
        return add_up([self._dead, *self._living.values(), own])
