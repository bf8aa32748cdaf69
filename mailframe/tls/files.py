"""Reading a certificate with its chain and key, and saying clearly what is wrong with them."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import idna
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from .errors import CertificateError
from .options import CertificateFiles


@dataclass(frozen=True, eq=False)
class LoadedCertificate:
    """One certificate as read; equal to itself only.

    Attributes:
        files: where it came from.
        names: what it is shown for, as A-labels in lower case; ``*.example.test`` stands for one label.
        chain: the certificates above it, in order.
        expires: when it ends, UTC.
        exposed: everybody on this machine may read the key.
    """

    files: CertificateFiles
    certificate: x509.Certificate
    key: PrivateKeyTypes
    chain: tuple[x509.Certificate, ...]
    names: tuple[str, ...]
    expires: datetime
    exposed: bool = False

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
    if public_octets(key.public_key()) != certificate_key(certificate, files.certificate):
        raise CertificateError(
            f"the key in {files.key} does not belong to the first certificate in {files.certificate}"
        )
    return loaded(files, certificates, key)


def loaded(
    files: CertificateFiles, certificates: Sequence[x509.Certificate], key: PrivateKeyTypes
) -> LoadedCertificate:
    """What was read, put together.

    Raises:
        CertificateError: a name in `files` is none, or those in the certificate cannot be read.
    """
    certificate = certificates[0]
    names = tuple(map(_a_label, files.names)) or _names(certificate, files.certificate)
    chain, expires = tuple(certificates[1:]), certificate.not_valid_after_utc
    return LoadedCertificate(files, certificate, key, chain, names, expires, _exposed(files.key))


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
        CertificateError: it cannot be read, or is no file: a pipe would have us wait for ever.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CertificateError(f"cannot read {path}: it is no file")
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


def certificate_key(certificate: x509.Certificate, path: str) -> bytes:
    """The public key of a certificate, to compare.

    Raises:
        CertificateError: it is of a kind that is not known here.
    """
    try:
        return public_octets(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"the certificate in {path} has a key of a kind that is not known") from error


def alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    """The names in a certificate, besides that of its subject; perhaps none.

    Raises:
        ValueError: they cannot be read, or are there twice.
    """
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from error


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _exposed(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False


def _a_label(name: str) -> str:
    try:
        return ascii_name(name)
    except ValueError as error:
        raise CertificateError(f"{name!r} is no name that a certificate can be shown for") from error


def _names(certificate: x509.Certificate, path: str) -> tuple[str, ...]:
    """The DNS names of a certificate; the common name where it has no list of names."""
    try:
        alternatives = alternative_names(certificate)
        if len(list(alternatives)):
            return tuple(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError as error:
        raise CertificateError(f"the names of the certificate in {path} cannot be read") from error
    return tuple(str(attribute.value).lower() for attribute in found)
