"""Reading a certificate with its chain and key, and saying clearly what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import idna
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtensionOID, NameOID

from .options import CertificateFiles


class CertificateError(Exception):
    """A certificate cannot be used; the text names the file and what is wrong with it."""


@dataclass(frozen=True, eq=False)
class LoadedCertificate:
    """One certificate as read; equal to itself only.

    Attributes:
        files: where it came from.
        names: what it is shown for, as A-labels in lower case; ``*.example.test`` stands for one label.
        chain: the certificates above it, in order.
        expires: when it ends, UTC.
    """

    files: CertificateFiles
    certificate: x509.Certificate
    key: PrivateKeyTypes
    chain: tuple[x509.Certificate, ...]
    names: tuple[str, ...]
    expires: datetime

    def expired(self, now: datetime) -> bool:
        """Has it ended?"""
        return now >= self.expires

    def begins_later(self, now: datetime) -> bool:
        """Is it not yet valid?"""
        return now < self.certificate.not_valid_before_utc


def load(files: CertificateFiles) -> LoadedCertificate:
    """Read one certificate with its chain and key.

    Raises:
        CertificateError: a file is missing, unreadable or no PEM; or the key is not the certificate's.
    """
    certificates = read_certificates(files.certificate)
    key = read_key(read(files.key), files.key)
    certificate = certificates[0]
    if public_octets(key.public_key()) != public_octets(certificate.public_key()):
        raise CertificateError(
            f"the key in {files.key} does not belong to the first certificate in {files.certificate}"
        )
    return loaded(files, certificates, key)


def loaded(
    files: CertificateFiles, certificates: Sequence[x509.Certificate], key: PrivateKeyTypes
) -> LoadedCertificate:
    """What was read, put together.

    Raises:
        CertificateError: a name in `files` is none.
    """
    certificate = certificates[0]
    names = tuple(map(_a_label, files.names)) or _names(certificate)
    return LoadedCertificate(
        files, certificate, key, tuple(certificates[1:]), names, certificate.not_valid_after_utc
    )


def signature(certificates: Sequence[CertificateFiles], others: Sequence[str] = ()) -> tuple[object, ...]:
    """Something that differs when any of the files was written; missing files count as None.

    Args:
        certificates: with their keys.
        others: more paths.
    """
    found: list[object] = []
    for path in (*(p for files in certificates for p in (files.certificate, files.key)), *others):
        try:
            status = os.stat(path)
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            found.append(None)
    return tuple(found)


def now() -> datetime:
    """The time certificates are compared with."""
    return datetime.now(UTC)


def ascii_name(name: str) -> str:
    """A name as A-labels in lower case, without a dot at the end; the first label may be ``*``.

    Raises:
        ValueError: it is none.
    """
    name = name.rstrip(".").lower()
    if name.isascii():
        return name
    first, dot, rest = name.partition(".")
    if first == "*":
        return f"*.{ascii_name(rest)}"
    # ``idna`` raises a UnicodeError, which is a ValueError.
    return idna.encode(f"{first}{dot}{rest}", uts46=True).decode("ascii")


def read(path: str) -> bytes:
    """The octets of a PEM file, one MiB at most.

    Raises:
        CertificateError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(2**20)
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from error


def read_certificates(path: str) -> list[x509.Certificate]:
    """All certificates in a PEM file, in order.

    Raises:
        CertificateError: it cannot be read, or there is none.
    """
    try:
        return x509.load_pem_x509_certificates(read(path))
    except ValueError as error:
        raise CertificateError(f"{path} has no certificate in PEM form") from error


def read_key(octets: bytes, path: str) -> PrivateKeyTypes:
    """The private key in what a file holds.

    Raises:
        CertificateError: there is none, or it has a passphrase.
    """
    try:
        return load_pem_private_key(octets, None)
    except TypeError as error:
        raise CertificateError(f"the key in {path} has a passphrase; write it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{path} has no private key in PEM form") from error


def public_octets(key: object) -> bytes:
    """A public key, to compare."""
    octets: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return octets


def _a_label(name: str) -> str:
    try:
        return ascii_name(name)
    except ValueError as error:
        raise CertificateError(f"{name!r} is no name that a certificate can be shown for") from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names of a certificate; the common name where it has no list of names."""
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        alternatives = extension.value
        assert isinstance(alternatives, x509.SubjectAlternativeName)
        return tuple(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(str(attribute.value).lower() for attribute in found)
