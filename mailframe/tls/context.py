"""OpenSSL contexts of servers, from certificates and options. No state, no files that anyone else writes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from .errors import CertificateError
from .files import LoadedCertificate, read_certificates
from .handshake import asked
from .options import GROUPS, TLSOptions
from .reasons import describe

VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
"""TLS versions that may be the oldest one accepted; 1.0 and 1.1 are gone (RFC 8996)."""
_OPTIONS = (
    SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_SINGLE_ECDH_USE
)
_SESSION_ID = b"mailframe"


def server_context(certificates: Sequence[LoadedCertificate], options: TLSOptions) -> SSL.Context:
    """A context that shows one certificate, or one of several with keys of different kinds.

    Args:
        certificates: at most one of each `key_kind`; the client's signature algorithms pick one.
        options: of the node.

    Raises:
        CertificateError: OpenSSL does not take something; the text says what.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(VERSIONS[options.minimum])
    context.set_options(_OPTIONS)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    _ciphers(context, options.ciphers)
    _groups(context, options.groups)
    _sessions(context, options)
    _clients(context, options)
    for certificate in certificates:
        _show(context, certificate, alone=len(certificates) == 1)
    return context


def try_out(certificate: LoadedCertificate, options: TLSOptions) -> None:
    """Does OpenSSL show this one? It refuses keys and signatures that are too weak.

    Raises:
        CertificateError: it does not.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    _ciphers(context, options.ciphers)
    _show(context, certificate, alone=True)


def key_kind(key: PrivateKeyTypes) -> str:
    """What tells keys apart that can stand side by side in one context: RSA, ECDSA and so on."""
    return type(key).__name__


def choose_by_name(context: SSL.Context, choose: Callable[[bytes | None], SSL.Context | None]) -> None:
    """Ask for another context when the client says which name it wants (RFC 6066 section 3).

    Args:
        context: of connections that begin.
        choose: gets the name; None keeps the context. It must not raise.
    """

    def chosen(connection: SSL.Connection) -> None:
        other = choose(connection.get_servername())
        if other is not None:
            connection.set_context(other)

    context.set_tlsext_servername_callback(chosen)


def groups_available(groups: Sequence[str]) -> list[str]:
    """Those that this OpenSSL has."""
    return [group for group in groups if _takes_groups(SSL.Context(SSL.TLS_SERVER_METHOD), [group])]


def _ciphers(context: SSL.Context, ciphers: str) -> None:
    try:
        context.set_cipher_list(ciphers.encode("ascii"))
    except (SSL.Error, UnicodeEncodeError) as error:
        raise CertificateError(f"OpenSSL knows no cipher suite of {ciphers!r}") from error


def _groups(context: SSL.Context, groups: Sequence[str]) -> None:
    if _takes_groups(context, groups):
        return
    known = groups_available(groups)
    if tuple(groups) != GROUPS:
        unknown = [group for group in groups if group not in known]
        raise CertificateError(
            f"this OpenSSL does not know the groups {', '.join(unknown) or '(none given)'}"
        )
    # An older OpenSSL without the hybrid group: the rest, or, where groups cannot be set at all, its own choice.
    if known:
        _takes_groups(context, known)


def _takes_groups(context: SSL.Context, groups: Sequence[str]) -> bool:
    # pyOpenSSL has no method for this, but for a single curve; the binding under it has the function.
    binding: Any = getattr(SSL, "_lib", None)
    set_groups = getattr(binding, "SSL_CTX_set1_curves_list", None)
    if set_groups is None or not groups:
        return False
    # From OpenSSL 3.5 on a slash parts groups of unlike strength: a client that has the hybrid one, but has sent its
    # share of another already, is asked once more. Older ones do not know the slash.
    tiers = "/".join(
        filter(None, (":".join(g for g in groups if _hybrid(g) is tier) for tier in (True, False)))
    )
    for text in (tiers, ":".join(groups)):
        try:
            if set_groups(context._context, text.encode("ascii")) == 1:
                return True
        except UnicodeEncodeError:
            return False
        binding.ERR_clear_error()
    return False


def _hybrid(group: str) -> bool:
    return "MLKEM" in group.upper()


def _sessions(context: SSL.Context, options: TLSOptions) -> None:
    # Nothing is kept here: tickets hold all there is. The cache of OpenSSL would hold 20,480 sessions a context.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(_SESSION_ID)
    # A ticket does not say whether the client's certificate was verified, only that there was one.
    if not options.session_lifetime or options.client_certificates != "none":
        context.set_options(SSL.OP_NO_TICKET)
    else:
        context.set_timeout(int(options.session_lifetime) or 1)


def _clients(context: SSL.Context, options: TLSOptions) -> None:
    if options.client_certificates == "none":
        return
    if options.client_authorities is None:
        raise CertificateError("client_certificates needs client_authorities: whose certificates are good?")
    for authority in read_certificates(options.client_authorities):
        context.add_client_ca(authority)
    try:
        context.load_verify_locations(options.client_authorities)
    except SSL.Error as error:
        raise CertificateError(f"OpenSSL refuses {options.client_authorities}: {describe(error)}") from error
    required = options.client_certificates == "require"
    mode = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if required else 0)
    context.set_verify(mode, asked(required))


def _show(context: SSL.Context, certificate: LoadedCertificate, *, alone: bool) -> None:
    try:
        if alone:
            context.use_certificate(certificate.certificate)
            for above in certificate.chain:
                context.add_extra_chain_cert(above)
        else:
            _show_chain(context, certificate)
        context.use_privatekey(certificate.key)  # type: ignore[arg-type]
        context.check_privatekey()
    except (SSL.Error, ValueError, TypeError) as error:
        reason = describe(error) if isinstance(error, SSL.Error) else str(error)
        raise CertificateError(f"OpenSSL refuses {certificate.files.certificate}: {reason}") from error


def _show_chain(context: SSL.Context, certificate: LoadedCertificate) -> None:
    """A chain of its own for each of several certificates: OpenSSL takes that from a file only.

    Not from the file that was read: somebody may have written it since.
    """
    try:
        with tempfile.NamedTemporaryFile(prefix="mailframe-", suffix=".pem") as file:
            for one in (certificate.certificate, *certificate.chain):
                file.write(one.public_bytes(Encoding.PEM))
            file.flush()
            context.use_certificate_chain_file(file.name)
    except OSError as error:
        raise CertificateError(f"cannot write a temporary file: {error.strerror}") from error
