"""Figures of routing."""

from __future__ import annotations

from mailframe.monitor.counters import counter

CAUGHT = counter(
    "routing_caught",
    "Recipients that nobody has, by what became of them: taken, over the budget, or refused as dead",
    ("outcome",),
)
