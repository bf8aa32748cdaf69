"""SCRAM: keys, proofs and the grammar of its messages, for both sides (RFC 5802, RFC 7677). No I/O.

A server keeps `Keys`, from which nobody can log in; a client proves that it has the password they were made of, and
the server proves in turn that it has the keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from mailframe.message.status import ProtocolError, Status

MALFORMED: Final = Status((5, 5, 2), "Malformed authentication exchange", "CLIENTBUG", reply_code=501)
LIMIT: Final = 2048
"""Octets a SCRAM message may have."""
MINIMUM_ITERATIONS: Final = 4096
"""RFC 7677 section 4: a server that asks for less makes guessing cheap for whoever listens."""
USUAL_MAXIMUM: Final = 100_000
"""Iterations that a client does for a server unless it is told otherwise: a fifteenth of a second in which a program
that has one thread does nothing else. A server that asks for many more keeps its clients from working."""

HASHES: Final = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
"""By mechanism, without ``-PLUS``, the better one first: the hash as ``hashlib`` names it."""
PLUS: Final = "-PLUS"
BINDING_TYPE: Final = "tls-exporter"
"""The one channel binding we have (RFC 9266)."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a server keeps of a password for one hash (RFC 5802 section 3).

    Attributes:
        salt: octets.
        iterations: rounds of PBKDF2.
        stored_key: checks the client's proof.
        server_key: makes ours.
    """

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return f"Keys(iterations={self.iterations})"


def salted_password(algorithm: str, password: bytes, salt: bytes, iterations: int) -> bytes:
    """PBKDF2 of a prepared password in UTF-8: the costly step (1 ms and more for 4096 iterations)."""
    return hashlib.pbkdf2_hmac(algorithm, password, salt, iterations)


def derive(algorithm: str, password: bytes, salt: bytes, iterations: int) -> Keys:
    """The keys of a prepared password; as costly as `salted_password`."""
    salted = salted_password(algorithm, password, salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", algorithm)
    return Keys(
        salt,
        iterations,
        hashlib.new(algorithm, client_key).digest(),
        hmac.digest(salted, b"Server Key", algorithm),
    )


def client_proof(algorithm: str, salted: bytes, message: bytes) -> bytes:
    """The proof that a client has the password.

    Args:
        salted: `salted_password`.
        message: the AuthMessage of RFC 5802 section 3.
    """
    client_key = hmac.digest(salted, b"Client Key", algorithm)
    signature = hmac.digest(hashlib.new(algorithm, client_key).digest(), message, algorithm)
    return _xor(client_key, signature)


def is_proof(algorithm: str, keys: Keys, message: bytes, proof: bytes) -> bool:
    """Does the client have the password of these keys?"""
    signature = hmac.digest(keys.stored_key, message, algorithm)
    if len(proof) != len(signature):
        return False
    client_key = _xor(proof, signature)
    return hmac.compare_digest(hashlib.new(algorithm, client_key).digest(), keys.stored_key)


def server_signature(algorithm: str, server_key: bytes, message: bytes) -> bytes:
    """The proof that a server has the keys."""
    return hmac.digest(server_key, message, algorithm)


# The grammar of RFC 5802 section 7.


def attributes(message: bytes, *names: str) -> tuple[list[bytes], list[bytes]]:
    """Take a message apart: ``n=alice,r=abc``.

    Args:
        message: without the GS2 header.
        names: the letters that must come first, in this order.

    Returns:
        Their values, and the attributes that follow: extensions, as they came.

    Raises:
        ProtocolError: it is no such message, or has an extension that must be understood (``m=``).
    """
    if len(message) > LIMIT or b"\0" in message:
        raise ProtocolError(MALFORMED)
    parts = message.split(b",")
    wanted = [name.encode("ascii") + b"=" for name in names]
    if len(parts) < len(wanted) or not all(map(bytes.startswith, parts, wanted)):
        raise ProtocolError(MALFORMED)
    rest = parts[len(wanted) :]
    if not all(len(part) > 1 and part[:1].isalpha() and part[1:2] == b"=" for part in rest):
        raise ProtocolError(MALFORMED)
    return [part[2:] for part in parts[: len(wanted)]], rest


def nonce(value: bytes) -> bytes:
    """A nonce as it came.

    Raises:
        ProtocolError: it is empty or has octets that are not printable.
    """
    if not value or not all(0x21 <= octet <= 0x7E for octet in value):
        raise ProtocolError(MALFORMED)
    return value


def from_base64(value: bytes) -> bytes:
    """Octets written in base64.

    Raises:
        ProtocolError: they are not.
    """
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ProtocolError(MALFORMED) from None


def to_saslname(name: str) -> bytes:
    """A name as an attribute's value."""
    return name.replace("=", "=3D").replace(",", "=2C").encode("utf-8", "surrogatepass")


def from_saslname(value: bytes) -> str:
    """The name in an attribute's value.

    Raises:
        ProtocolError: it is empty, no UTF-8, or has another ``=`` than the two that are allowed.
    """
    if not value or value.count(b"=") != value.count(b"=2C") + value.count(b"=3D"):
        raise ProtocolError(MALFORMED)
    try:
        return value.decode("utf-8").replace("=2C", ",").replace("=3D", "=")
    except UnicodeDecodeError:
        raise ProtocolError(MALFORMED) from None


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
