"""Figures of the SMTP and LMTP servers."""

from __future__ import annotations

from mailframe.monitor.counters import OCTETS, counter, gauge, histogram

_connections = counter("smtp_connections", "Connections accepted or turned away", ("protocol", "outcome"))
_open = gauge("smtp_open_connections", "Connections open now", ("protocol",))
_messages = counter("smtp_messages", "Messages answered at the end of their data", ("protocol", "outcome"))
_recipients = counter("smtp_recipients", "Answers to RCPT", ("protocol", "outcome"))
_logins = counter("smtp_logins", "Answers to AUTH", ("protocol", "outcome"))
_limited = counter(
    "smtp_limited",
    "Commands refused, held back or answered by the end because of a limit",
    ("protocol", "limit"),
)
_seconds = histogram("smtp_delivery_seconds", "From the end of data to its answer", ("protocol",))
_octets = histogram("smtp_message_octets", "Sizes of the messages accepted", ("protocol",), OCTETS)

LIMITS = (
    "commands",
    "errors",
    "idle_commands",
    "messages",
    "recipients",
    "refused_recipients",
    "refused_recipients_an_hour",
    "tarpit",
)
"""What `mailframe.smtp.throttle` limits."""


class Metrics:
    """The figures of one protocol, labels bound.

    Args:
        protocol: ``smtp`` or ``lmtp``.
    """

    def __init__(self, protocol: str) -> None:
        self.accepted = _connections.labels(protocol, "accepted")
        self.turned_away = _connections.labels(protocol, "turned_away")
        self.open = _open.labels(protocol)
        self.messages_accepted = _messages.labels(protocol, "accepted")
        self.messages_deferred = _messages.labels(protocol, "deferred")
        self.messages_refused = _messages.labels(protocol, "refused")
        self.recipients_accepted = _recipients.labels(protocol, "accepted")
        self.recipients_refused = _recipients.labels(protocol, "refused")
        self.logins = _logins.labels(protocol, "succeeded")
        self.logins_failed = _logins.labels(protocol, "failed")
        self.limited = {limit: _limited.labels(protocol, limit) for limit in LIMITS}
        self.delivery_seconds = _seconds.labels(protocol)
        self.message_octets = _octets.labels(protocol)


METRICS = {"smtp": Metrics("smtp"), "lmtp": Metrics("lmtp")}
"""By protocol; shared by all listeners of a process."""
