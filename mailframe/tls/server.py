"""Server contexts: one for each certificate, chosen by the name the client asks for, swapped as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import attrs
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from .files import CertificateError, LoadedCertificate, load, now, signature
from .interfaces import IServerContexts
from .options import CIPHERS, CertificateFiles

log = Logger()

__all__ = ["CertificateError", "CertificateFiles", "Contexts", "wrap"]

MINIMUM = {"1.2": TLSVersion.TLSv1_2, "1.3": TLSVersion.TLSv1_3}
"""TLS versions that may be the oldest one accepted; 1.0 and 1.1 are gone (RFC 8996)."""
EXPIRY_WARNING_DAYS = 14


@attrs.frozen
class _Generation:
    """What was loaded at one time."""

    certificates: tuple[LoadedCertificate, ...]
    creator: IOpenSSLServerConnectionCreator
    signature: tuple[object, ...]


@implementer(IServerContexts)
class Contexts:
    """The certificates of a node.

    Args:
        certificates: the first is the default, shown to clients that ask for no name or an unknown one.
        minimum: the oldest TLS version, ``"1.2"`` or ``"1.3"`` (``TLSv`` may be in front).
        ciphers: for TLS 1.2, as OpenSSL writes them.

    Raises:
        CertificateError: a certificate cannot be used, or there is none.
    """

    def __init__(
        self, certificates: Sequence[CertificateFiles], minimum: str = "1.2", ciphers: str = CIPHERS
    ) -> None:
        if not certificates:
            raise CertificateError("TLS needs at least one certificate")
        if minimum.removeprefix("TLSv") not in MINIMUM:
            raise CertificateError(f"the oldest TLS version is one of {', '.join(MINIMUM)}, not {minimum}")
        self._files = tuple(certificates)
        self._minimum = minimum.removeprefix("TLSv")
        self._ciphers = ciphers
        self._refused: tuple[object, ...] | None = None
        self._generation = self._load()

    def contexts(self) -> IOpenSSLServerConnectionCreator:
        """What ``startTLS`` takes, with the certificates of this moment."""
        return self._generation.creator

    def reload(self) -> None:
        """Read all files again; connections from now on get the new certificates.

        Raises:
            CertificateError: something is wrong with them; nothing has changed.
        """
        self._generation = self._load()
        self._refused = None

    def watch(self, clock: IReactorTime, seconds: float = 60.0) -> Callable[[], None]:
        """Look at the files every so often, and load them when one was written.

        New files that cannot be used are logged once and the old certificates stay.

        Returns:
            Call it to stop.
        """
        loop = LoopingCall(self._look)
        loop.clock = clock
        loop.start(seconds, now=False).addErrback(
            lambda failure: log.failure("watching certificates ended", failure)
        )

        def stop() -> None:
            if loop.running:
                loop.stop()

        return stop

    def problems(self) -> list[str]:
        """What an administrator should know: certificates that have ended, or will in two weeks."""
        return [text for text in map(_problem, self._generation.certificates) if text is not None]

    def _look(self) -> None:
        current = signature(self._files)
        if current in (self._generation.signature, self._refused):
            return
        try:
            self.reload()
        except CertificateError as error:
            self._refused = current
            log.error("new certificates cannot be used, the old ones stay: {reason}", reason=str(error))
        else:
            log.info("certificates loaded: {names}", names=[c.names for c in self._generation.certificates])

    def _load(self) -> _Generation:
        seen = signature(self._files)
        certificates = tuple(map(load, self._files))
        creator = self._build(certificates)
        for certificate in certificates:
            text = _problem(certificate)
            if text is not None:
                log.warn("{problem}", problem=text)
        return _Generation(certificates, creator, seen)

    def _build(self, certificates: Sequence[LoadedCertificate]) -> CertificateOptions:
        by_name: dict[str, SSL.Context] = {}
        # The first certificate that has a name is shown for it.
        for certificate in reversed(certificates):
            context = self._options(certificate).getContext()
            by_name.update(dict.fromkeys(certificate.names, context))

        def choose(name: bytes | None) -> SSL.Context | None:
            return _choose(by_name, name)

        options = self._options(certificates[0], choose)
        options.getContext()
        return options

    def _options(
        self,
        certificate: LoadedCertificate,
        choose: Callable[[bytes | None], SSL.Context | None] | None = None,
    ) -> CertificateOptions:
        # pyOpenSSL takes cryptography's own objects; Twisted's annotations name the deprecated wrappers.
        try:
            options = CertificateOptions(
                privateKey=cast(Any, certificate.key),
                certificate=cast(Any, certificate.certificate),
                extraCertChain=cast(Any, list(certificate.chain)),
                acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(self._ciphers),
                insecurelyLowerMinimumTo=MINIMUM[self._minimum],
                contextForServerName=choose,
            )
            options.getContext()
        except (SSL.Error, ValueError) as error:
            raise CertificateError(f"OpenSSL refuses {certificate.files.certificate}: {error}") from error
        return options


def wrap(factory: IProtocolFactory, contexts: IServerContexts, clock: IReactorTime) -> IProtocolFactory:
    """A factory whose connections begin with the TLS handshake (implicit TLS, RFC 8314 section 3)."""
    return TLSMemoryBIOFactory(_Current(contexts), False, factory, clock)


@implementer(IOpenSSLServerConnectionCreator)
class _Current:
    """Asks for the current contexts at each connection."""

    def __init__(self, contexts: IServerContexts) -> None:
        self._contexts = contexts

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return self._contexts.contexts().serverConnectionForTLS(tlsProtocol)


def _choose(by_name: dict[str, SSL.Context], name: bytes | None) -> SSL.Context | None:
    """Exact name, then the wildcard of its parent; None keeps the default."""
    if not name:
        return None
    asked = name.decode("ascii", "replace").lower().rstrip(".")
    return by_name.get(asked) or by_name.get("*." + asked.partition(".")[2])


def _problem(certificate: LoadedCertificate) -> str | None:
    moment = now()
    path, day = certificate.files.certificate, certificate.expires.date().isoformat()
    if certificate.expired(moment):
        return f"the certificate in {path} expired on {day}"
    if certificate.begins_later(moment):
        return f"the certificate in {path} is not valid yet"
    if (certificate.expires - moment).days < EXPIRY_WARNING_DAYS:
        return f"the certificate in {path} expires on {day}"
    return None
