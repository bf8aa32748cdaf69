"""Figures of the POP3 server."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge

_sessions = counter("pop3_sessions", "Connections accepted or turned away", ("outcome",))
_logins = counter("pop3_logins", "Answers to PASS and AUTH", ("outcome",))
_messages = counter("pop3_messages", "Messages sent whole, in part, or removed at QUIT", ("outcome",))

ACCEPTED = _sessions.labels("accepted")
TURNED_AWAY = _sessions.labels("turned_away")
OPEN = gauge("pop3_open_sessions", "Connections open now")
LOGINS = _logins.labels("succeeded")
LOGINS_FAILED = _logins.labels("failed")
LOGINS_DEFERRED = _logins.labels("deferred")
RETRIEVED = _messages.labels("retrieved")
TOPPED = _messages.labels("topped")
REMOVED = _messages.labels("removed")
OCTETS = counter("pop3_message_octets", "Octets of messages sent, without dot-stuffing")
