"""What OpenSSL says went wrong, in words for the log and in the types of reports."""

from __future__ import annotations

from OpenSSL import SSL

from .errors import Result, TLSRefused

_CODES = SSL.X509VerificationCodes
_UNTRUSTED = (
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT,
    _CODES.ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
    _CODES.ERR_SELF_SIGNED_CERT_IN_CHAIN,
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
    _CODES.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    _CODES.ERR_CERT_UNTRUSTED,
)
_WORDS = {
    _CODES.ERR_CERT_HAS_EXPIRED: "the certificate has expired",
    _CODES.ERR_CERT_NOT_YET_VALID: "the certificate is not valid yet",
    _CODES.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is signed by itself",
    _CODES.ERR_SELF_SIGNED_CERT_IN_CHAIN: "the authority of the certificate is not trusted",
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT: "the authority of the certificate is not known",
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the authority of the certificate is not known",
    _CODES.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the authority of the certificate is not known",
    _CODES.ERR_CERT_REVOKED: "the certificate was revoked",
    _CODES.ERR_INVALID_PURPOSE: "the certificate is not for this purpose",
}
_NAMES = {
    value: name.removeprefix("ERR_").replace("_", " ").lower()
    for name, value in vars(_CODES).items()
    if isinstance(value, int)
}


def verification(code: int, depth: int = 0) -> TLSRefused:
    """What an error of chain verification means.

    Args:
        code: one of ``OpenSSL.SSL.X509VerificationCodes``.
        depth: how far above the peer's own certificate, which has 0.
    """
    words = _WORDS.get(code) or _NAMES.get(code) or f"certificate verification failed ({code})"
    if depth and code not in _UNTRUSTED:
        words += f" (number {depth} of the chain above it)"
    expired = code in (_CODES.ERR_CERT_HAS_EXPIRED, _CODES.ERR_CERT_NOT_YET_VALID)
    return TLSRefused(words, Result.CERTIFICATE_EXPIRED if expired else Result.CERTIFICATE_NOT_TRUSTED)


def describe(error: SSL.Error) -> str:
    """The last of OpenSSL's errors in its own words, such as ``no shared cipher``; never empty."""
    if isinstance(error, TLSRefused):
        return error.reason
    if isinstance(error, SSL.SysCallError):
        return "the connection was closed"
    queue = error.args[0] if error.args else None
    if not queue or not isinstance(queue, list):
        # OpenSSL 4 reports the end of the connection with an empty queue.
        return "the connection was closed"
    reason = str(queue[-1][2])
    return "the connection was closed" if reason.casefold().startswith("unexpected eof") else reason
