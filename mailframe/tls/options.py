"""Which certificates there are, and what is asked of a handshake."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, FilePath, option

VERSIONS = ("1.2", "1.3")
"""TLS versions that may be the oldest accepted one; 1.0 and 1.1 are gone (RFC 8996)."""

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


@attrs.frozen
class TLSOptions:
    """What a server asks of TLS."""

    minimum: str = option("The oldest TLS version accepted.", "1.2", choices=VERSIONS)
    ciphers: str = option("Cipher suites for TLS 1.2, as OpenSSL writes them.", CIPHERS)
    watch: Duration = option(
        "How often the files are looked at for new certificates; 0 for never.", Duration(60.0)
    )
