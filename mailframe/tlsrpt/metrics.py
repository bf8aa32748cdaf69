"""Figures of reports about TLS."""

from __future__ import annotations

from mailframe.monitor.counters import counter

_sessions = counter("tlsrpt_sessions", "Sessions counted for reports about TLS, by outcome", ("outcome",))
_reports = counter("tlsrpt_reports", "Reports about TLS, by what became of them", ("outcome",))

GOOD = _sessions.labels("good")
BAD = _sessions.labels("failed")
LOST = _sessions.labels("lost")
SENT = _reports.labels("sent")
LATER = _reports.labels("later")
GIVEN_UP = _reports.labels("given up")
UNWANTED = _reports.labels("unwanted")
