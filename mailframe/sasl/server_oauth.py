"""The server's side of OAUTHBEARER (RFC 7628) and of XOAUTH2, which was there before it."""

from __future__ import annotations

from mailframe.message.status import ProtocolError

from . import scram
from .mechanisms import OneClaim, text
from .scram import MALFORMED
from .values import Challenge, Step, Token

LIMIT = 9216
"""Octets of a response: what a line of 12288 octets of base64 carries. Tokens of two and more KB are usual."""
_TOKEN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=")
"""RFC 6750 section 2.1: b64token."""


class OAuthBearer(OneClaim):
    """OAUTHBEARER: ``n,a=alice@example.test,^Ahost=...^Aauth=Bearer TOKEN^A^A``, where ^A is octet 1."""

    def step(self, response: bytes | None) -> Step:
        """Ask for the message, or take it apart."""
        if response is None:
            return Challenge(b"")
        if len(response) > LIMIT or not response.endswith(b"\x01\x01"):
            raise ProtocolError(MALFORMED)
        header, *pairs = response[:-2].split(b"\x01")
        return Token(_name(header), _bearer(_pairs(pairs).get(b"auth")))

    def refusal(self, hints: bytes) -> bytes | None:
        """Why, and where a token can be had (RFC 7628 section 3.2.2)."""
        return b'{"status":"invalid_token"%b}' % hints


class XOAuth2(OneClaim):
    """XOAUTH2: ``user=alice@example.test^Aauth=Bearer TOKEN^A^A``."""

    def step(self, response: bytes | None) -> Step:
        """Ask for the message, or take it apart."""
        if response is None:
            return Challenge(b"")
        if len(response) > LIMIT or not response.endswith(b"\x01\x01"):
            raise ProtocolError(MALFORMED)
        pairs = _pairs(response[:-2].split(b"\x01"))
        return Token(text(pairs.get(b"user", b"")), _bearer(pairs.get(b"auth")))

    def refusal(self, hints: bytes) -> bytes | None:
        """Why, in the words that clients of this mechanism know."""
        return b'{"status":"401","schemes":"bearer"%b}' % hints


def _name(header: bytes) -> str:
    """The account in a GS2 header (RFC 5801 section 4), "" for none."""
    flag, _, rest = header.partition(b",")
    authzid, comma, nothing = rest.partition(b",")
    if flag not in (b"n", b"y") or not comma or nothing:
        raise ProtocolError(MALFORMED)
    if not authzid:
        return ""
    if not authzid.startswith(b"a="):
        raise ProtocolError(MALFORMED)
    return scram.from_saslname(authzid[2:])


def _pairs(pairs: list[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for pair in pairs:
        key, equals, value = pair.partition(b"=")
        if not key.isalpha() or not equals or key in found or b"\0" in value:
            raise ProtocolError(MALFORMED)
        found[key] = value
    return found


def _bearer(value: bytes | None) -> str:
    """The token; "" where there is none: RFC 7628 section 4.3 lets a client ask so what is wanted."""
    if value is None:
        raise ProtocolError(MALFORMED)
    if not value:
        return ""
    scheme, _, token = value.partition(b" ")
    if scheme.lower() != b"bearer" or not token or not _TOKEN.issuperset(token):
        raise ProtocolError(MALFORMED)
    return token.decode("ascii")
