"""Figures of policies."""

from __future__ import annotations

from mailframe.monitor.counters import counter

_senders = counter(
    "policy_senders", "Sender addresses that do not belong to who sent from them", ("place", "outcome")
)
_limits = counter("policy_sending_limits", "Messages over a user's sending limit", ("outcome",))

FOREIGN_SENDERS = {
    (place, outcome): _senders.labels(place, outcome)
    for place in ("envelope", "header")
    for outcome in ("refused", "taken")
}
"""By where the address stood and what became of it."""
OVER_LIMIT = {outcome: _limits.labels(outcome) for outcome in ("held", "refused")}
"""By what became of the message."""
