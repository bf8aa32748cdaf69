"""Server contexts: one for each set of names, chosen by the name the client asks for, swapped as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from weakref import WeakKeyDictionary

import attrs
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from . import metrics
from .context import VERSIONS, choose_by_name, key_kind, server_context, try_out
from .directories import Folder, look, watched
from .errors import CertificateError
from .files import LoadedCertificate, ascii_name, load, now, signature
from .handshake import ServerConnection
from .interfaces import IServerContexts
from .options import CIPHERS, CertificateFiles, TLSOptions
from .watching import Watch

log = Logger()

__all__ = ["CertificateError", "CertificateFiles", "Contexts", "wrap"]

EXPIRY_WARNING_DAYS = 14
RETRY = 5.0
"""Seconds from new files that cannot be used to a second look: they may have been half written."""
LONG = 3600.0
"""Seconds from look to look where files are not watched, and only the keys of tickets are made anew."""

Group = tuple[LoadedCertificate, ...]
"""Certificates for the same name, with keys of different kinds."""


@attrs.frozen(eq=False)
class _Generation:
    """What was loaded at one time."""

    certificates: tuple[LoadedCertificate, ...]
    creator: IOpenSSLServerConnectionCreator
    signature: tuple[object, ...]
    folders: Mapping[str, Folder]
    contexts: Mapping[Group, SSL.Context]
    left_out: tuple[str, ...]

    def problems(self) -> list[str]:
        found = [text for one in self.certificates for text in _problems(one)]
        found += [text for folder in self.folders.values() for text in folder.problems]
        return [*found, *self.left_out]


@implementer(IServerContexts)
class Contexts:
    """The certificates of a node.

    Args:
        certificates: the first is the default, shown to clients that ask for no name or an unknown one.
        minimum: the oldest TLS version, ``"1.2"`` or ``"1.3"`` (``TLSv`` may be in front).
        ciphers: for TLS 1.2, as OpenSSL writes them.
        options: all of ``[tls]``; then the arguments before it count for nothing.
        hostname: where no certificate is listed, one found for this name is the default.

    Raises:
        CertificateError: a certificate cannot be used, or there is none.
    """

    def __init__(
        self,
        certificates: Sequence[CertificateFiles] = (),
        minimum: str = "1.2",
        ciphers: str = CIPHERS,
        *,
        options: TLSOptions | None = None,
        hostname: str = "",
    ) -> None:
        minimum = minimum.removeprefix("TLSv")
        if minimum not in VERSIONS:
            raise CertificateError(f"the oldest TLS version is one of {', '.join(VERSIONS)}, not {minimum}")
        self._options = options or TLSOptions(
            certificates=list(certificates), minimum=minimum, ciphers=ciphers
        )
        self._files = tuple(self._options.certificates)
        if not self._options.configured:
            raise CertificateError("TLS needs at least one certificate")
        self._hostname = hostname.lower()
        self._suspect: tuple[object, ...] | None = None
        self._refused: tuple[object, ...] | None = None
        self._told: date | None = None
        self._tried: WeakKeyDictionary[LoadedCertificate, str | None] = WeakKeyDictionary()
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
        self._refused = self._suspect = None

    def watch(self, clock: IReactorTime, seconds: float = 60.0) -> Callable[[], None]:
        """Look at the files every so often, and at once where Linux tells, and load them when one was written.

        New files that cannot be used are logged once and the old certificates stay. The keys of session tickets are
        made anew in their time as well.

        Args:
            clock: the reactor.
            seconds: from look to look; 0 to leave the files alone.

        Returns:
            Call it to stop.
        """
        lifetime = self._options.session_lifetime
        rotation = clock.seconds() + lifetime

        def turn() -> None:
            nonlocal rotation
            if lifetime and clock.seconds() >= rotation:
                rotation = clock.seconds() + lifetime
                self._renew_tickets()
            if seconds and not self._look():
                watch.look_soon(RETRY)

        watch = Watch(clock, seconds or min(LONG, lifetime or LONG), turn, self._places if seconds else tuple)
        watch.start()
        return watch.stop

    def problems(self) -> list[str]:
        """What an administrator should know: certificates that end soon, keys for all to read, files left out."""
        found = self._generation.problems()
        if self._refused is not None:
            found.append("new certificates cannot be used, the old ones stay")
        return found

    def names(self) -> list[tuple[str, ...]]:
        """The names of all certificates, the default's first."""
        return [certificate.names for certificate in self._generation.certificates]

    def _look(self) -> bool:
        """Load what is new; False when it cannot be used but may only be half written."""
        if self._told != now().date():
            self._tell(self._generation)
        try:
            current = self._signature(look(self._options.directories, self._generation.folders))
            if current == self._generation.signature:
                self._refused = self._suspect = None
                return True
            self.reload()
        except CertificateError as error:
            return self._not_usable(str(error))
        metrics.CERTIFICATES_LOADED.inc()
        log.info("certificates loaded: {names}", names=[c.names for c in self._generation.certificates])
        return True

    def _not_usable(self, reason: str) -> bool:
        current = (signature(self._files), reason)
        if current == self._refused:
            return True
        if current != self._suspect:
            self._suspect = current
            return False
        self._refused = current
        metrics.CERTIFICATES_REFUSED.inc()
        log.error("new certificates cannot be used, the old ones stay: {reason}", reason=reason)
        return True

    def _renew_tickets(self) -> None:
        """OpenSSL makes the keys of tickets with a context, so new contexts have new keys."""
        old = self._generation
        by_name, default = self._by_name(old.certificates)
        self._generation = attrs.evolve(old, creator=self._creator(by_name, default, old.contexts))

    def _places(self) -> Iterable[str]:
        paths = [path for files in self._files for path in (files.certificate, files.key)]
        return watched(paths, self._options.directories)

    def _signature(self, folders: Mapping[str, Folder]) -> tuple[object, ...]:
        return (
            signature(self._files, self._authorities()),
            tuple((path, folder.signature) for path, folder in folders.items()),
        )

    def _authorities(self) -> Sequence[str]:
        path = self._options.client_authorities
        return () if path is None else (path,)

    def _load(self) -> _Generation:
        before: _Generation | None = getattr(self, "_generation", None)
        folders = look(self._options.directories, before.folders if before else {})
        seen = self._signature(folders)
        found, left_out = self._usable(one for folder in folders.values() for one in folder.certificates)
        certificates = (*map(load, self._files), *self._ordered(found))
        if not certificates:
            places = ", ".join(self._options.directories)
            wrong = [*(text for folder in folders.values() for text in folder.problems), *left_out]
            raise CertificateError("; ".join([f"there is no certificate with its key in {places}", *wrong]))
        known = before.contexts if before and before.signature[0] == seen[0] else {}
        by_name, default = self._by_name(certificates)
        contexts = {
            group: known.get(group) or server_context(group, self._options) for group in by_name.values()
        }
        creator = self._creator(by_name, default, contexts)
        generation = _Generation(certificates, creator, seen, folders, contexts, tuple(left_out))
        self._tell(generation)
        return generation

    def _usable(self, found: Iterable[LoadedCertificate]) -> tuple[list[LoadedCertificate], list[str]]:
        """Certificates of directories that OpenSSL shows, and why not the others. Each is tried once."""
        usable, left_out = [], []
        for one in found:
            if one not in self._tried:
                self._tried[one] = self._refusal(one)
            reason = self._tried[one]
            if reason is None:
                usable.append(one)
            else:
                left_out.append(reason)
        return usable, left_out

    def _refusal(self, certificate: LoadedCertificate) -> str | None:
        try:
            try_out(certificate, self._options)
        except CertificateError as error:
            return str(error)
        return None

    def _ordered(self, found: Iterable[LoadedCertificate]) -> list[LoadedCertificate]:
        """Certificates of directories: those for this node first, then those that have names."""
        return sorted(found, key=lambda one: (not _covers(one, self._hostname), not one.names))

    def _by_name(self, certificates: Sequence[LoadedCertificate]) -> tuple[dict[str, Group], Group]:
        """Which certificates are shown for which name, and which where none is asked for."""
        found: dict[str, dict[str, LoadedCertificate]] = {}
        for certificate in certificates:
            for name in certificate.names:
                # The first certificate of its kind that has a name is shown for it.
                found.setdefault(name, {}).setdefault(key_kind(certificate.key), certificate)
        by_name = {name: tuple(kinds.values()) for name, kinds in found.items()}
        first = certificates[0]
        beside = [by_name[name] for name in first.names if first in by_name[name]]
        return by_name, beside[0] if beside else (first,)

    def _creator(
        self, by_name: Mapping[str, Group], default: Group, contexts: Mapping[Group, SSL.Context]
    ) -> IOpenSSLServerConnectionCreator:
        shown = {name: contexts[group] for name, group in by_name.items()}
        context = server_context(default, self._options)
        choose_by_name(context, lambda name: _choose(shown, name))
        return _Creator(context)

    def _tell(self, generation: _Generation) -> None:
        self._told = now().date()
        metrics.EXPIRING.set(len([one for one in generation.certificates if _ending(one)]))
        for text in generation.problems():
            log.warn("{problem}", problem=text)


@implementer(IOpenSSLServerConnectionCreator)
class _Creator:
    """Makes connections that begin with one context.

    Args:
        context: of the default certificate; holds the keys of tickets for all names.
    """

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = ServerConnection(self._context, tlsProtocol)
        connection.set_accept_state()
        return connection


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


def _choose(by_name: Mapping[str, SSL.Context], name: bytes | None) -> SSL.Context | None:
    """Exact name, then the wildcard of its parent; None keeps the default."""
    if not name:
        return None
    try:
        # A-labels are what clients have to send (RFC 6066 section 3); some send the name as people write it.
        asked = ascii_name(name.decode("utf-8"))
    except ValueError:
        return None
    return by_name.get(asked) or by_name.get("*." + asked.partition(".")[2])


def _covers(certificate: LoadedCertificate, hostname: str) -> bool:
    return bool({hostname, "*." + hostname.partition(".")[2]} & set(certificate.names))


def _problems(certificate: LoadedCertificate) -> Iterator[str]:
    ending = _ending(certificate)
    if ending:
        yield ending
    if certificate.exposed:
        yield f"everybody on this machine may read the key in {certificate.files.key}"


def _ending(certificate: LoadedCertificate) -> str | None:
    moment = now()
    path, day = certificate.files.certificate, certificate.expires.date().isoformat()
    if certificate.expired(moment):
        return f"the certificate in {path} expired on {day}"
    if certificate.begins_later(moment):
        return f"the certificate in {path} is not valid yet"
    if (certificate.expires - moment).days < EXPIRY_WARNING_DAYS:
        return f"the certificate in {path} expires on {day}"
    return None
