"""The hashes that cost an attacker dearly: scrypt, PBKDF2, bcrypt and Argon2; a part of `passwords`.

All of them are computed by libraries that let other threads run. What is written wrong, or would cost too much,
raises ``ValueError``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from importlib import import_module
from typing import Any

MAXIMUM_PBKDF2_ROUNDS = 5_000_000
MAXIMUM_SCRYPT_OCTETS = 128 * 2**20
MAXIMUM_BCRYPT_COST = 16
PBKDF2_ROUNDS = 200_000
BCRYPT_OCTETS = 72
"""bcrypt looks at no more; every implementation before bcrypt 5 cut the rest off silently, and so must we."""


# SCRYPT


def _scrypt(password: bytes, salt: bytes, ln: int, r: int, p: int, length: int) -> bytes:
    needed = 128 * r * (2**ln + p + 2)
    if needed > MAXIMUM_SCRYPT_OCTETS or p > 16:
        raise ValueError("this scrypt hash needs too much")
    return hashlib.scrypt(password, salt=salt, n=2**ln, r=r, p=p, dklen=length, maxmem=needed + 2**20)


def verify_scrypt(password: bytes, text: str) -> bool:
    """SCRYPT."""
    empty, name, parameters, salt, digest = text.split("$")
    if empty or name != "scrypt":
        raise ValueError("no scrypt hash")
    values = dict(item.split("=", 1) for item in parameters.split(","))
    ln, r, p = (_small(values[key], 256) for key in ("ln", "r", "p"))
    if not 1 <= ln <= 20:
        raise ValueError("ln of a scrypt hash must be 1 to 20")
    expected = _unpadded(digest)
    return hmac.compare_digest(_scrypt(password, _unpadded(salt), ln, r, p, len(expected)), expected)


def make_scrypt(password: bytes) -> str:
    """SCRYPT, 16 MiB."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, 14, 8, 1, 32)
    return f"$scrypt$ln=14,r=8,p=1${_to_unpadded(salt)}${_to_unpadded(digest)}"


def _small(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or not 0 < int(text) <= limit:
        raise ValueError(f"a parameter is not between 1 and {limit}")
    return int(text)


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _to_unpadded(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii").rstrip("=")


# PBKDF2


def verify_pbkdf2(password: bytes, text: str) -> bool:
    """PBKDF2."""
    empty, version, salt, rounds, digest = text.split("$")
    if empty or version != "1":
        raise ValueError("no PBKDF2 hash")
    expected = binascii.unhexlify(digest)
    computed = hashlib.pbkdf2_hmac(
        "sha1", password, salt.encode("utf-8"), _small(rounds, MAXIMUM_PBKDF2_ROUNDS), max(len(expected), 1)
    )
    return hmac.compare_digest(computed, expected)


def make_pbkdf2(password: bytes) -> str:
    """PBKDF2."""
    salt = secrets.token_hex(8)
    digest = hashlib.pbkdf2_hmac("sha1", password, salt.encode("ascii"), PBKDF2_ROUNDS, 20)
    return f"$1${salt}${PBKDF2_ROUNDS}${digest.hex()}"


def _bcrypt() -> Any:
    return import_module("bcrypt")


def verify_bcrypt(password: bytes, text: str) -> bool:
    """BLF-CRYPT."""
    parts = text.split("$")
    if len(parts) != 4 or parts[1] not in ("2", "2a", "2b", "2x", "2y"):
        raise ValueError("no bcrypt hash")
    if _small(parts[2], 99) > MAXIMUM_BCRYPT_COST:
        raise ValueError(f"bcrypt with cost {parts[2]}; at most {MAXIMUM_BCRYPT_COST} is allowed")
    return bool(_bcrypt().checkpw(password[:BCRYPT_OCTETS], text.encode("ascii")))


def make_bcrypt(password: bytes) -> str:
    """BLF-CRYPT of cost 10."""
    module = _bcrypt()
    return str(module.hashpw(password[:BCRYPT_OCTETS], module.gensalt(10)), "ascii")


def _argon2() -> Any:
    return import_module("argon2")


def verify_argon2(password: bytes, text: str) -> bool:
    """ARGON2ID and ARGON2I."""
    argon2 = _argon2()
    parameters = argon2.extract_parameters(text)
    if parameters.memory_cost > 2**20 or parameters.time_cost > 64 or parameters.parallelism > 16:
        raise ValueError("this argon2 hash needs too much")
    try:
        return bool(argon2.PasswordHasher().verify(text, password))
    except argon2.exceptions.VerifyMismatchError:
        return False
    except argon2.exceptions.Argon2Error as error:
        raise ValueError("argon2 refused the hash") from error


def make_argon2(kind: str, password: bytes) -> str:
    """19 MiB, two passes, one lane: as OWASP recommends, and four threads of it fit into small machines."""
    argon2 = _argon2()
    hasher = argon2.PasswordHasher(
        time_cost=2, memory_cost=19 * 1024, parallelism=1, type=getattr(argon2.Type, kind)
    )
    return str(hasher.hash(password))
