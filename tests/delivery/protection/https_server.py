"""A server of HTTPS on loopback for tests."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import maybeDeferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.tls.authorities import issue

SERVER_HOST = "mta-sts.example.test"


class Answering(Resource):
    """One answer to all; None: never an answer."""

    isLeaf = True

    def __init__(self, body: bytes | None, code: int = 200, kind: str = "text/plain; charset=utf-8") -> None:
        super().__init__()
        self.body, self.code, self.kind = body, code, kind
        self.requests: list[tuple[bytes, bytes, bytes, bytes | None]] = []

    def render(self, request: Any) -> Any:
        kind = request.getHeader(b"content-type")
        self.requests.append((request.method, request.uri, request.content.read(), kind))
        if self.body is None:
            return NOT_DONE_YET
        request.setResponseCode(self.code)
        request.setHeader("content-type", self.kind)
        request.setHeader("location", "https://elsewhere.test/")
        return self.body


class Raw(Answering):
    """Octets in place of an answer; the connection stays open."""

    def __init__(self, octets: bytes) -> None:
        super().__init__(None)
        self.octets = octets

    def render(self, request: Any) -> Any:
        request.transport.write(self.octets)
        return super().render(request)


def serve(test: Any, resource: Resource, **certificate: Any) -> int:
    """Serve until the test ends; gives the port."""
    issued = issue(certificate.pop("name", SERVER_HOST), **certificate)
    key = ssl.PrivateCertificate.loadPEM(issued.key_pem + issued.chain_pem)
    context = ssl.CertificateOptions(
        privateKey=key.privateKey.original,
        certificate=key.original,
        extraCertChain=[ssl.Certificate.loadPEM(_pem(one)).original for one in issued.chain[1:]],
    )
    port = reactor.listenSSL(0, Site(resource), context, interface="127.0.0.1")  # type: ignore[attr-defined]
    test.addCleanup(lambda: maybeDeferred(port.stopListening))
    return int(port.getHost().port)


def _pem(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    octets: bytes = certificate.public_bytes(Encoding.PEM)
    return octets
