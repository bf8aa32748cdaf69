"""Figures of mail that is held."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge

HELD = counter("queue_held", "Messages that were accepted and held")
NO_ROOM = counter("queue_held_no_room", "Messages that were not held for want of room")
_attempts = counter("queue_release_attempts", "Deliveries of released messages", ("outcome",))
_waiting = gauge(
    "queue_held_messages", "Messages that are kept, counted by the worker that releases them", ("state",)
)

ATTEMPTS = {outcome: _attempts.labels(outcome) for outcome in ("delivered", "deferred", "failed")}
"""By outcome: ``failed`` for one recipient at least, ``deferred`` where nobody failed and somebody waits."""
WAITING = {state: _waiting.labels(state) for state in ("held", "released", "sending", "failed")}
"""By state."""
