"""What is counted of sessions, and what it is called in a report; values (RFC 8460 section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailframe.tls.errors import Result
from mailframe.tls.policies import ClientPolicy, Level, TLSSession

TEXT_LIMIT = 200
_RESULTS = frozenset(result.value for result in Result)


@dataclass(frozen=True, slots=True)
class Kind:
    """Sessions that are counted together.

    Attributes:
        day: ``2026-11-22``, of UTC.
        domain: where the mail went; who gets the report.
        type: ``"sts"``, ``"tlsa"`` or ``"no-policy-found"``.
        policy_domain: whose policy it is: the domain's, with TLSA the host's.
        text: the policy, line by line.
        result: "" for success; otherwise as in `TLSSession`, and so are the others, which are "" for success.
        reason, address, source, host, helo: as in `TLSSession`.
    """

    day: str
    domain: str
    type: str
    policy_domain: str
    text: tuple[str, ...] = ()
    result: str = ""
    reason: str = ""
    address: str = ""
    source: str = ""
    host: str = ""
    helo: str = ""


def kind_of(session: TLSSession, now: float) -> Kind | None:
    """Where a session is counted; None for one that is not the domain's affair.

    What our own configuration demands beyond what a domain publishes is our own affair.

    Args:
        session: as it is noted.
        now: seconds since the epoch.
    """
    policy, domain = session.policy, session.domain.rstrip(".").lower()
    kind = _TYPES.get(policy.source)
    if kind is None:
        if policy.level is not Level.OPPORTUNISTIC:
            return None
        kind = "no-policy-found"
    if not domain or domain.startswith("["):
        return None
    owner = (policy.server_name or session.host or domain) if kind == "tlsa" else domain
    start = (day_of(now), domain, kind, owner.rstrip(".").lower(), _lines(policy))
    if not session.result:
        return Kind(*start)
    return Kind(
        *start,
        session.result if session.result in _RESULTS else Result.VALIDATION_FAILURE.value,
        _plain(session.reason),
        _plain(session.address),
        _plain(session.source),
        _plain(session.host),
        _plain(session.helo),
    )


def day_of(now: float) -> str:
    """The day of a moment, of UTC (RFC 8460 section 4.1)."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def end_of(day: str) -> float:
    """The moment a day ends, seconds since the epoch."""
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)).timestamp()


_TYPES = {"dane": "tlsa", "mta-sts": "sts"}


def _lines(policy: ClientPolicy) -> tuple[str, ...]:
    return tuple(line[:TEXT_LIMIT] for line in policy.text[:50])


def _plain(text: str) -> str:
    """Printable and short: some of it is a host's own words."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:TEXT_LIMIT])
