"""Figures of asking the DNS."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge, histogram

_lookups = counter("dns_lookups", "Questions that the rooms asked, by how they were answered", ("outcome",))
_answers = counter("dns_answers", "Answers that came from servers, by what they said", ("found",))
_queries = counter("dns_queries", "Queries sent to servers, by what came of them", ("transport", "outcome"))

HIT = _lookups.labels("remembered")
ASKED = _lookups.labels("asked")
SHARED = _lookups.labels("shared")
KNOWN = _lookups.labels("known")
STALE = _lookups.labels("stale")
FAILED = _lookups.labels("failed")

FOUND = {
    "records": _answers.labels("records"),
    "no records": _answers.labels("no_records"),
    "no name": _answers.labels("no_name"),
}
"""By the value of `mailframe.dns.values.Found`."""
SECURE = counter("dns_secure_answers", "Answers from servers that DNSSEC proved, as far as we believe it")

QUERIES = {
    (transport, outcome): _queries.labels(transport, outcome)
    for transport in ("udp", "tcp")
    for outcome in ("answered", "failed", "no_answer", "truncated", "suspicious")
}
SECONDS = histogram("dns_query_seconds", "From a query to its reply")
OCTETS = gauge("dns_cache_octets", "Octets that remembered answers take, as reckoned")
ENTRIES = gauge("dns_cache_answers", "Answers that are remembered")
OPEN = gauge("dns_open_questions", "Questions that are being asked now")
