"""What a server's mechanism says next: a challenge, a question to whoever has the accounts, or a claim to be checked.

A claim ends what the mechanism can do by itself: the client said who it is and gave its evidence. Claims never show
their secrets when they are printed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server says this and waits for a response."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class KeysWanted:
    """Question: the SCRAM keys of this user; keys that fit no password where there are none.

    Attributes:
        authcid: as the client wrote it.
        mechanism: one of `mailframe.sasl.scram.HASHES`.
    """

    authcid: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class Password:
    """Claim: this is the password."""

    authcid: str
    password: bytes
    authzid: str = ""

    def __repr__(self) -> str:
        return f"Password(authcid={self.authcid!r})"


@dataclass(frozen=True, slots=True)
class Proof:
    """Claim: the client has the password that the keys were made of; whether it has, is known already.

    Attributes:
        mechanism: by which it proved it.
        right: is the proof right? False also where the channel binding is another.
    """

    authcid: str
    right: bool
    authzid: str = ""
    mechanism: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """Claim: this is the challenge's HMAC-MD5 keyed by the password (RFC 2195).

    Attributes:
        digest: in hexadecimal.
    """

    authcid: str
    challenge: bytes
    digest: bytes

    authzid = ""

    def __repr__(self) -> str:
        return f"Digest(authcid={self.authcid!r})"


@dataclass(frozen=True, slots=True)
class Token:
    """Claim: this OAuth 2.0 access token lets the client in (RFC 7628).

    Attributes:
        authcid: whose account the client asks for; "" where it leaves that to the token.
        token: as the client sent it; "" for a client that only asks what is wanted.
    """

    authcid: str
    token: str

    authzid = ""

    def __repr__(self) -> str:
        return f"Token(authcid={self.authcid!r})"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Claim: the TLS session's client certificate, which was verified, speaks for the account (RFC 4422 appendix A).

    Attributes:
        authcid: the certificate's name.
        authzid: whom the client wants to be; "" for what the certificate says.
    """

    authcid: str
    authzid: str = ""


Claim = Password | Proof | Digest | Token | Certificate
Step = Challenge | KeysWanted | Claim
