"""Figures of policies for TLS."""

from __future__ import annotations

from mailframe.monitor.counters import counter

_policies = counter("tls_policies", "Policies for hosts, by what asked for them", ("source",))
_fetches = counter(
    "tls_mta_sts_fetches", "Policies of MTA-STS asked for over HTTPS, by outcome", ("outcome",)
)

POLICIES = {name: _policies.labels(name) for name in ("configuration", "dane", "mta-sts")}
FETCHED = _fetches.labels("read")
FETCH_FAILED = _fetches.labels("failed")
REFUSED = counter(
    "tls_policy_refusals", "Hosts that were not used because their policy could not be met or known"
)
