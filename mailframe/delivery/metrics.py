"""Figures of deliveries."""

from __future__ import annotations

from mailframe.monitor.counters import counter

ATTEMPTS = counter("delivery_attempts", "Recipients by what an attempt came to", ("way", "outcome"))
LIMITED = counter("delivery_limited", "Attempts that a limit of our own put off", ("limit",))
FORWARDED = counter(
    "delivery_forwarded",
    "Messages of accounts that forward theirs: forwarded, deferred, or kept because they could not be",
    ("outcome",),
)
RACES = counter("delivery_races", "Connections by the family of the address that answered first", ("family",))
