"""Figures of lookups and logins."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge, histogram

LOOKUPS = counter("directory_lookups", "Questions to the directory", ["answer"])
LOOKUP_CACHED = LOOKUPS.labels("cached")
LOOKUP_ASKED = LOOKUPS.labels("asked")
LOOKUP_FAILED = LOOKUPS.labels("failed")

CACHE = counter(
    "directory_cache_answers", "Answers of the directory cache, by where they are from", ["answer"]
)
CACHE_FRESH = CACHE.labels("fresh")
CACHE_STALE = CACHE.labels("stale")
CACHE_SOURCE = CACHE.labels("source")

COPY_LOOKUPS = counter("directory_copy_lookups", "Questions answered from the local copy of the directory")
COPY_CHANGES = counter("directory_copy_changes", "Entries that were changed in the local copy")
COPY_AGE = gauge("directory_copy_age_seconds", "How long the local copy was not level with its source")

LOGINS = counter("directory_logins", "Logins by outcome", ["outcome"])
LOGIN_OUTCOMES = {
    outcome: LOGINS.labels(outcome) for outcome in ("success", "remembered", "failure", "busy", "fault")
}

HASH_SECONDS = histogram("directory_hash_seconds", "Time to check one password, without waiting")
HASH_WAITING = gauge("directory_hash_waiting", "Logins that are hashed or wait for it")
