"""Figures of the IMAP server."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from mailframe.monitor.counters import counter, gauge, histogram

_sessions = counter("imap_sessions", "Connections accepted or turned away", ("outcome",))
_logins = counter("imap_logins", "Answers to LOGIN and AUTHENTICATE", ("outcome",))
_octets = counter("imap_octets", "Octets received from and sent to clients", ("direction",))
_commands = counter("imap_commands", "Commands answered, by name", ("command",))
_seconds = histogram("imap_command_seconds", "From a whole command to its tagged response", ("command",))

accepted = _sessions.labels("accepted")
turned_away = _sessions.labels("turned_away")
open_sessions = gauge("imap_open_sessions", "Connections open now")
logins_succeeded = _logins.labels("succeeded")
logins_failed = _logins.labels("failed")
logins_deferred = _logins.labels("deferred")
octets_in = _octets.labels("in")
octets_out = _octets.labels("out")
bad_commands = counter("imap_bad_commands", "Commands that broke the protocol")

_by_command: dict[str, tuple[Counter, Histogram]] = {}


def command_done(name: str, seconds: float) -> None:
    """Count one command of the dispatch table (never a peer's own word)."""
    bound = _by_command.get(name)
    if bound is None:
        label = name.lower().replace(" ", "_")
        bound = _by_command[name] = _commands.labels(label), _seconds.labels(label)
    bound[0].inc()
    bound[1].observe(seconds)
