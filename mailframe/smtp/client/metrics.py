"""Figures of the SMTP and LMTP clients."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge, histogram

_connections = counter(
    "smtp_client_connections", "Connections that we made or tried to make", ("protocol", "outcome")
)
_open = gauge("smtp_client_open_connections", "Connections to servers open now", ("protocol",))
_tls = counter("smtp_client_tls", "Connections to servers by how they were protected", ("protocol", "kind"))
_recipients = counter("smtp_client_recipients", "Recipients by what servers did", ("protocol", "outcome"))
_seconds = histogram("smtp_client_transaction_seconds", "From MAIL to the last reply", ("protocol",))


class Metrics:
    """The figures of one protocol, labels bound.

    Args:
        protocol: ``smtp`` or ``lmtp``.
    """

    def __init__(self, protocol: str) -> None:
        self.connected = _connections.labels(protocol, "connected")
        self.failed = _connections.labels(protocol, "failed")
        self.reused = _connections.labels(protocol, "reused")
        self.open = _open.labels(protocol)
        self.clear = _tls.labels(protocol, "clear")
        self.encrypted = _tls.labels(protocol, "encrypted")
        self.verified = _tls.labels(protocol, "verified")
        self.accepted = _recipients.labels(protocol, "accepted")
        self.deferred = _recipients.labels(protocol, "deferred")
        self.refused = _recipients.labels(protocol, "refused")
        self.seconds = _seconds.labels(protocol)


METRICS = {"smtp": Metrics("smtp"), "lmtp": Metrics("lmtp")}
"""By protocol; shared by all clients of a process."""
