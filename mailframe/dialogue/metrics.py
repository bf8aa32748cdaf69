"""Figures of what comes before any protocol."""

from __future__ import annotations

from typing import Final

from mailframe.monitor.counters import counter

_headers = counter("dialogue_proxy_headers", "Connections to listeners behind a proxy", ("outcome",))

CLIENT: Final = _headers.labels("client")
LOCAL: Final = _headers.labels("local")
UNKNOWN: Final = _headers.labels("unknown")
SILENT: Final = _headers.labels("silent")
STRANGER: Final = _headers.labels("stranger")
MALFORMED: Final = _headers.labels("malformed")
TIMED_OUT: Final = _headers.labels("timed_out")
