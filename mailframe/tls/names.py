"""Does a certificate have the name we asked for? RFC 6125, by service-identity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.x509.oid import NameOID
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import (
    DNS_ID,
    CertificatePattern,
    DNSPattern,
    IPAddress_ID,
    IPAddressPattern,
    ServiceID,
    verify_service_identity,
)

from .files import alternative_names, ascii_name
from .policies import is_ip_address

Identity = ServiceID
"""A name to look for, prepared."""


def identities(names: Iterable[str]) -> tuple[Identity, ...]:
    """Prepare names to look for.

    Args:
        names: DNS names, as A- or U-labels, or IP addresses.

    Raises:
        ValueError: one is neither.
    """
    return tuple(_identity(name.rstrip(".")) for name in names)


def matches(certificate: x509.Certificate, wanted: Sequence[Identity], *, common_name: bool = False) -> bool:
    """Does the certificate have one of the names?

    A wildcard stands for the whole of the first label. A name that is none (an address in the form of a DNS name, a
    wildcard for a top-level domain) matches nothing, and does not spoil the others.

    Args:
        certificate: the peer's own.
        wanted: from `identities`.
        common_name: look at the common name where the certificate has no DNS names (RFC 7672 section 3.2.3).
    """
    patterns = _patterns(certificate, common_name)
    return any(_matches(patterns, identity) for identity in wanted)


def shown(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names a certificate has, for a log line: DNS names and addresses, else its common name; at most eight."""
    found: list[str] = []
    try:
        alternatives = alternative_names(certificate)
        found += alternatives.get_values_for_type(x509.DNSName)
        found += map(str, alternatives.get_values_for_type(x509.IPAddress))
    except ValueError:
        pass
    return tuple((found or _common_names(certificate))[:8])


def client_name(certificate: x509.Certificate) -> str | None:
    """Whom a client's certificate names: its first mail address, else DNS name, else common name.

    Mail addresses come first, because certificates of people have one beside a common name that is a person's name
    (RFC 8550 section 3), and logins are addresses.
    """
    try:
        value = alternative_names(certificate)
    except ValueError:
        # Whoever reads the certificate otherwise may find another name in it.
        return None
    found = [*value.get_values_for_type(x509.RFC822Name), *value.get_values_for_type(x509.DNSName)]
    for name in (*found, *_common_names(certificate)):
        # What is not printable is no name: it would go into logs and trace fields.
        if name and name.isprintable() and len(name) <= 255:
            return str(name)
    return None


def _identity(name: str) -> Identity:
    if not name:
        raise ValueError("an empty name cannot be looked for in a certificate")
    return IPAddress_ID(name) if is_ip_address(name) else DNS_ID(ascii_name(name))


def _patterns(certificate: x509.Certificate, common_name: bool) -> list[CertificatePattern]:
    try:
        alternatives = alternative_names(certificate)
    except ValueError:
        return []
    patterns: list[CertificatePattern] = [
        IPAddressPattern(address)
        for address in alternatives.get_values_for_type(x509.IPAddress)
        if isinstance(address, IPv4Address | IPv6Address)
    ]
    names = alternatives.get_values_for_type(x509.DNSName)
    if common_name and not names:
        names = _common_names(certificate)
    for name in names:
        try:
            patterns.append(DNSPattern.from_bytes(name.encode()))
        except (CertificateError, ValueError):
            continue
    return patterns


def _matches(patterns: Sequence[CertificatePattern], identity: Identity) -> bool:
    try:
        verify_service_identity(patterns, [identity], [])
    except (VerificationError, CertificateError):
        return False
    return True


def _common_names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return []
    return [str(attribute.value) for attribute in found]
