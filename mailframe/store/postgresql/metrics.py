"""Figures of the PostgreSQL store."""

from __future__ import annotations

from mailframe.monitor.counters import counter

SWEPT_CONTENTS = counter(
    "store_swept_contents", "Contents that no message had any more and that were removed from the database"
)
ORPHANS = counter(
    "store_orphaned_contents",
    "Contents that no message had and of which no removal was noted: left by processes that were killed",
)
HEARD_HINTS = counter("store_heard_hints", "Changes that other nodes or workers told of")
