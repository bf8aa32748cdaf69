"""The client's side of the mechanisms that need no arithmetic: what each says, and when."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final, Protocol

from mailframe.message.status import ProtocolError, Status

from .saslprep import prepared
from .scram import USUAL_MAXIMUM

UNEXPECTED: Final = Status((5, 5, 2), "The server's challenge is not the mechanism's")
CHALLENGE_LIMIT: Final = 8192
"""Octets of a challenge."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a client can prove itself with; any of it may be missing.

    Attributes:
        authcid: its name.
        password: its password.
        token: an OAuth 2.0 access token (RFC 6750).
        certificate: does the TLS session carry a client certificate that speaks for it?
        authzid: whom it wants to be; "" for itself.
        host: the server's name as the client knows it, for OAUTHBEARER; may be left out, as may ``port``.
        port: the server's port.
        iterations_limit: the most iterations of SCRAM that a server may ask for; each 100,000 take about 70 ms.
    """

    authcid: str
    password: str | None = None
    token: str | None = None
    certificate: bool = False
    authzid: str = ""
    host: str = ""
    port: int = 0
    iterations_limit: int = USUAL_MAXIMUM

    def __repr__(self) -> str:
        return f"ClientCredentials(authcid={self.authcid!r}, authzid={self.authzid!r})"


class ClientMechanism(Protocol):
    """One exchange, seen from the client."""

    @property
    def name(self) -> str:
        """As it is called on the wire."""

    def start(self) -> bytes | None:
        """The initial response; None where the server speaks first. Called once, before all else."""

    def step(self, challenge: bytes) -> bytes:
        """Answer a challenge. With SCRAM the server sets the cost, up to `ClientCredentials.iterations_limit`.

        Where a protocol could not send the initial response with the command, the first challenge has no octets and
        asks for it; the caller answers that with what `start` gave.

        Raises:
            ProtocolError: it is not the mechanism's.
        """

    def finish(self) -> None:
        """The server said that we are logged in.

        Raises:
            ProtocolError: it has not proved what it must (SCRAM's signature): whoever said so is not the server.
        """


class _Simple:
    """What all but SCRAM have in common: one secret, and a success that needs no proof."""

    name = ""

    def __init__(self, credentials: ClientCredentials) -> None:
        self._credentials = credentials

    def start(self) -> bytes | None:
        """Nothing, unless the mechanism has more to say."""
        return None

    def step(self, challenge: bytes) -> bytes:
        """No challenge is expected."""
        raise ProtocolError(UNEXPECTED)

    def finish(self) -> None:
        """The server need not prove anything."""


class ClientPlain(_Simple):
    """PLAIN (RFC 4616)."""

    name = "PLAIN"

    def start(self) -> bytes | None:
        """All at once."""
        credentials = self._credentials
        parts = (credentials.authzid, credentials.authcid, credentials.password or "")
        if any("\0" in part for part in parts):
            raise ValueError("PLAIN cannot carry a NUL")
        return "\0".join(map(prepared, parts)).encode("utf-8")


class ClientLogin(_Simple):
    """LOGIN: the name, then the password. Servers word the questions as they like; the order is fixed."""

    name = "LOGIN"
    _asked = 0

    def step(self, challenge: bytes) -> bytes:
        """The name first, the password then."""
        self._asked += 1
        if self._asked > 2:
            raise ProtocolError(UNEXPECTED)
        answer = self._credentials.authcid if self._asked == 1 else self._credentials.password or ""
        return prepared(answer).encode("utf-8")


class ClientExternal(_Simple):
    """EXTERNAL: the certificate says who we are; the response, whom we want to be (RFC 4422 appendix A)."""

    name = "EXTERNAL"

    def start(self) -> bytes | None:
        """The authorization identity."""
        return self._credentials.authzid.encode("utf-8")


class ClientOAuthBearer(_Simple):
    """OAUTHBEARER (RFC 7628)."""

    name = "OAUTHBEARER"
    refusal = b""
    """What the server said of a token it did not take: JSON (RFC 7628 section 3.2.2)."""

    def start(self) -> bytes | None:
        """The token."""
        credentials = self._credentials
        name = (credentials.authzid or credentials.authcid).replace("=", "=3D").replace(",", "=2C")
        fields = [f"n,a={name},"]
        if credentials.host:
            fields.append(f"host={credentials.host}")
        if credentials.port:
            fields.append(f"port={credentials.port}")
        fields.append(f"auth=Bearer {credentials.token}")
        return "\x01".join([*fields, "", ""]).encode("utf-8")

    def step(self, challenge: bytes) -> bytes:
        """The server explains why it refuses; the dummy answer lets it say so (RFC 7628 section 3.2.3)."""
        if self.refusal or not challenge or len(challenge) > CHALLENGE_LIMIT:
            raise ProtocolError(UNEXPECTED)
        self.refusal = challenge
        return b"\x01"

    def finish(self) -> None:
        """A server that refused the token cannot take it now."""
        if self.refusal:
            raise ProtocolError(UNEXPECTED)


class ClientXOAuth2(ClientOAuthBearer):
    """XOAUTH2: what Google and Microsoft had before OAUTHBEARER."""

    name = "XOAUTH2"

    def start(self) -> bytes | None:
        """Name and token."""
        credentials = self._credentials
        name = credentials.authzid or credentials.authcid
        return f"user={name}\x01auth=Bearer {credentials.token}\x01\x01".encode()

    def step(self, challenge: bytes) -> bytes:
        """The server explains why it refuses; the answer has no octets."""
        super().step(challenge)
        return b""


class ClientCramMD5(_Simple):
    """CRAM-MD5 (RFC 2195): the password stays here, but the server must have it too."""

    name = "CRAM-MD5"
    _answered = False

    def step(self, challenge: bytes) -> bytes:
        """The name, and the challenge's digest keyed by the password."""
        if self._answered or not challenge or len(challenge) > CHALLENGE_LIMIT:
            raise ProtocolError(UNEXPECTED)
        self._answered = True
        key = prepared(self._credentials.password or "").encode("utf-8")
        digest = hmac.digest(key, challenge, "md5").hex()
        return f"{prepared(self._credentials.authcid)} {digest}".encode()
