"""Figures of the Maildir store."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge

WATCHED = gauge("store_maildir_watched", "Mailboxes whose changes by other programs the system tells of")
VISITS = counter(
    "store_maildir_visits", "Looks at mailboxes for changes by other programs, besides sessions' own"
)
