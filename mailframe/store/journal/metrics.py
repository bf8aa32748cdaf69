"""Figures of the delivery journal."""

from __future__ import annotations

from mailframe.monitor.counters import histogram

JOURNAL_SECONDS = histogram(
    "store_journal_seconds", "Seconds that writing a group into the delivery journal took"
)
CHECKPOINT_SECONDS = histogram("store_checkpoint_seconds", "Seconds that flushing journalled files took")
