"""One report: JSON as RFC 8460 section 4.4 wants it, and the names it goes by. No I/O."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .values import Kind, end_of


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who reports.

    Attributes:
        organization: its name.
        contact: an address or a URL.
        domain: of the sender of reports, as A-labels.
    """

    organization: str
    contact: str
    domain: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report that can be sent.

    Attributes:
        domain: whom it is for.
        id: the same for each try, so that the receiver can know it again.
        filename: as RFC 8460 section 5.1 wants it.
        json: the report.
    """

    domain: str
    id: str
    filename: str
    json: bytes

    @property
    def compressed(self) -> bytes:
        """The report by gzip; the same octets each time."""
        return gzip.compress(self.json, mtime=0)


def build(submitter: Submitter, day: str, domain: str, counted: Mapping[Kind, int]) -> Report:
    """Make a report of what was counted on a day.

    Args:
        submitter: us.
        day, domain: of all that was counted.
        counted: sessions by kind.
    """
    end = int(end_of(day)) - 1
    name = f"{day}-{zlib.crc32(domain.encode()):08x}@{submitter.domain}"
    told = {
        "organization-name": submitter.organization,
        "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "contact-info": submitter.contact,
        "report-id": name,
        "policies": _policies(counted),
    }
    filename = f"{submitter.domain}!{domain}!{end - 86399}!{end}!1.json.gz"
    return Report(domain, name, filename, json.dumps(told, indent=1).encode("ascii") + b"\n")


def _policies(counted: Mapping[Kind, int]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, tuple[str, ...]], dict[Kind, int]] = {}
    for kind, sessions in counted.items():
        groups.setdefault((kind.type, kind.policy_domain, kind.text), {})[kind] = sessions
    return [_policy(*key, group) for key, group in groups.items()]


def _policy(kind: str, domain: str, text: tuple[str, ...], group: Mapping[Kind, int]) -> dict[str, Any]:
    policy: dict[str, Any] = {"policy-type": kind, "policy-domain": domain}
    if text:
        policy["policy-string"] = list(text)
    hosts = [line.partition(":")[2].strip() for line in text if line.partition(":")[0].strip() == "mx"]
    if kind == "sts" and hosts:
        policy["mx-host"] = hosts
    failures = {kind: sessions for kind, sessions in group.items() if kind.result}
    bad = sum(failures.values())
    found: dict[str, Any] = {
        "policy": policy,
        "summary": {
            "total-successful-session-count": sum(group.values()) - bad,
            "total-failure-session-count": bad,
        },
    }
    if failures:
        found["failure-details"] = [_failure(kind, sessions) for kind, sessions in failures.items()]
    return found


def _failure(kind: Kind, sessions: int) -> dict[str, Any]:
    told = {
        "sending-mta-ip": kind.source,
        "receiving-mx-hostname": kind.host,
        "receiving-mx-helo": kind.helo,
        "receiving-ip": kind.address,
        "failure-reason-code": kind.reason,
    }
    return {
        "result-type": kind.result,
        **{name: value for name, value in told.items() if value},
        "failed-session-count": sessions,
    }
