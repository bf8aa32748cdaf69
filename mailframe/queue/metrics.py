"""Figures of mail in the queue."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge, histogram

from .values import Usage

HELD = counter("queue_held", "Messages that were accepted and held")
ACCEPTED = counter("queue_messages", "Messages that were taken into the queue", ("how",))
AT_ONCE = ACCEPTED.labels("at once")
"""Attempted from memory as they came."""
LATER = ACCEPTED.labels("later")
"""All recipients wait in the spool."""
REFUSED = counter("queue_refused", "Messages that were not taken for want of room")
_outcomes = counter("queue_attempts", "What attempts came to, by recipient", ("outcome",))
OUTCOMES = {
    outcome: _outcomes.labels(outcome)
    for outcome in ("delivered", "deferred", "failed", "limited", "unreachable")
}
"""By outcome; ``limited``: by a limit of our own, no host was asked; ``unreachable``: no host answered."""
NOTICES = counter("queue_notices", "Notifications to senders")
CLOSINGS = counter("queue_closings", "How often a destination was closed because nobody answered there")
LEASES_LOST = counter("queue_leases_lost", "Leases that were lost, so that others took over the work")
DELAY = histogram(
    "queue_delay_seconds",
    "Time from a message's arrival to its delivery, by recipient",
    buckets=(0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0, 86400.0, 432000.0),
)
IN_HAND = gauge("queue_in_hand", "Messages that workers have in hand to deliver")
MESSAGES = gauge("queue_messages_kept", "Messages in the queue")
OCTETS = gauge("queue_octets_kept", "Octets of their content")
OLDEST = gauge("queue_oldest_seconds", "Age of the oldest message in the queue")
_recipients = gauge("queue_recipients", "Recipients in the queue", ("state",))
RECIPIENTS = {state: _recipients.labels(state) for state in ("due", "leased", "held")}
"""By state."""
CLOSED = gauge("queue_destinations_closed", "Destinations that nothing is attempted for now")


def show(usage: Usage, closed: int, now: float) -> None:
    """Publish how full the queue is.

    Args:
        usage: of the spool.
        closed: destinations that are closed.
        now: the time.
    """
    MESSAGES.set(usage.messages)
    OCTETS.set(usage.octets)
    OLDEST.set(0.0 if usage.oldest is None else max(0.0, now - usage.oldest))
    CLOSED.set(closed)
    for name, gauge_of_state in RECIPIENTS.items():
        gauge_of_state.set(
            sum(count for (_, state), count in usage.recipients.items() if state.value == name)
        )
