"""Certificates of all kinds for tests, made once a process: keys take time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mailframe.config.types import FilePath
from mailframe.tls.options import CertificateFiles

NAME = "mx.example.test"
PAST = datetime(2001, 1, 1, tzinfo=UTC)


class Issued:
    """A certificate with its chain and key.

    Attributes:
        chain: the certificate first, then those above it that a server shows.
        key: its private key.
    """

    def __init__(self, chain: Sequence[x509.Certificate], key: Any) -> None:
        self.chain = tuple(chain)
        self.key = key

    @property
    def chain_pem(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in self.chain)

    @property
    def key_pem(self) -> bytes:
        octets: bytes = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return octets

    def write(self, directory: str, certificate: str = "chain.pem", key: str = "key.pem") -> CertificateFiles:
        """Files of it; the directory is made."""
        os.makedirs(directory, exist_ok=True)
        files = CertificateFiles(
            FilePath(os.path.join(directory, certificate)), FilePath(os.path.join(directory, key))
        )
        for path, octets in ((files.certificate, self.chain_pem), (files.key, self.key_pem)):
            with open(path, "wb") as file:
                file.write(octets)
        return files


@cache
def root() -> trustme.CA:
    """An authority that tests trust."""
    return trustme.CA(organization_name="Root")


@cache
def intermediate() -> trustme.CA:
    """An authority below it."""
    return root().create_child_ca()


@cache
def stranger() -> trustme.CA:
    """An authority that nobody trusts."""
    return trustme.CA(organization_name="Stranger")


def authority(ca: trustme.CA) -> x509.Certificate:
    """The certificate of an authority."""
    return x509.load_pem_x509_certificate(ca.cert_pem.bytes())


def trusted(path: str, *authorities: trustme.CA) -> str:
    """Write a file of authorities."""
    with open(path, "wb") as file:
        file.write(b"".join(ca.cert_pem.bytes() for ca in authorities or (root(),)))
    return path


@cache
def issue(
    *names: str,
    ca: trustme.CA | None = None,
    key: str = "ECDSA",
    expired: bool = False,
    common_name: str | None = None,
) -> Issued:
    """A certificate for some names, below `intermediate` unless an authority is given."""
    made = (ca or intermediate()).issue_cert(
        *names,
        common_name=common_name,
        not_after=PAST + timedelta(days=9000) if expired else None,
        not_before=PAST if expired else None,
        key_type=trustme.KeyType[key],
    )
    chain = x509.load_pem_x509_certificates(b"".join(pem.bytes() for pem in made.cert_chain_pems))
    return Issued(chain, load_pem_private_key(made.private_key_pem.bytes(), None))


@cache
def self_signed(*names: str, common_name: str = "nobody") -> Issued:
    """A certificate signed by itself, with an RSA key; without names it has a common name only."""
    key: CertificateIssuerPrivateKeyTypes = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=100))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, names)]), False)
    return Issued([builder.sign(key, hashes.SHA256())], key)


def certificate_octets(certificate: x509.Certificate) -> bytes:
    """All of it, as TLSA selector 0 means it."""
    return certificate.public_bytes(Encoding.DER)


def key_octets(certificate: x509.Certificate) -> bytes:
    """Its key, as TLSA selector 1 means it."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
