"""One TLS connection of a client: OpenSSL's, which looks at who answered before the handshake counts as done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from . import metrics
from .dane import authenticate
from .errors import Result, TLSRefused
from .names import Identity, matches, shown
from .pieces import PiecewiseConnection
from .policies import ClientPolicy, Level
from .reasons import describe, verification

KEPT_CHAIN_LIMIT = 8192
"""Octets of a chain whose session is kept; in OpenSSL's memory it is ten times as large."""


@dataclass(frozen=True)
class Demands:
    """A policy as a connection needs it.

    Attributes:
        policy: with its effective level.
        names: its names, prepared.
    """

    policy: ClientPolicy
    names: tuple[Identity, ...]


class ClientConnection(PiecewiseConnection):
    """Fails with `TLSRefused` when the handshake fails or the host is not who it should be.

    Twisted asks `do_handshake` until it returns, and sends what was written to it only then. So the policy is
    looked at there: what comes out as an error is a handshake that failed, to all above.

    Args:
        context: verifies chains itself with `Level.VERIFY`, and calls `noted` then.
        demands: what is looked at.
        keep: takes this connection's session when it ends, for a shorter handshake next time, and until when it is
            good at most; or None.

    Attributes:
        verified: by what the host was authenticated, ``"pkix"``, ``"dane-ee"`` or ``"dane-ta"``; None otherwise.
        fault: with a policy that is only tested, why `Level.VERIFY` would have failed; None otherwise.
        client_name: None; a host has no such name (see `mailframe.dialogue.tls_facts`).
    """

    client_name: str | None = None

    def __init__(
        self,
        context: SSL.Context,
        demands: Demands,
        keep: Callable[[SSL.Session, datetime | None], None] | None = None,
    ) -> None:
        super().__init__(context)
        self._demands = demands
        self._keep = keep
        self._wrong: TLSRefused | None = None
        self._agreed = False
        self._until: datetime | None = None
        self.verified: str | None = None
        self.fault: TLSRefused | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake; at its end, look at the host.

        Raises:
            WantReadError: more has to be read first.
            TLSRefused: it failed.
        """
        try:
            super().do_handshake()
        except (SSL.WantReadError, SSL.WantWriteError):
            raise
        except SSL.Error as error:
            metrics.CLIENT_REFUSED.inc()
            raise self._wrong or TLSRefused(f"the TLS handshake failed: {describe(error)}") from error
        if not self._agreed:
            self._agree()

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """What the host said; before the end of the handshake it is asked only when the connection is gone."""
        if self._agreed:
            return super().recv(bufsiz, flags)
        try:
            return super().recv(bufsiz, flags)
        except (SSL.WantReadError, SSL.WantWriteError):
            raise
        except SSL.Error as error:
            metrics.CLIENT_REFUSED.inc()
            raise TLSRefused("the connection ended during the TLS handshake") from error

    def shutdown(self) -> bool:
        """Say goodbye; the session is kept here, since TLS 1.3 gives tickets only after the handshake."""
        if self._agreed and self._keep is not None:
            keep, self._keep = self._keep, None
            session = self.get_session() if self._is_short() else None
            if session is not None:
                keep(session, self._until)
        return super().shutdown()

    def wrong(self, code: int, depth: int) -> None:
        """OpenSSL does not accept the chain; the first reason is told."""
        if self._wrong is None:
            self._wrong = verification(code, depth)

    def _is_short(self) -> bool:
        """Is the chain, which OpenSSL keeps with the session, of a size that may be kept for every host?"""
        try:
            chain = self.get_peer_cert_chain(as_cryptography=True) or ()
            return sum(len(one.public_bytes(Encoding.DER)) for one in chain) <= KEPT_CHAIN_LIMIT
        except ValueError:
            return False

    def _agree(self) -> None:
        try:
            self.verified = self._authenticated()
        except TLSRefused:
            metrics.CLIENT_REFUSED.inc()
            raise
        except Exception as error:
            # Whatever cryptography raises for a certificate that OpenSSL could read. Twisted knows errors of TLS
            # only, and it is the host's fault, not ours.
            metrics.CLIENT_REFUSED.inc()
            raise TLSRefused(
                "a certificate of the host cannot be read", Result.CERTIFICATE_NOT_TRUSTED
            ) from error
        self._agreed = True
        metrics.CLIENT_DONE.inc()

    def _authenticated(self) -> str | None:
        level = self._demands.policy.level
        if level is Level.VERIFY:
            self._has_name()
            return "pkix"
        if level is Level.DANE:
            chain = self.get_peer_cert_chain(as_cryptography=True) or ()
            return authenticate(chain, self._demands.policy.tlsa, self._demands.names)
        if self._demands.policy.testing:
            self.fault = self._tested()
        return None

    def _tested(self) -> TLSRefused | None:
        if self._wrong is not None:
            return self._wrong
        try:
            self._has_name()
        except TLSRefused as refused:
            return refused
        except Exception:
            # Whatever cryptography raises for a certificate that it cannot read.
            return TLSRefused("a certificate of the host cannot be read", Result.CERTIFICATE_NOT_TRUSTED)
        return None

    def _has_name(self) -> None:
        certificate = self.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            raise TLSRefused("the host showed no certificate", Result.CERTIFICATE_NOT_TRUSTED)
        if not matches(certificate, self._demands.names):
            names = ", ".join(shown(certificate)) or "no name"
            raise TLSRefused(f"the certificate is for {names}", Result.CERTIFICATE_HOST_MISMATCH)
        self._until = certificate.not_valid_after_utc


def noted(connection: SSL.Connection, certificate: object, code: int, depth: int, accepted: int) -> bool:
    """What a context calls for each certificate of a chain: nothing is overruled, the reason is kept."""
    if not accepted and isinstance(connection, ClientConnection):
        connection.wrong(code, depth)
    return bool(accepted)


def tested(connection: SSL.Connection, certificate: object, code: int, depth: int, accepted: int) -> bool:
    """As `noted`, where a policy is only tested: the reason is kept, and the chain is accepted."""
    noted(connection, certificate, code, depth, accepted)
    return True
