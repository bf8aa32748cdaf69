"""MD5-crypt, the ``$1$`` hashes of old Unix password files, over ``hashlib``: only to take them over.

A thousand rounds, as FreeBSD's crypt has done them since 1994: 0.6 ms.
"""

from __future__ import annotations

import hashlib

from .crypt_base64 import write

ROUNDS = 1000
SALT_LENGTH = 8
_MAGIC = b"$1$"
_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))


def md5_crypt(password: bytes, setting: str) -> str:
    """Hash a password.

    Args:
        setting: ``$1$salt``, or a whole hash, whose end is not looked at.

    Returns:
        The whole hash.

    Raises:
        ValueError: the setting is none.
    """
    parts = setting.split("$")
    if len(parts) < 3 or parts[0] or parts[1] != "1":
        raise ValueError("no MD5-crypt hash")
    salt = parts[2][:SALT_LENGTH]
    return f"$1${salt}${_encode(_digest(password, salt.encode('utf-8')))}"


def _digest(password: bytes, salt: bytes) -> bytes:
    other = hashlib.md5(password + salt + password, usedforsecurity=False).digest()
    start = [password, _MAGIC, salt, (other * (len(password) // 16 + 1))[: len(password)]]
    length = len(password)
    while length:
        start.append(b"\0" if length & 1 else password[:1])
        length >>= 1
    value = hashlib.md5(b"".join(start), usedforsecurity=False).digest()
    for number in range(ROUNDS):
        pieces = [password if number & 1 else value]
        pieces += [salt] if number % 3 else []
        pieces += [password] if number % 7 else []
        pieces.append(value if number & 1 else password)
        value = hashlib.md5(b"".join(pieces), usedforsecurity=False).digest()
    return value


def _encode(digest: bytes) -> str:
    triples = [write(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _ORDER]
    return "".join(triples) + write(digest[11], 2)
