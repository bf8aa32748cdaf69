"""Why a certificate cannot be used; why TLS with a host did not come about, in the words of reports (RFC 8460)."""

from __future__ import annotations

import enum

from OpenSSL import SSL


class CertificateError(Exception):
    """A certificate cannot be used; the text names the file and what is wrong with it."""


class Result(enum.Enum):
    """Result types of RFC 8460 section 4.3, as they stand in reports."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


class TLSRefused(SSL.Error):
    """TLS with a host is not what the policy demands; nothing of ours was sent through it.

    A connection is lost with this as its reason. It is an error of OpenSSL's, in the shape those have, so that
    Twisted treats a policy that is not met like any handshake that fails.

    Attributes:
        reason: for the log; names no secrets, but is not for the peer.
        result: for reports.
        during_handshake: False when no handshake was begun. An opportunistic client may go on in clear on a new
            connection after a failed one (RFC 7435 section 4).
    """

    def __init__(
        self, reason: str, result: Result = Result.VALIDATION_FAILURE, *, during_handshake: bool = True
    ) -> None:
        super().__init__([("mailframe", "tls", reason)])
        self.reason = reason
        self.result = result
        self.during_handshake = during_handshake

    def __str__(self) -> str:
        return self.reason

    @classmethod
    def not_offered(cls, host: str) -> TLSRefused:
        """The host does not speak TLS, and we must not go on without."""
        return cls(f"{host} offers no TLS", Result.STARTTLS_NOT_SUPPORTED, during_handshake=False)
