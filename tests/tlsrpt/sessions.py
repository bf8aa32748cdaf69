"""Sessions for these tests, and a file to count them in."""

from __future__ import annotations

from typing import Any

from mailframe.database.file import Database
from mailframe.tls.policies import ClientPolicy, Level, TLSARecord, TLSSession
from mailframe.tlsrpt.counts import ROOM

DAY = 86400.0
NOON = 20_000 * DAY + DAY / 2
DATE = "2024-10-04"
MX = "mx.example.test"
STS = ClientPolicy(
    Level.VERIFY, (MX,), source="mta-sts", text=("version: STSv1", "mode: enforce", f"mx: {MX}", "max_age: 9")
)
DANE = ClientPolicy(
    Level.DANE,
    (MX,),
    (TLSARecord(3, 1, 1, b"x" * 32),),
    source="dane",
    server_name=MX,
    text=(f"_25._tcp.{MX}. IN TLSA 3 1 1 78",),
)
NONE = ClientPolicy(Level.OPPORTUNISTIC)


def session(
    policy: ClientPolicy = STS, result: str = "", domain: str = "example.test", **more: Any
) -> TLSSession:
    return TLSSession(domain, MX, policy, result, **more)


def database(path: str) -> Database:
    return Database(path, ROOM, None)
