"""Figures of TLS."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge

_handshakes = counter("tls_handshakes", "Handshakes as a server, by what came of them", ("outcome",))

DONE = {version: _handshakes.labels(version) for version in ("TLSv1.2", "TLSv1.3")}
DONE_OTHERWISE = _handshakes.labels("other")
FAILED = _handshakes.labels("failed")
GONE = _handshakes.labels("gone")

_client_handshakes = counter(
    "tls_client_handshakes", "Handshakes as a client, by what came of them", ("outcome",)
)

CLIENT_DONE = _client_handshakes.labels("done")
CLIENT_REFUSED = _client_handshakes.labels("refused")

CERTIFICATES_LOADED = counter("tls_certificate_loads", "Times that certificates were read anew while running")
CERTIFICATES_REFUSED = counter(
    "tls_certificate_refusals", "Times that certificates were written anew which cannot be used"
)
EXPIRING = gauge(
    "tls_certificates_expiring",
    "Certificates that have ended or will within 14 days, each counted by every worker",
)
