"""Figures of the mbox store."""

from __future__ import annotations

from mailframe.monitor.counters import counter, histogram

LOCK_SECONDS = histogram("store_mbox_lock_seconds", "Seconds until an mbox file was locked")
LOCKED = counter("store_mbox_locked", "Mbox files that another program did not let go of in time")
REWRITE_SECONDS = histogram(
    "store_mbox_rewrite_seconds", "Seconds that writing removals, UIDs and flags into an mbox file took"
)
READ_WHOLE = counter("store_mbox_read_whole", "Mbox files that had to be read from their start")
