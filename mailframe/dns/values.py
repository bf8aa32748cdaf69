"""What the DNS answers; values."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class RecordType(enum.IntEnum):
    """Types of records that mail needs (RFC 1035, 3596, 2782, 6698)."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    TLSA = 52


class Found(enum.Enum):
    """What is known after an answer."""

    RECORDS = "records"
    """There are such records."""
    NO_RECORDS = "no records"
    """The name exists, or may exist, and has no such records (RFC 2308 NODATA)."""
    NO_NAME = "no name"
    """There is no such name, with records of any type (NXDOMAIN)."""


@dataclass(frozen=True, slots=True, order=True)
class MXRecord:
    """``preference`` (lower first) and ``exchange``; the name "" is the root of a Null MX (RFC 7505)."""

    preference: int
    exchange: str


@dataclass(frozen=True, slots=True, order=True)
class SRVRecord:
    """RFC 2782: ``priority`` (lower first), ``weight``, ``port``, ``target`` ("" : the service is not there)."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the DNS says of one name and type.

    Attributes:
        name: what was asked for, as A-labels, lower case, without the last dot.
        type: the same.
        found: whether there is anything.
        records: by type: IP addresses as text (A, AAAA); names without the last dot (PTR, NS, CNAME);
            `MXRecord`, `SRVRecord`; for TXT the octets of a record's strings put together; for TLSA those
            of the record's data
            (`mailframe.tls.policies.TLSARecord.from_wire`). In the order they came.
        canonical: the name they belong to, after aliases (CNAME).
        secure: a resolver that we believe has proved it by DNSSEC (AD), the aliases on the way too.
        expires: until when it is good, by the resolver's clock.
    """

    name: str
    type: RecordType
    found: Found
    records: tuple[object, ...] = ()
    canonical: str = ""
    secure: bool = False
    expires: float = 0.0

    @property
    def texts(self) -> tuple[str, ...]:
        """Records that are text: A, AAAA, PTR, NS, CNAME."""
        return tuple(record for record in self.records if isinstance(record, str))

    @property
    def exchanges(self) -> tuple[MXRecord, ...]:
        """MX records."""
        return tuple(record for record in self.records if isinstance(record, MXRecord))

    @property
    def services(self) -> tuple[SRVRecord, ...]:
        """SRV records."""
        return tuple(record for record in self.records if isinstance(record, SRVRecord))

    @property
    def octets(self) -> tuple[bytes, ...]:
        """Records that are octets: TXT, TLSA."""
        return tuple(record for record in self.records if isinstance(record, bytes))
