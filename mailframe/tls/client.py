"""Client contexts: from a policy to a connection that obeys it. Contexts are made once and shared."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import count

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from .connection import ClientConnection, Demands, noted, tested
from .errors import CertificateError
from .files import LoadedCertificate, ascii_name, load, now, read, signature
from .interfaces import IClientContexts
from .names import identities
from .options import CertificateFiles
from .policies import ClientPolicy, Level, is_ip_address

CONTEXTS_LIMIT = 64
"""Contexts kept; there are as many as there are different authorities and certificates of ours."""
SESSIONS_LIMIT = 500
"""Sessions kept for shorter handshakes, of the hosts met last; each is 10 to 80 KB."""
AGE_LIMIT = 24 * 3600.0
"""Seconds after which a context is made again: the platform's authorities change now and then."""
_ANY = "DEFAULT:@SECLEVEL=1"
"""Where any certificate will do, an old key is better than no encryption (RFC 7435 section 3)."""
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
MINIMUM = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


@dataclass(frozen=True)
class _Made:
    number: int
    context: SSL.Context
    seconds: float
    signature: object


@implementer(IClientContexts)
class ClientContexts:
    """The TLS of our clients.

    Args:
        authorities: PEM file of the authorities that are trusted; the platform's without it.
        certificate: shown to hosts that ask for one, where the policy names no other.
        minimum: the oldest version of TLS, ``"1.2"`` or ``"1.3"``.
        seconds: a clock.
    """

    def __init__(
        self,
        authorities: str | None = None,
        certificate: CertificateFiles | None = None,
        minimum: str = "1.2",
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authorities = authorities
        self._certificate = certificate
        self._minimum = MINIMUM[minimum]
        self._seconds = seconds
        self._numbers = count()
        self._made: OrderedDict[Hashable, _Made] = OrderedDict()
        self._sessions: OrderedDict[Hashable, _Kept] = OrderedDict()

    def creator(self, policy: ClientPolicy, host: str) -> IOpenSSLClientConnectionCreator:
        """What ``startTLS`` takes for one connection (see `IClientContexts.creator`)."""
        policy = policy.effective()
        if not policy.level.used:
            raise ValueError("a policy without TLS has no context")
        demands = _demands(policy)
        made = self._context(policy)
        host = host.rstrip(".").lower()
        return _Creator(
            made.context,
            demands,
            _server_name(policy.server_name or host),
            self._resumption(made, policy, host),
        )

    def _context(self, policy: ClientPolicy) -> _Made:
        looks = policy.level is Level.VERIFY or policy.testing
        authorities = (policy.authorities or self._authorities) if looks else None
        files = policy.certificate or self._certificate
        key = (policy.level.authenticated, looks, authorities, files)
        current = signature((files,) if files else (), (authorities,) if authorities else ())
        made = self._made.get(key)
        if made is None or made.signature != current or self._seconds() - made.seconds > AGE_LIMIT:
            made = _Made(
                next(self._numbers), self._build(policy, authorities, files), self._seconds(), current
            )
            self._made[key] = made
        self._made.move_to_end(key)
        if len(self._made) > CONTEXTS_LIMIT:
            self._made.popitem(last=False)
        return made

    def _build(
        self, policy: ClientPolicy, authorities: str | None, files: CertificateFiles | None
    ) -> SSL.Context:
        level = policy.level
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(self._minimum)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        if not level.authenticated:
            context.set_cipher_list(_ANY.encode())
        if level is Level.VERIFY:
            _trust(context, authorities)
            context.set_verify(SSL.VERIFY_PEER, noted)
        elif policy.testing:
            _trust(context, authorities)
            context.set_verify(SSL.VERIFY_PEER, tested)
        if files is not None:
            _present(context, load(files))
        return context

    def _resumption(self, made: _Made, policy: ClientPolicy, host: str) -> _Resumption | None:
        # With DANE each handshake shows the chain anew: the records may have changed since the session began. What is
        # tested is looked at anew each time, too.
        if policy.level is Level.DANE or policy.testing:
            return None
        return _Resumption(self._sessions, (made.number, host, policy.names))


@dataclass(frozen=True)
class _Kept:
    session: SSL.Session
    until: datetime | None


@dataclass(frozen=True)
class _Resumption:
    sessions: OrderedDict[Hashable, _Kept]
    key: Hashable

    def take(self) -> SSL.Session | None:
        """A session to begin with; each is used once, so that nobody sees two connections as one's (RFC 8446 C.4).

        None whose certificate has ended since: OpenSSL looks at dates in whole handshakes only.
        """
        kept = self.sessions.pop(self.key, None)
        if kept is None or (kept.until is not None and now() >= kept.until):
            return None
        return kept.session

    def keep(self, session: SSL.Session, until: datetime | None) -> None:
        self.sessions[self.key] = _Kept(session, until)
        if len(self.sessions) > SESSIONS_LIMIT:
            self.sessions.popitem(last=False)


@implementer(IOpenSSLClientConnectionCreator)
@dataclass(frozen=True)
class _Creator:
    context: SSL.Context
    demands: Demands
    server_name: bytes | None
    resumption: _Resumption | None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        resumption = self.resumption
        connection = ClientConnection(
            self.context, self.demands, None if resumption is None else resumption.keep
        )
        connection.set_connect_state()
        if self.server_name is not None:
            connection.set_tlsext_host_name(self.server_name)
        session = None if resumption is None else resumption.take()
        if session is not None:
            connection.set_session(session)
        return connection


@lru_cache(maxsize=1024)
def _demands(policy: ClientPolicy) -> Demands:
    names = identities(policy.names)
    if policy.level is Level.VERIFY and not names:
        raise ValueError("a policy that verifies needs a name to look for")
    return Demands(policy, names)


def _server_name(host: str) -> bytes | None:
    """SNI: the name as A-labels, nothing for addresses (RFC 6066 section 3), nor for what is no host's name.

    Names come from DNS as well, where any octets may stand.
    """
    if is_ip_address(host):
        return None
    try:
        name = ascii_name(host)
    except ValueError:
        return None
    return name.encode("ascii") if _HOST.fullmatch(name) and len(name) <= 253 else None


def _trust(context: SSL.Context, authorities: str | None) -> None:
    if authorities is None:
        context.set_default_verify_paths()
        return
    read(authorities)
    try:
        context.load_verify_locations(authorities)
    except SSL.Error as error:
        raise CertificateError(f"{authorities} has no authorities in PEM form") from error


def _present(context: SSL.Context, certificate: LoadedCertificate) -> None:
    context.use_certificate(certificate.certificate)
    context.use_privatekey(certificate.key)  # type: ignore[arg-type]
    for above in certificate.chain:
        context.add_extra_chain_cert(above)
