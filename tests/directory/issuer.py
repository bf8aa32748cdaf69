"""An authorization server for tests: keys, tokens, and a web server that knows them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

ISSUER = "https://id.example.test/"
AUDIENCE = "mail.example.test"
NOW = 1_800_000_000

RSA: RSAPrivateKey = new_rsa(65537, 2048)
SHORT_RSA: RSAPrivateKey = new_rsa(65537, 1024)
EC: EllipticCurvePrivateKey = new_ec(SECP256R1())
ED = Ed25519PrivateKey.generate()


def url64(octets: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def number(value: int) -> str:
    """A number as JWKs have it."""
    return url64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key: RSAPrivateKey, identifier: str = "rsa", **more: Any) -> dict[str, Any]:
    """A public RSA key."""
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": identifier, "n": number(numbers.n), "e": number(numbers.e), **more}


def jwks() -> list[dict[str, Any]]:
    """One key of each kind."""
    point = EC.public_key().public_numbers()
    octets = ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return [
        rsa_jwk(RSA, use="sig", alg="RS256"),
        {
            "kty": "EC",
            "crv": "P-256",
            "kid": "ec",
            "x": url64(point.x.to_bytes(32, "big")),
            "y": url64(point.y.to_bytes(32, "big")),
        },
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": url64(octets)},
    ]


def keys_text(*keys: dict[str, Any]) -> bytes:
    """A set of keys; of one of each kind without arguments."""
    return json.dumps({"keys": list(keys) or jwks()}).encode()


def sign_rsa(octets: bytes) -> bytes:
    """RS256."""
    return RSA.sign(octets, PKCS1v15(), SHA256())


def sign_ec(octets: bytes) -> bytes:
    """ES256."""
    r, s = decode_dss_signature(EC.sign(octets, ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


SIGNERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "RS256": ("rsa", sign_rsa),
    "ES256": ("ec", sign_ec),
    "EdDSA": ("ed", ED.sign),
}


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says; a change to None leaves a claim out."""
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOW + 300,
        "iat": NOW - 5,
        "sub": "5ba552d67",
        "email": "alice@example.test",
        "scope": "openid mail",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def token(
    algorithm: str = "RS256",
    header: dict[str, Any] | None = None,
    sign: Callable[[bytes], bytes] | None = None,
    **changes: Any,
) -> str:
    """A signed token."""
    identifier, usual = SIGNERS[algorithm]
    head = {"alg": algorithm, "typ": "at+jwt", "kid": identifier, **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    signed = ".".join(url64(json.dumps(part).encode()) for part in (head, claims(**changes)))
    return f"{signed}.{url64((sign or usual)(signed.encode()))}"


class Server(Resource):
    """Answers as it is told.

    Attributes:
        answers: by path; octets, or a number for a status without a body, or a text for a redirection to it, or None for
            no answer at all.
        asked: requests: path, authorization, body.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, bytes | int | str | None] = {}
        self.asked: list[tuple[str, str, bytes]] = []

    def render(self, request: Any) -> Any:
        path = request.path.decode()
        self.asked.append((path, request.getHeader("authorization") or "", request.content.read()))
        answer = self.answers.get(path, 404)
        if answer is None:
            request.notifyFinish().addErrback(lambda failure: None)
            return NOT_DONE_YET
        if isinstance(answer, str):
            request.redirect(answer.encode())
            return b""
        if isinstance(answer, int):
            request.setResponseCode(answer)
            return b""
        return answer
