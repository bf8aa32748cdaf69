"""One TLS connection of a server: OpenSSL's, which tells how its handshake went and who the client is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol

from . import metrics
from .names import client_name
from .pieces import PiecewiseConnection
from .reasons import describe, verification

log = Logger()


class ServerConnection(PiecewiseConnection):
    """Counts handshakes, and writes one line about each that fails.

    Args:
        context: of the certificate for clients that ask for no name.
        protocol: what Twisted runs it with; asked for the peer's address.

    Attributes:
        client_name: the verified name in the client's certificate, or None (see `mailframe.tls.names.client_name`).
        client_fingerprint: SHA-256 of the client's certificate where that was verified, in hexadecimal digits.
        verified: ``"pkix"`` when the client was authenticated, else None.
    """

    client_name: str | None = None
    client_fingerprint: str | None = None
    verified: str | None = None

    def __init__(self, context: SSL.Context, protocol: TLSMemoryBIOProtocol) -> None:
        super().__init__(context)
        # OpenSSL asks this context for the name once more after a hello that has to be repeated; by then the
        # connection has another, and the certificates may have been swapped.
        self._first = context
        self.set_app_data(protocol)
        self._settled = False
        self._wrong: str | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake()
        except (SSL.WantReadError, SSL.WantWriteError):
            raise
        except SSL.Error as error:
            self._failed(self._wrong or describe(error))
            raise
        if not self._settled:
            self._done()

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """What the client said. With TLS 1.3 it may say only here that it refuses our certificate."""
        try:
            return super().recv(bufsiz, flags)
        except (SSL.WantReadError, SSL.ZeroReturnError):
            raise
        except SSL.Error as error:
            if self.get_shutdown() & SSL.SENT_SHUTDOWN:
                # We have said goodbye, and need not wait for the client's (RFC 8446 section 6.1).
                raise SSL.ZeroReturnError from None
            reason = describe(error)
            if "alert" in reason:
                self._settled = False
                self._failed(reason)
            raise

    def bio_shutdown(self) -> None:
        """Nothing more comes from the client."""
        if not self._settled:
            self._settled = True
            metrics.GONE.inc()
        super().bio_shutdown()

    def wrong(self, reason: str) -> None:
        """The client's certificate is not accepted; the first reason is told."""
        if self._wrong is None:
            self._wrong = reason

    def _done(self) -> None:
        self._settled = True
        metrics.DONE.get(self.get_protocol_version_name(), metrics.DONE_OTHERWISE).inc()
        if self._wrong is not None:
            log.info(
                "the certificate of {peer} is not accepted: {reason}", peer=self._peer(), reason=self._wrong
            )
            return
        try:
            certificate = self.get_peer_certificate(as_cryptography=True)
        except ValueError:
            log.info("the certificate of {peer} cannot be read", peer=self._peer())
            return
        if certificate is not None:
            self.verified = "pkix"
            self.client_name = client_name(certificate)
            self.client_fingerprint = certificate.fingerprint(hashes.SHA256()).hex()

    def _failed(self, reason: str) -> None:
        if not self._settled:
            self._settled = True
            metrics.FAILED.inc()
            log.info("TLS with {peer} failed: {reason}", peer=self._peer(), reason=reason)

    def _peer(self) -> str:
        transport: Any = getattr(self.get_app_data(), "transport", None)
        if transport is None:
            return "unknown"
        return str(getattr(transport.getPeer(), "host", "unix"))


def asked(required: bool) -> Callable[[SSL.Connection, object, int, int, int], bool]:
    """What a context calls for each certificate that a client shows.

    Args:
        required: turn clients away whose certificate is not good; otherwise they are served without a name.
    """

    def verify(connection: SSL.Connection, certificate: object, code: int, depth: int, accepted: int) -> bool:
        if accepted:
            return True
        if not isinstance(connection, ServerConnection):
            # Nobody would know that the name in the certificate is worth nothing.
            return False
        connection.wrong(verification(code, depth).reason)
        return not required

    return verify
