"""Figures of the ingest log."""

from __future__ import annotations

from mailframe.monitor.counters import counter

MESSAGES = counter("store_ingest_messages", "Messages copied into the ingest log")
OCTETS = counter("store_ingest_octets", "Octets of messages copied into the ingest log")
FAILED = counter(
    "store_ingest_failed", "Messages that were accepted and could not be copied into the ingest log"
)
EXPIRED = counter("store_ingest_expired_files", "Files of the ingest log that were removed for their age")
