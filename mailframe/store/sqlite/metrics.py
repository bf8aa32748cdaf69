"""Figures of the SQLite store."""

from __future__ import annotations

from mailframe.monitor.counters import counter

SWEPT_OCTETS = counter(
    "store_swept_octets",
    "Octets of removed messages that were taken out of accounts' files in the background",
)
SHRUNK_PAGES = counter("store_shrunk_pages", "Free pages of accounts' files that were given back")
