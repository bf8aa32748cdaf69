"""Certificates of all kinds for tests, made once a process: keys take time."""

from __future__ import annotations

import hashlib
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
from cryptography.x509.oid import ExtensionOID

from mailframe.config.types import FilePath
from mailframe.tls.options import CertificateFiles
from mailframe.tls.policies import TLSARecord

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
        os.chmod(files.key, 0o600)
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
def self_signed(*names: str, common_name: str = "nobody", bits: int = 2048) -> Issued:
    """A certificate signed by itself, with an RSA key; without names it has a common name only."""
    key: CertificateIssuerPrivateKeyTypes = rsa.generate_private_key(public_exponent=65537, key_size=bits)
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


@cache
def with_garbage(name: str) -> Issued:
    """A certificate signed by itself whose list of names is none, and cannot be read."""
    extension = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x05xyz")
    return Issued([_with([extension], name)], self_signed(common_name=name).key)


def certificate_octets(certificate: x509.Certificate) -> bytes:
    """All of it, as TLSA selector 0 means it."""
    return certificate.public_bytes(Encoding.DER)


def key_octets(certificate: x509.Certificate) -> bytes:
    """Its key, as TLSA selector 1 means it."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def issued_as_written(*names: str, common_name: str = "nobody") -> x509.Certificate:
    """A certificate with names that no authority should sign; an octet of zero and nothing at all may be among them."""
    entries = b"".join(b"\x82" + bytes([len(name)]) + name.encode("ascii") for name in names)
    assert len(entries) < 128
    extension = x509.UnrecognizedExtension(
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30" + bytes([len(entries)]) + entries
    )
    return _with([extension], common_name)


def twice(common_name: str) -> x509.Certificate:
    """A certificate with two lists of names, which is against the rules (RFC 5280 section 4.2)."""
    octets = _with(
        [
            x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x03\x82\x01a"),
            x509.UnrecognizedExtension(ExtensionOID.ISSUER_ALTERNATIVE_NAME, b"\x30\x03\x82\x01b"),
        ],
        common_name,
    ).public_bytes(Encoding.DER)
    return x509.load_der_x509_certificate(octets.replace(b"\x06\x03\x55\x1d\x12", b"\x06\x03\x55\x1d\x11"))


def _with(extensions: Sequence[x509.ExtensionType], common_name: str) -> x509.Certificate:
    issued = self_signed(common_name=common_name)
    old, key = issued.chain[0], issued.key
    builder = x509.CertificateBuilder(
        old.issuer, old.subject, old.public_key(), 7, old.not_valid_before_utc, old.not_valid_after_utc
    )
    for extension in extensions:
        builder = builder.add_extension(extension, False)
    return builder.sign(key, hashes.SHA256())


def signed_for(certificate: x509.Certificate, purposes: Sequence[x509.ObjectIdentifier]) -> x509.Certificate:
    """A certificate again, by the same authority, for other purposes; for all where there are none."""
    builder = x509.CertificateBuilder(
        authority(intermediate()).subject,
        certificate.subject,
        certificate.public_key(),
        8,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )
    for one in certificate.extensions:
        if not isinstance(one.value, x509.ExtendedKeyUsage):
            builder = builder.add_extension(one.value, one.critical)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    key: Any = load_pem_private_key(intermediate().private_key_pem.bytes(), None)
    return builder.sign(key, hashes.SHA256())


def unknown_key(name: str) -> x509.Certificate:
    """A certificate with a key of a kind that nobody knows; OpenSSL reads it all the same."""
    octets = issue(name, key="RSA").chain[0].public_bytes(Encoding.DER)
    # The object identifier of RSA keys becomes another.
    return x509.load_der_x509_certificate(
        octets.replace(bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d010163"))
    )


def tlsa(usage: int, certificate: x509.Certificate, selector: int = 1, matching: int = 1) -> TLSARecord:
    """The record of a certificate."""
    octets = key_octets(certificate) if selector else certificate_octets(certificate)
    digests: dict[int, Any] = {1: hashlib.sha256, 2: hashlib.sha512}
    return TLSARecord(usage, selector, matching, digests[matching](octets).digest() if matching else octets)
