"""The section ``[tls]``: which certificates there are, what is spoken, what is asked of clients."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, FilePath, option

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL:!PSK:!SRP:!aDSS:!kRSA"
"""Forward secrecy and authenticated encryption only (RFC 9325 section 4.2); TLS 1.3 has its own list.

None with DHE: they would need parameters that pyOpenSSL cannot choose, and RFC 9325 does not ask for them.
"""
GROUPS = ("X25519MLKEM768", "X25519", "P-256", "P-384")
"""Hybrid first: who records traffic now shall not read it with a quantum computer later."""


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
    """``[tls]``: certificates for all listeners; the client's SNI picks one, the first is for all others."""

    certificates: list[CertificateFiles] = option(
        "The certificates, each with its key. Two for the same name, one with an RSA and one with an ECDSA key, "
        "stand side by side: each client gets the one it can verify.",
        factory=list,
    )
    directories: list[FilePath] = option(
        "Directories in which certificates are found by themselves, in the files and in the subdirectories that "
        "certbot, lego and acme.sh write; also files with both certificate and key.",
        factory=list,
        must_exist=True,
    )
    minimum: str = option("The oldest version of TLS that is spoken.", "1.2", choices=("1.2", "1.3"))
    ciphers: str = option("Cipher suites for TLS 1.2, as OpenSSL writes them.", CIPHERS)
    groups: list[str] = option(
        "Groups for the key exchange, the preferred one first. Those of the default that this OpenSSL does not have "
        "are left out.",
        factory=lambda: list(GROUPS),
    )
    session_lifetime: Duration = option(
        "How long a client may come back with a session ticket instead of a whole handshake; after that time the "
        "keys of tickets are made anew. Each worker has its own keys. ``0s`` turns tickets off, as do certificates "
        "of clients.",
        Duration(7200.0),
        minimum=0,
        maximum=7 * 86400,
    )
    client_certificates: str = option(
        "``request`` a certificate of clients, for logins by SASL EXTERNAL: a client without one, or with one of "
        "an authority that is not known, is served as if it had none. ``require`` one: all others are turned away, "
        "so this is for nodes that no strangers talk to.",
        "none",
        choices=("none", "request", "require"),
    )
    client_authorities: FilePath | None = option(
        "PEM file with the authorities that client certificates have to come from.", None, must_exist=True
    )
    watch: Duration = option(
        "How often the files are looked at for new certificates, besides the notice that Linux gives at once; "
        "``0s`` for never, without notices either.",
        Duration(60.0),
        minimum=0,
    )

    @property
    def configured(self) -> bool:
        """Is there anywhere to look for certificates?"""
        return bool(self.certificates or self.directories)
