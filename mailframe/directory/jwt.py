"""JSON Web Tokens as access tokens: signature and claims (RFC 7515, RFC 7519, RFC 9068). No I/O.

What has gone wrong with JWTs elsewhere, and why it cannot here: a key is of one algorithm, so a token cannot choose
another for it (nor ``none``, nor a MAC with a public key as its secret); keys that come in the token are not looked
at, and a key whose private half was published with it is none; what the header says must be understood (``crit``) is
not; and a token for somebody else, or one that is no access token, is refused by ``aud`` and ``typ``.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from .options import OAuthOptions

MINIMUM_RSA_BITS: Final = 2048
MAXIMUM_RSA_BITS: Final = 8192
MAXIMUM_EXPONENT_BITS: Final = 32
"""Nobody has a longer one than 65537; with one as long as the modulus a signature takes a hundred times as long."""
KEYS_LIMIT: Final = 100
"""Keys of one set that are looked at."""

CHECKED: Final = ("iss", "aud", "exp", "nbf", "iat", "scope", "scp", "email_verified")
"""The claims that are looked at, besides the one that names the account."""

Verify = Callable[[bytes, bytes], None]


class BadToken(ValueError):
    """The token lets nobody in. The text says why, for the log; it has nothing of the token's own."""


class UnknownKey(BadToken):
    """None of the keys has the identifier that the token names; a newer set may have it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key.

    Attributes:
        identifier: its ``kid``, "" for none.
        algorithm: the one it is good for.
        verify: takes signature and text; raises ``InvalidSignature``.
    """

    identifier: str
    algorithm: str
    verify: Verify


def read_keys(text: bytes) -> Sequence[Key]:
    """The keys of a JWK set that we can use (RFC 7517 section 5); others are passed over, as it asks for.

    Raises:
        ValueError: it is no JWK set.
    """
    found = _json(text).get("keys")
    if not isinstance(found, list):
        raise ValueError("a set of keys has a list of keys")
    keys = (_key(entry) for entry in found[:KEYS_LIMIT] if isinstance(entry, dict))
    return [key for key in keys if key is not None]


def verified_claims(token: str, keys: Iterable[Key], options: OAuthOptions, now: float) -> Mapping[str, Any]:
    """What a token says, when it may be believed.

    Args:
        token: as the client sent it.
        keys: the issuer's.
        options: what it must be.
        now: seconds since 1970.

    Raises:
        UnknownKey: its key is not among these.
        BadToken: it lets nobody in.
    """
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise BadToken("no JWT")
    header = _json(_octets(parts[0]))
    _check_header(header, options)
    _check_signature(header, keys, _octets(parts[2]), f"{parts[0]}.{parts[1]}".encode("ascii"))
    claims = _json(_octets(parts[1]))
    check_claims(claims, options, now)
    return claims


def check_claims(claims: Mapping[str, Any], options: OAuthOptions, now: float) -> None:
    """Is a token with these claims for us, now? Also for what an introspection answered, where all may be missing.

    Raises:
        BadToken: it is not.
    """
    if (
        options.issuer
        and claims.get("iss", options.issuer if options.introspection else None) != options.issuer
    ):
        raise BadToken("of another issuer")
    if options.audience and not set(_audience(claims)) & set(options.audience):
        raise BadToken("for another audience")
    _check_times(claims, options, now)
    missing = set(options.scope) - set(_scopes(claims))
    if missing:
        raise BadToken(f"without the scope {' '.join(sorted(missing))}")


def account_named(claims: Mapping[str, Any], options: OAuthOptions) -> str:
    """The account's name.

    Raises:
        BadToken: it names none.
    """
    name = claims.get(options.claim)
    if not isinstance(name, str) or not name:
        raise BadToken(f"without the claim {options.claim}")
    # Some issuers write it as a text. To say nothing means yes only to those who verify all of them.
    if options.claim == "email" and claims.get("email_verified", True) not in (True, "true"):
        raise BadToken("with an address that nobody has verified")
    return name


def _check_header(header: Mapping[str, Any], options: OAuthOptions) -> None:
    if "crit" in header:
        raise BadToken("with a header that must be understood, and is not")
    if header.get("alg") not in options.algorithms:
        raise BadToken("signed by an algorithm that is not taken")
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in {each.lower() for each in options.types}:
        raise BadToken("of another type than an access token's")


def _check_signature(header: Mapping[str, Any], keys: Iterable[Key], signature: bytes, signed: bytes) -> None:
    identifier = header.get("kid")
    fitting = [key for key in keys if identifier is None or key.identifier == identifier]
    if not fitting:
        raise UnknownKey("signed by an unknown key")
    for key in fitting:
        if key.algorithm != header["alg"]:
            continue
        try:
            key.verify(signature, signed)
        except (InvalidSignature, ValueError):
            continue
        return
    raise BadToken("with a wrong signature")


def _check_times(claims: Mapping[str, Any], options: OAuthOptions, now: float) -> None:
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if not all(map(_is_time, times.values())):
        raise BadToken("with a time that is no number")
    if not options.introspection and "exp" not in times:
        raise BadToken("without an end")
    if times.get("exp", now) <= now - options.leeway:
        raise BadToken("out of date")
    if max(times.get("nbf", 0), times.get("iat", 0)) > now + options.leeway:
        raise BadToken("not good yet")


def _is_time(value: object) -> bool:
    """Not ``NaN`` nor ``Infinity`` either, which ``json`` reads, and which no clock ever passes."""
    return type(value) is int or (isinstance(value, float) and math.isfinite(value))


def _audience(claims: Mapping[str, Any]) -> list[str]:
    audience = claims.get("aud")
    values = audience if isinstance(audience, list) else [audience]
    return [value for value in values if isinstance(value, str)]


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """RFC 8693 section 4.2 has them in one text; some issuers write a list, or ``scp``."""
    scope = claims.get("scope", claims.get("scp", ""))
    if isinstance(scope, str):
        return scope.split()
    return [value for value in scope if isinstance(value, str)] if isinstance(scope, list) else []


# Keys (RFC 7518 section 6, RFC 8037).


def _key(entry: Mapping[str, Any]) -> Key | None:
    if not _is_public_and_verifies(entry):
        return None
    made = _MAKERS.get((str(entry.get("kty")), str(entry.get("crv", ""))))
    if made is None:
        return None
    algorithm, make = made
    if entry.get("alg", algorithm) != algorithm:
        return None
    try:
        verify = make(entry)
    except (ValueError, KeyError, UnsupportedAlgorithm):
        return None
    return Key(str(entry.get("kid", "")), algorithm, verify)


def _is_public_and_verifies(entry: Mapping[str, Any]) -> bool:
    """Is it for signatures (RFC 7517 sections 4.2 and 4.3), and does nobody but the issuer have its private half?"""
    uses = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig" and isinstance(uses, list) and "verify" in uses and "d" not in entry
    )


def _rsa(entry: Mapping[str, Any]) -> Verify:
    modulus, exponent = _number(entry["n"]), _number(entry["e"])
    if not MINIMUM_RSA_BITS <= modulus.bit_length() <= MAXIMUM_RSA_BITS:
        raise ValueError("too short, or too long to be checked quickly")
    if exponent.bit_length() > MAXIMUM_EXPONENT_BITS:
        raise ValueError("too long to be checked quickly")
    public = RSAPublicNumbers(exponent, modulus).public_key()
    return lambda signature, signed: public.verify(signature, signed, PKCS1v15(), SHA256())


def _p256(entry: Mapping[str, Any]) -> Verify:
    public = EllipticCurvePublicNumbers(_number(entry["x"]), _number(entry["y"]), SECP256R1()).public_key()

    def verify(signature: bytes, signed: bytes) -> None:
        if len(signature) != 64:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        public.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))

    return verify


def _ed25519(entry: Mapping[str, Any]) -> Verify:
    return Ed25519PublicKey.from_public_bytes(_octets(entry["x"])).verify


_MAKERS: Final[dict[tuple[str, str], tuple[str, Callable[[Mapping[str, Any]], Verify]]]] = {
    ("RSA", ""): ("RS256", _rsa),
    ("EC", "P-256"): ("ES256", _p256),
    ("OKP", "Ed25519"): ("EdDSA", _ed25519),
}


def _number(text: Any) -> int:
    return int.from_bytes(_octets(text), "big")


def _octets(text: Any) -> bytes:
    """Octets in base64url without padding (RFC 7515 section 2)."""
    if not isinstance(text, str) or not text.isascii() or "=" in text:
        raise BadToken("with a part that is not base64url")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except binascii.Error:
        raise BadToken("with a part that is not base64url") from None


def _json(octets: bytes) -> dict[str, Any]:
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise BadToken("with a part that is not JSON") from None
    if not isinstance(found, dict):
        raise BadToken("with a part that is no JSON object")
    return found
