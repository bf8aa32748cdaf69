"""Which certificates there are, and which ciphers are good."""

from __future__ import annotations

import attrs

from mailframe.config.types import FilePath, option

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!eNULL:!PSK:!SRP:!aDSS:!kRSA"
"""Forward secrecy and authenticated encryption only (RFC 9325 section 4.2); TLS 1.3 has its own list."""


@attrs.frozen
class CertificateFiles:
    """One certificate with its key, as the files an ACME client writes."""

    certificate: FilePath = option(
        "PEM file: the certificate, then the chain up to the root.", must_exist=True
    )
    key: FilePath = option("PEM file with the private key, without a passphrase.", must_exist=True)
    names: tuple[str, ...] = option(
        "Names this certificate is shown for; those in the certificate itself, where none are given.", ()
    )
