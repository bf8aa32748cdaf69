"""Figures of the API."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge, histogram

REQUESTS = counter("api_requests", "Requests by what came of them", ["code"])
REQUEST_CODES = {kind: REQUESTS.labels(kind) for kind in ("2xx", "3xx", "4xx", "5xx")}
SECONDS = histogram("api_request_seconds", "Time to answer a request, without those that wait for changes")
WRONG_TOKENS = counter("api_wrong_tokens", "Requests without a token, or with a wrong one")
WAITING = gauge("api_waiting", "Requests that wait for changes")
