"""TLSA records of hosts: RFC 7672. What a certificate is held against; `mailframe.tls.dane` does that."""

from __future__ import annotations

from dataclasses import dataclass

from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.dns.questions import tlsa_name
from mailframe.dns.values import Answer, Found, RecordType
from mailframe.tls.policies import ClientPolicy, Level, TLSARecord, is_ip_address

UNREADABLE = TLSARecord(255, 255, 255, b"")
"""Stands for a record that cannot be read: of no use, but it promises TLS (RFC 7672 section 2.2)."""


@dataclass(frozen=True, slots=True)
class TLSABase:
    """Where the records of a host were found.

    Attributes:
        name: the TLSA base domain (RFC 7672 section 2.2.2).
        records: of a secure answer; at least one.
    """

    name: str
    records: tuple[TLSARecord, ...]


class DANE:
    """Finds the TLSA records of hosts.

    Args:
        resolver: whose ``secure`` is worth something.
    """

    def __init__(self, resolver: IResolver) -> None:
        self._resolver = resolver

    async def policy(self, domain: str, host: str, port: int = 25) -> ClientPolicy | None:
        """What the records of a host demand; None where it has none that DNSSEC proves.

        Args:
            domain: where the mail goes.
            host: one of its hosts, and DNSSEC proves that.
            port: that a connection is made to.

        Raises:
            LookupFailed: nobody can say whether there are any, so the host must not be used now
                (RFC 7672 section 2.1.1).
        """
        base = await self.records(host, port)
        if base is None:
            return None
        return ClientPolicy(
            Level.DANE,
            # RFC 7672 section 3.2.2: the base domain, and the domain of the mail, as it was and as it is followed.
            names=tuple(dict.fromkeys((base.name, host, domain))),
            tlsa=base.records,
            source="dane",
            server_name=base.name,
            text=tuple(f"{tlsa_name(port, base.name)}. IN TLSA {record}" for record in base.records[:16]),
        )

    async def records(self, host: str, port: int = 25) -> TLSABase | None:
        """The records of a host's port, of its canonical name first (RFC 7672 section 2.2.2).

        Raises:
            LookupFailed: as in `policy`.
        """
        host = host.rstrip(".").lower()
        if is_ip_address(host.strip("[]")):
            return None
        for base in await self._bases(host):
            answer = await self._resolver.lookup(tlsa_name(port, base), RecordType.TLSA)
            if answer.secure and answer.found is Found.RECORDS:
                return TLSABase(base, tuple(map(_read, answer.octets)))
        return None

    async def _bases(self, host: str) -> tuple[str, ...]:
        """Names that may have records; none where the host's addresses are not proved.

        Asking such zones for TLSA would only bring trouble: some name servers without DNSSEC answer with failures
        (RFC 7672 section 2.2.2).
        """
        answer = await self._addresses(host)
        canonical = answer.canonical.rstrip(".").lower() or host
        if answer.secure:
            return tuple(dict.fromkeys((canonical, host)))
        if canonical != host:
            # The alias may be proved, while what it leads to is not: then the alias has a say, and only it.
            alias = await self._resolver.lookup(host, RecordType.CNAME)
            if alias.secure:
                return (host,)
        return ()

    async def _addresses(self, host: str) -> Answer:
        try:
            answer = await self._resolver.lookup(host, RecordType.A)
            if answer.found is Found.RECORDS:
                return answer
        except LookupFailed:
            # A host of IPv6 only may have a name server that fails for A.
            return await self._resolver.lookup(host, RecordType.AAAA)
        return await self._resolver.lookup(host, RecordType.AAAA)


def _read(octets: bytes) -> TLSARecord:
    try:
        return TLSARecord.from_wire(octets)
    except ValueError:
        return UNREADABLE
