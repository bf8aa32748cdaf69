"""Counters and histograms, by prometheus names with units, in one registry a process.

Every room has a module ``metrics`` that makes its own here, with labels bound once: counting must cost less than
a microsecond. Names are ``mailframe_<room>_<what>_<unit>``; label values come from small fixed sets, never from a
peer. Figures of several workers are added up by `mailframe.monitor.aggregate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry(auto_describe=True)
"""This process's figures."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
OCTETS = (1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 64e6)


@dataclass(frozen=True, slots=True)
class Declared:
    """What was said of a figure when it was made; the documentation lists these.

    Attributes:
        name: as Prometheus sees it.
        kind: ``counter``, ``gauge`` or ``histogram``.
        text: what it is, for people.
        labels: names of its labels.
    """

    name: str
    kind: str
    text: str
    labels: Sequence[str]


DECLARED: list[Declared] = []
"""All figures of this process, as the rooms were imported."""


def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    """A figure that only grows; ``name`` without its ``_total``."""
    DECLARED.append(Declared(f"mailframe_{name}_total", "counter", text, labels))
    return Counter(f"mailframe_{name}", text, labels, registry=REGISTRY)


def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    """A figure that goes up and down; workers' gauges are added."""
    DECLARED.append(Declared(f"mailframe_{name}", "gauge", text, labels))
    return Gauge(f"mailframe_{name}", text, labels, registry=REGISTRY)


def histogram(
    name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS
) -> Histogram:
    """A distribution; the unit is the name's last word."""
    DECLARED.append(Declared(f"mailframe_{name}", "histogram", text, labels))
    return Histogram(f"mailframe_{name}", text, labels, registry=REGISTRY, buckets=buckets)
