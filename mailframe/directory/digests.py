"""Passwords kept as plain and salted digests: base64 of digest and salt, or hexadecimal where the length says so.

Nobody should make new ones; directories that are taken over have them. The names are Dovecot's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

DIGESTS: Final = {
    "SSHA512": ("sha512", True),
    "SSHA256": ("sha256", True),
    "SSHA": ("sha1", True),
    "SMD5": ("md5", True),
    "SHA512": ("sha512", False),
    "SHA256": ("sha256", False),
    "SHA": ("sha1", False),
    "SHA1": ("sha1", False),
    "LDAP-MD5": ("md5", False),
    "PLAIN-MD5": ("md5", False),
}
"""By scheme: the hash as ``hashlib`` names it, and whether there is a salt."""


def verify_digest(scheme: str, password: bytes, text: str) -> bool:
    """Is this the password?

    Raises:
        ValueError: the text is no such digest.
    """
    algorithm, salted = DIGESTS[scheme]
    size = hashlib.new(algorithm).digest_size
    octets = _octets(text, size)
    if len(octets) < size or (len(octets) > size and not salted):
        raise ValueError(f"{len(octets)} octets where {size} are expected")
    computed = hashlib.new(algorithm, password + octets[size:]).digest()
    return hmac.compare_digest(computed, octets[:size])


def make_digest(scheme: str, password: bytes) -> str:
    """The digest of a password, with a new salt where the scheme has one."""
    algorithm, salted = DIGESTS[scheme]
    salt = secrets.token_bytes(16) if salted else b""
    octets = hashlib.new(algorithm, password + salt).digest() + salt
    return octets.hex() if scheme == "PLAIN-MD5" else base64.b64encode(octets).decode("ascii")


def _octets(text: str, size: int) -> bytes:
    if len(text) == 2 * size:
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    return base64.b64decode(text, validate=True)
