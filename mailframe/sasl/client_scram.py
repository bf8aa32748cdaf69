"""The client's side of SCRAM (RFC 5802): it believes success only from a server that has the keys."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final

from mailframe.message.status import ProtocolError, Status

from . import scram
from .client_mechanisms import ClientCredentials
from .saslprep import prepared

NOT_THE_SERVER: Final = Status((5, 7, 0), "The server did not prove that it knows the password")
REFUSED: Final = Status((5, 7, 8), "Authentication failed")
WEAK: Final = Status((5, 7, 0), "The server asks for too few or too many iterations of SCRAM")
NONCE_OCTETS: Final = 18


class ClientScram:
    """One exchange.

    Args:
        base: the mechanism without ``-PLUS``.
        credentials: name and password.
        binding: the channel binding, or None where the client has none.
        plus: use it.
        nonce: for tests; random otherwise.
    """

    def __init__(
        self,
        base: str,
        credentials: ClientCredentials,
        binding: bytes | None = None,
        *,
        plus: bool = False,
        nonce: bytes | None = None,
    ) -> None:
        self.name = base + (scram.PLUS if plus else "")
        self._algorithm = scram.HASHES[base]
        self._limit = credentials.iterations_limit
        self._password = prepared(credentials.password or "").encode("utf-8", "surrogatepass")
        self._header, self._binding = _header(credentials, binding, plus)
        self._nonce = nonce or base64.b64encode(secrets.token_bytes(NONCE_OCTETS))
        self._bare = b"n=%b,r=%b" % (scram.to_saslname(prepared(credentials.authcid)), self._nonce)
        self._signature: bytes | None = None
        self._proved = False

    def start(self) -> bytes | None:
        """The client-first-message."""
        return self._header + self._bare

    def step(self, challenge: bytes) -> bytes:
        """Answer the server-first-message with the proof, the server-final-message with nothing."""
        if self._proved:
            raise ProtocolError(scram.MALFORMED)
        if self._signature is None:
            return self._proof(challenge)
        if challenge.startswith(b"e="):
            raise ProtocolError(REFUSED)
        (signature,), _ = scram.attributes(challenge, "v")
        if not hmac.compare_digest(scram.from_base64(signature), self._signature):
            raise ProtocolError(NOT_THE_SERVER)
        self._proved = True
        return b""

    def finish(self) -> None:
        """The server must have shown its signature before."""
        if not self._proved:
            raise ProtocolError(NOT_THE_SERVER)

    def _proof(self, challenge: bytes) -> bytes:
        (given, salt, count), _ = scram.attributes(challenge, "r", "s", "i")
        if not given.startswith(self._nonce) or scram.nonce(given) == self._nonce:
            raise ProtocolError(scram.MALFORMED)
        without_proof = b"c=%b,r=%b" % (base64.b64encode(self._header + self._binding), given)
        message = b",".join((self._bare, challenge, without_proof))
        algorithm = self._algorithm
        salted = scram.salted_password(algorithm, self._password, _salt(salt), self._iterations(count))
        server_key = hmac.digest(salted, b"Server Key", algorithm)
        self._signature = scram.server_signature(algorithm, server_key, message)
        proof = scram.client_proof(algorithm, salted, message)
        return without_proof + b",p=" + base64.b64encode(proof)

    def _iterations(self, value: bytes) -> int:
        if not value.isdigit() or len(value) > 9:
            raise ProtocolError(scram.MALFORMED)
        count = int(value)
        if not scram.MINIMUM_ITERATIONS <= count <= self._limit:
            raise ProtocolError(WEAK.with_text(f"The server asks for {count} iterations of SCRAM"))
        return count


def _header(credentials: ClientCredentials, binding: bytes | None, plus: bool) -> tuple[bytes, bytes]:
    """The GS2 header (RFC 5802 section 7) and what is bound to besides."""
    if plus and binding is None:
        raise ValueError("there is no channel binding")
    flag = b"p=" + scram.BINDING_TYPE.encode("ascii") if plus else b"n" if binding is None else b"y"
    authzid = b"a=" + scram.to_saslname(prepared(credentials.authzid)) if credentials.authzid else b""
    return b"%b,%b," % (flag, authzid), binding if plus and binding is not None else b""


def _salt(value: bytes) -> bytes:
    salt = scram.from_base64(value)
    if not salt:
        raise ProtocolError(scram.MALFORMED)
    return salt
