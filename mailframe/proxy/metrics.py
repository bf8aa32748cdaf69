"""What the proxy counts."""

from __future__ import annotations

from mailframe.monitor.counters import counter, gauge, histogram

sessions = counter("proxy_sessions", "Connections, by what became of them", ("protocol", "outcome"))
open_sessions = gauge(
    "proxy_open_sessions", "Connections between a client and a store that stand now", ("protocol",)
)
store_failures = counter("proxy_store_failures", "Stores' hosts that could not be entered", ("store",))
entering_seconds = histogram(
    "proxy_entering_seconds", "From a right login to the store's word", ("protocol",)
)
host_up = gauge(
    "proxy_host_up", "Did the host of a store answer when it was last looked at?", ("store", "host")
)
octets = counter("proxy_octets", "Octets that passed by, counted at the end", ("direction",))
up = octets.labels("up")
down = octets.labels("down")
