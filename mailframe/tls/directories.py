"""Certificates found in a directory by what is in its files, not by how they are called.

certbot writes ``NAME/fullchain.pem`` and ``NAME/privkey.pem``, lego ``NAME.crt`` and ``NAME.key``, acme.sh
``NAME_ecc/fullchain.cer`` and ``NAME.key``; others one ``NAME.pem`` with everything. In each folder every private key
is put together with the certificate of its public key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from mailframe.config.types import FilePath

from .errors import CertificateError
from .files import (
    LoadedCertificate,
    certificate_key,
    loaded,
    public_octets,
    read,
    read_key,
)
from .options import CertificateFiles

SUFFIXES = (".pem", ".crt", ".cer", ".key")
"""How files end that are looked at."""
FOLDERS_LIMIT = 10_000
FILES_LIMIT = 10_000
"""Files looked at in one folder."""

Signature = tuple[object, ...]


@dataclass(frozen=True)
class Folder:
    """What one folder held at one time.

    Attributes:
        certificates: sorted by the path of the key.
        problems: what is wrong with the rest, for administrators.
        signature: differs when a file was written.
    """

    certificates: tuple[LoadedCertificate, ...]
    problems: tuple[str, ...]
    signature: Signature


def folders(directory: str) -> list[str]:
    """The directory and its subdirectories, sorted; those that cannot be looked into are left out.

    Raises:
        CertificateError: the directory itself cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            below = sorted(entry.path for entry in entries if _is_folder(entry))
    except OSError as error:
        raise CertificateError(f"cannot read {directory}: {error.strerror}") from error
    return [directory, *below[:FOLDERS_LIMIT]]


def look(directories: Sequence[str], before: Mapping[str, Folder]) -> dict[str, Folder]:
    """All folders of some directories; only what was written since is read.

    Args:
        directories: where certificates are.
        before: what this returned last time.

    Raises:
        CertificateError: a directory cannot be read.
    """
    found: dict[str, Folder] = {}
    for directory in directories:
        for path in folders(directory):
            current = folder_signature(path)
            known = before.get(path)
            if known is None or known.signature != current:
                known = _read_folder(path, current, known.certificates if known else ())
            found[path] = known
    return found


def folder_signature(path: str) -> Signature:
    """Something that differs when a file in the folder was written."""
    signature: list[object] = []
    for file in _files(path):
        try:
            status = os.stat(file)
            signature.append((file, status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            signature.append((file, None))
    return tuple(signature)


def _files(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            found = [one for one in entries if one.name.endswith(SUFFIXES) and one.name.isprintable()]
            return sorted(one.path for one in found if not _is_folder(one))[:FILES_LIMIT]
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        # What is not printable could not be told of in the log.
        return entry.is_dir() and entry.name.isprintable()
    except OSError:
        # A link to itself, or into something that may not be looked at.
        return False


def _read_folder(path: str, signature: Signature, before: Sequence[LoadedCertificate]) -> Folder:
    certificates: dict[bytes, tuple[str, list[x509.Certificate]]] = {}
    keys: list[tuple[str, PrivateKeyTypes]] = []
    problems: dict[str, str] = {}
    for file in _files(path):
        try:
            octets = read(file)
            _keep_best(certificates, file, octets)
            if b"PRIVATE KEY-----" in octets:
                keys.append((file, read_key(octets, file)))
        except CertificateError as error:
            problems[file] = str(error)
    found: dict[bytes, LoadedCertificate] = {}
    for file, key in keys:
        public = public_octets(key.public_key())
        if public in found:
            continue
        if public not in certificates:
            problems[file] = f"no certificate in {path} belongs to the key in {file}"
            continue
        place, chain = certificates[public]
        try:
            found[public] = loaded(CertificateFiles(FilePath(place), FilePath(file)), chain, key)
        except CertificateError as error:
            problems[file] = str(error)
    kept = [one for one in before if one.files.key in problems]
    return Folder((*found.values(), *kept), tuple(problems.values()), signature)


def _keep_best(
    certificates: dict[bytes, tuple[str, list[x509.Certificate]]], file: str, octets: bytes
) -> None:
    """Of several files that begin with a certificate of one key: the newest, then the one with the longest chain."""
    if b"BEGIN CERTIFICATE-----" not in octets:
        return
    try:
        chain = x509.load_pem_x509_certificates(octets)
    except ValueError as error:
        raise CertificateError(f"{file} has a certificate that cannot be read") from error
    public = certificate_key(chain[0], file)
    known = certificates.get(public)
    if known is None or _rank(chain) > _rank(known[1]):
        certificates[public] = (file, chain)


def _rank(chain: Sequence[x509.Certificate]) -> tuple[object, int]:
    return chain[0].not_valid_after_utc, len(chain)


def watched(paths: Sequence[str], directories: Sequence[str]) -> Iterator[str]:
    """The directories whose entries change when a certificate does: also those that links point into."""
    for path in paths:
        yield os.path.dirname(path)
        yield os.path.dirname(os.path.realpath(path))
    for directory in directories:
        try:
            yield from folders(directory)
        except CertificateError:
            yield directory
