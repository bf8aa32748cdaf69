"""What a client demands of TLS with one host: values, made by whoever knows the host, obeyed by `client`."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .options import CertificateFiles


class Level(enum.Enum):
    """How much TLS has to give; each but the first two is more than the one before."""

    NONE = "none"
    """TLS is not used, even where it is offered."""
    OPPORTUNISTIC = "opportunistic"
    """Encrypted where TLS is offered, whatever the certificate (RFC 7435)."""
    ENCRYPT = "encrypt"
    """Always encrypted, whatever the certificate."""
    VERIFY = "verify"
    """Encrypted, and the certificate is trusted and has one of the names (RFC 6125, RFC 8461 section 4.2)."""
    DANE = "dane"
    """Encrypted, and the certificate is the one that TLSA records tell of (RFC 7672)."""

    @property
    def used(self) -> bool:
        """Is TLS begun where it is offered?"""
        return self is not Level.NONE

    @property
    def required(self) -> bool:
        """May nothing be said in clear?"""
        return self not in (Level.NONE, Level.OPPORTUNISTIC)

    @property
    def authenticated(self) -> bool:
        """Does it matter who answers?"""
        return self in (Level.VERIFY, Level.DANE)


class Usage(enum.IntEnum):
    """What a TLSA record says of a certificate (RFC 6698 section 2.1.1, names of RFC 7218)."""

    PKIX_TA = 0
    PKIX_EE = 1
    DANE_TA = 2
    DANE_EE = 3


class Selector(enum.IntEnum):
    """Which part of a certificate is meant (RFC 6698 section 2.1.2)."""

    CERT = 0
    SPKI = 1


class Matching(enum.IntEnum):
    """How it is compared (RFC 6698 section 2.1.3)."""

    FULL = 0
    SHA2_256 = 1
    SHA2_512 = 2


DIGEST_OCTETS: dict[int, int] = {Matching.SHA2_256: 32, Matching.SHA2_512: 64}


@dataclass(frozen=True, slots=True)
class TLSARecord:
    """A TLSA record as DNS has it, perhaps with numbers that nobody knows (RFC 6698 section 2.1).

    Attributes:
        usage: see `Usage`.
        selector: see `Selector`.
        matching: see `Matching`.
        association: the octets to compare with.
    """

    usage: int
    selector: int
    matching: int
    association: bytes

    @classmethod
    def from_wire(cls, octets: bytes) -> TLSARecord:
        """Read the data of a resource record.

        Raises:
            ValueError: it is too short, or longer than DNS allows.
        """
        if not 4 <= len(octets) <= 65535:
            raise ValueError("a TLSA record has three octets and an association")
        return cls(octets[0], octets[1], octets[2], octets[3:])

    @classmethod
    def from_text(cls, text: str) -> TLSARecord:
        """Read the form of zone files: ``3 1 1 8bd1...``; the hexadecimal part may have spaces in it.

        Raises:
            ValueError: it is no such text.
        """
        words = text.split(maxsplit=3)
        if len(words) != 4 or not all(w.isascii() and w.isdigit() and int(w) < 256 for w in words[:3]):
            raise ValueError("a TLSA record is written as three numbers and hexadecimal digits")
        octets = bytes.fromhex("".join(words[3].split()))
        return cls.from_wire(bytes(map(int, words[:3])) + octets)

    def to_wire(self) -> bytes:
        """The data of a resource record."""
        return bytes((self.usage, self.selector, self.matching)) + self.association

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.association.hex()}"

    @property
    def usable(self) -> bool:
        """Can SMTP go by it? Not by usages 0 and 1 (RFC 7672 section 3.1.3), nor by what nobody knows."""
        if self.usage not in (Usage.DANE_TA, Usage.DANE_EE) or self.selector not in (0, 1):
            return False
        if self.matching == Matching.FULL:
            return bool(self.association)
        return len(self.association) == DIGEST_OCTETS.get(self.matching)


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """What is demanded of TLS with one host. Contexts are cached by it, so it has only values.

    Attributes:
        level: how much TLS has to give.
        names: with `Level.VERIFY` and with DANE-TA, the names (or IP addresses) of which the certificate must have
            one. For SMTP with DANE these are the host and the domain that mail goes to (RFC 7672 section 3.2.2), with
            MTA-STS the MX host.
        tlsa: with `Level.DANE`, the records, of a secure answer.
        authorities: PEM file of the authorities to trust instead of the contexts' own, or None.
        certificate: a certificate of ours for a host that asks for one instead of the contexts' own, or None.
        source: what asked for this: ``"configuration"``, ``"dane"``, ``"mta-sts"``; for logs and reports.
        server_name: the name sent as SNI instead of the host's; with DANE the one that the records belong to
            (RFC 7672 section 8.1), "" for the host's own.
        text: the policy as it was published, line by line, for reports (RFC 8460 section 4.4).
        testing: with `Level.OPPORTUNISTIC` or `Level.ENCRYPT`: see what `Level.VERIFY` would say of the host, for
            reports only (RFC 8461 section 5): the connection's ``fault`` has it, and nothing fails for it.
    """

    level: Level
    names: tuple[str, ...] = ()
    tlsa: tuple[TLSARecord, ...] = ()
    authorities: str | None = None
    certificate: CertificateFiles | None = None
    source: str = "configuration"
    server_name: str = ""
    text: tuple[str, ...] = ()
    testing: bool = False

    def effective(self) -> ClientPolicy:
        """This, but where DANE has no record to go by: encrypted without a look at the certificate.

        RFC 7672 section 2.2: TLSA records of which none is usable still promise TLS.
        """
        if self.level is Level.DANE and not any(record.usable for record in self.tlsa):
            return replace(self, level=Level.ENCRYPT, tlsa=())
        return self


@dataclass(frozen=True, slots=True)
class TLSSession:
    """How TLS with a host went, once.

    Attributes:
        domain: where the mail was to go, as A-labels.
        host: the host, by its name.
        policy: what was demanded.
        result: "" for success; otherwise a result type of RFC 8460 section 4.3 (`mailframe.tls.errors.Result`).
        reason: more about a failure, for people.
        address: the IP address of the host, "" where it is not known.
        source: the IP address of ours, "" where it is not known.
        helo: what the host called itself, "" where it said nothing.
    """

    domain: str
    host: str
    policy: ClientPolicy
    result: str = ""
    reason: str = ""
    address: str = ""
    source: str = ""
    helo: str = ""


NO_TLS = ClientPolicy(Level.NONE)
OPPORTUNISTIC = ClientPolicy(Level.OPPORTUNISTIC)


def usable_records(records: Sequence[TLSARecord]) -> tuple[TLSARecord, ...]:
    """The records to go by: usable ones, and of several digests of one thing the strongest only.

    RFC 7671 section 9, "digest algorithm agility": who can forge SHA2-256 shall not win by it while SHA2-512 is
    published as well.
    """
    usable = [record for record in records if record.usable]
    strongest: dict[tuple[int, int], int] = {}
    for record in usable:
        kind = (record.usage, record.selector)
        strongest[kind] = max(strongest.get(kind, 0), record.matching)
    return tuple(
        record
        for record in usable
        if record.matching in (Matching.FULL, strongest[record.usage, record.selector])
    )


def is_ip_address(name: str) -> bool:
    """Is this an IP address, and so neither sent as SNI (RFC 6066 section 3) nor compared as a DNS name?"""
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
