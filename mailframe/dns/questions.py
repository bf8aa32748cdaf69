"""Names to ask the DNS about: how they are written, and those that are made from an address or a port."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

LABEL_LIMIT: Final = 63
NAME_LIMIT: Final = 253
"""Octets of a name as text, without its last dot; with lengths and root that is 255 (RFC 1035 section 2.3.4)."""

_ODD: Final = re.compile(r"[^\x21-\x7e]|\\")


def normal_name(name: str) -> str:
    """A name as caches and answers know it: lower case, without the last dot; the root is "".

    Underscores and other visible ASCII are fine (RFC 2181 section 11): only hosts' names are narrower, and a
    resolver need not say so.

    Args:
        name: as A-labels; "." is the root.

    Raises:
        ValueError: that can be no name: empty, an empty label, too long, or with characters that are not visible
            ASCII.
    """
    if name == ".":
        return ""
    plain = name.removesuffix(".")
    if not plain:
        raise ValueError("a name must not be empty")
    if _ODD.search(plain):
        raise ValueError(f"not a name of A-labels: {plain[:NAME_LIMIT]!r}")
    if len(plain) > NAME_LIMIT:
        raise ValueError(f"a name has at most {NAME_LIMIT} characters")
    for label in plain.split("."):
        if not 0 < len(label) <= LABEL_LIMIT:
            raise ValueError(f"a label has 1 to {LABEL_LIMIT} characters: {plain!r}")
    return plain.lower()


def reverse_name(address: str) -> str:
    """Where the PTR records of an IP address are (RFC 1035 section 3.5, RFC 3596 section 2.5).

    An IPv4 address that came mapped into IPv6 (``::ffff:192.0.2.1``) is taken as what it is.

    Raises:
        ValueError: it is no IP address.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).reverse_pointer


def service_name(service: str, protocol: str, domain: str) -> str:
    """Where the SRV records of a service are (RFC 2782): ``_imaps._tcp.example.org``."""
    return f"_{service}._{protocol}.{domain}"


def tlsa_name(port: int, host: str, protocol: str = "tcp") -> str:
    """Where the TLSA records of a host's port are (RFC 6698 section 3): ``_25._tcp.mx.example.org``."""
    return f"_{port}._{protocol}.{host}"
