"""Is this the certificate that TLSA records tell of? RFC 6698, 7671 and, for SMTP, 7672. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from .errors import Result, TLSRefused
from .names import Identity, matches, shown
from .policies import Matching, Selector, TLSARecord, Usage, usable_records
from .reasons import verification

CHAIN_LIMIT = 16
"""Certificates of a chain that are looked at."""
_PURPOSES = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
RECORDS_LIMIT = 64
"""Records that are looked at: each is held against each certificate, and a hostile zone may have thousands."""


def authenticate(
    chain: Sequence[x509.Certificate], records: Sequence[TLSARecord], names: Sequence[Identity]
) -> str:
    """Hold what a host showed against its records; one that matches is enough.

    Args:
        chain: as the host showed it, its own certificate first.
        records: of a secure answer; what is unusable among them is passed over.
        names: for DANE-TA, of which the certificate must have one (RFC 7672 section 3.1.2).

    Returns:
        ``"dane-ee"`` or ``"dane-ta"``, by what it matched.

    Raises:
        TLSRefused: no record matches.
    """
    usable = tuple(dict.fromkeys(usable_records(records)))[:RECORDS_LIMIT]
    if not usable:
        raise TLSRefused("no TLSA record can be used", Result.TLSA_INVALID)
    if not chain:
        raise TLSRefused("the host showed no certificate", Result.CERTIFICATE_NOT_TRUSTED)
    chain = chain[:CHAIN_LIMIT]
    # Neither names nor dates are looked at: the record says it all (RFC 7672 section 3.1.1).
    if any(record.usage == Usage.DANE_EE and associated(record, chain[0]) for record in usable):
        return "dane-ee"
    refusals = [_below(anchor, chain) for anchor in _anchors(chain, usable)]
    if not refusals:
        raise TLSRefused("no TLSA record matches its certificate", Result.CERTIFICATE_NOT_TRUSTED)
    if None not in refusals:
        raise next(refusal for refusal in refusals if refusal is not None)
    if not _for_servers(chain[0]):
        raise TLSRefused("the certificate is not for servers", Result.CERTIFICATE_NOT_TRUSTED)
    if not matches(chain[0], names, common_name=True):
        names_shown = ", ".join(shown(chain[0])) or "no name"
        raise TLSRefused(f"the certificate is for {names_shown}", Result.CERTIFICATE_HOST_MISMATCH)
    return "dane-ta"


def associated(record: TLSARecord, certificate: x509.Certificate) -> bool:
    """Is this certificate, or its key, the one of the record?"""
    octets = (
        key_octets(certificate)
        if record.selector == Selector.SPKI
        else certificate.public_bytes(Encoding.DER)
    )
    return _digest(record.matching, octets) == record.association


def key_octets(certificate: x509.Certificate) -> bytes:
    """The ``subjectPublicKeyInfo`` as it stands in the certificate, also of a kind that nobody here knows.

    cryptography would write it anew, which may give other octets, such as for a compressed point.
    """
    _, fields, _ = _element(certificate.tbs_certificate_bytes)
    # RFC 5280 section 4.1: version (which may be missing), serialNumber, signature, issuer, validity, subject.
    tag, _, rest = _element(fields)
    for _ in range(5 if tag == _VERSION else 4):
        _, _, rest = _element(rest)
    return rest[: len(rest) - len(_element(rest)[2])]


_VERSION = 0xA0
"""The tag of the first field, where it is the version."""


def _element(octets: bytes) -> tuple[int, bytes, bytes]:
    """The first element of some DER that was found right before: its tag, its content, what comes after it."""
    length, begin = octets[1], 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(octets[2:begin])
    return octets[0], octets[begin : begin + length], octets[begin + length :]


def _for_servers(certificate: x509.Certificate) -> bool:
    """Without a list of purposes it is for all (RFC 5280 section 4.2.1.12)."""
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(_PURPOSES & set(purposes))


def _digest(matching: int, octets: bytes) -> bytes:
    if matching == Matching.SHA2_256:
        return hashlib.sha256(octets).digest()
    if matching == Matching.SHA2_512:
        return hashlib.sha512(octets).digest()
    return octets


def _anchors(chain: Sequence[x509.Certificate], records: Sequence[TLSARecord]) -> list[x509.Certificate]:
    """Certificates that the records make authorities; the host's own is none (RFC 7671 section 5.2)."""
    found: list[x509.Certificate] = []
    for record in records:
        if record.usage != Usage.DANE_TA or associated(record, chain[0]):
            continue
        found += [certificate for certificate in chain[1:] if associated(record, certificate)]
        # Whole certificates and keys need not be shown by the host again (RFC 7671 section 5.2.2 and 5.2.3).
        if record.matching == Matching.FULL:
            found += _whole(record, chain)
    return list(dict.fromkeys(found))


def _whole(record: TLSARecord, chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    try:
        if record.selector == Selector.CERT:
            return [x509.load_der_x509_certificate(record.association)]
        key = load_der_public_key(record.association)
    except Exception:
        # Whatever cryptography raises for octets that are no certificate and no key it knows.
        return []
    return [certificate for certificate in chain if _signed_by(certificate, key)]


def _below(anchor: x509.Certificate, chain: Sequence[x509.Certificate]) -> TLSRefused | None:
    """Does the chain lead up to that anchor, with dates and signatures right? OpenSSL builds it."""
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(anchor))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    shown_chain = [crypto.X509.from_cryptography(certificate) for certificate in chain]
    try:
        crypto.X509StoreContext(store, shown_chain[0], shown_chain[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        return verification(error.errors[0], error.errors[1])
    except crypto.Error:
        return TLSRefused("the chain cannot be verified", Result.CERTIFICATE_NOT_TRUSTED)
    return None


def _signed_by(certificate: x509.Certificate, key: object) -> bool:
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    try:
        digest, parameters = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
        if isinstance(key, rsa.RSAPublicKey) and digest is not None:
            check = partial(key.verify, signature, signed, parameters, digest)  # type: ignore[arg-type]
        elif isinstance(key, ec.EllipticCurvePublicKey):
            check = partial(key.verify, signature, signed, parameters)  # type: ignore[arg-type]
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            check = partial(key.verify, signature, signed)
        else:
            return False
        check()
    except Exception:
        # A wrong signature, or an algorithm that cryptography does not know: not signed by this key as far as
        # we can tell.
        return False
    return True
