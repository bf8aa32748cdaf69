"""Transports in memory, for tests of protocols."""

from __future__ import annotations

from typing import cast

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.testing import StringTransport
from zope.interface import alsoProvides

_PEER = IPv4Address("TCP", "192.0.2.1", 54321)


class MemoryTransport(StringTransport):
    """A transport in memory that can pretend TLS: from then on it says that it is secure, and encrypts nothing.

    Args:
        secure: TLS from the beginning.
        peer: the client's address.
        buffer_limit: octets that wait to be taken before the producer is paused, as a slow reader does it; 0 for
            no limit.

    Attributes:
        tls_started: how often STARTTLS was asked of it.
    """

    def __init__(self, secure: bool = False, peer: IPv4Address = _PEER, buffer_limit: int = 0) -> None:
        super().__init__(peerAddress=peer)  # type: ignore[no-untyped-call]
        self.tls_started = 0
        self._buffer_limit = buffer_limit
        if secure:
            alsoProvides(self, ISSLTransport)

    def write(self, data: bytes) -> None:
        """Keep octets, and pause the producer when there are many."""
        super().write(data)  # type: ignore[no-untyped-call]
        if self._buffer_limit and self.producer is not None and self.io.tell() > self._buffer_limit:
            self.producer.pauseProducing()

    def take(self) -> bytes:
        """What was written since this was last called; the producer may go on."""
        written = cast(bytes, self.value())  # type: ignore[no-untyped-call]
        self.clear()  # type: ignore[no-untyped-call]
        if self._buffer_limit and self.producer is not None:
            self.producer.resumeProducing()
        return written

    def startTLS(self, contexts: object, normal: bool = True) -> None:
        """Say that TLS is on."""
        self.tls_started += 1
        alsoProvides(self, ISSLTransport)

    def getHandle(self) -> PretendedTLS:
        """What a TLS connection would be asked for its facts."""
        return PretendedTLS()

    def getPeerCertificate(self) -> None:
        """Clients have none here."""


class PretendedTLS:
    """Answers as an OpenSSL connection does.

    Attributes:
        client_name: the verified name of a client certificate, where a test sets one.
        client_fingerprint: SHA-256 of it, likewise.
    """

    client_name: str | None = None
    client_fingerprint: str | None = None

    def get_cipher_name(self) -> str:
        """A cipher."""
        return "TLS_AES_256_GCM_SHA384"

    def get_cipher_bits(self) -> int:
        """Its strength."""
        return 256

    def get_protocol_version_name(self) -> str:
        """A version."""
        return "TLSv1.3"

    def get_servername(self) -> bytes:
        """The name a client asked for."""
        return b"mail.example.test"

    def export_keying_material(self, label: bytes, size: int) -> bytes:
        """A channel binding that is always the same."""
        return b"\1" * size
