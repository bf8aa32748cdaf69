"""Password hashes as ``{SCHEME}...``, under the names Dovecot uses, so that its files can be taken over.

Nothing here may run on the reactor's thread: a good hash takes 50 ms. `mailframe.directory.authenticator` has
the threads.

The schemes:

- ``ARGON2ID``, ``ARGON2I`` (RFC 9106) and ``BLF-CRYPT`` (bcrypt): with the extra ``mailframe[argon2]``;
- ``SCRYPT`` (RFC 7914), ours: ``$scrypt$ln=14,r=8,p=1$SALT$HASH``, salt and hash in base64 without padding,
  ``ln`` the binary logarithm of the cost;
- ``PBKDF2`` as Dovecot writes it: ``$1$SALT$ROUNDS$HEX``, HMAC-SHA1;
- ``SHA512-CRYPT``, ``SHA256-CRYPT``, and ``CRYPT`` for any hash that begins with ``$``;
- ``SHA512``, ``SHA256``, ``SHA``, ``SSHA512``, ``SSHA256``, ``SSHA``, ``PLAIN-MD5``, ``LDAP-MD5``, ``SMD5``:
  plain and salted digests, in base64 or hexadecimal;
- ``SCRAM-SHA-256``, ``SCRAM-SHA-1`` (RFC 5803's keys as Dovecot writes them) and ``CRAM-MD5``: for the mechanisms of
  these names, and good for checking a password as well;
- ``PLAIN``: the password itself.

The suffixes ``.HEX`` and ``.B64`` on a digest or PLAIN say how it is written.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mailframe.sasl import cram_md5
from mailframe.sasl.saslprep import prepared_octets
from mailframe.sasl.scram import HASHES

from .digests import DIGESTS, make_digest, verify_digest
from .scram_keys import make_keys, verify_keys
from .sha_crypt import new_setting, sha_crypt

Verify = Callable[[bytes, str], bool]
Make = Callable[[bytes], str]

MAXIMUM_PASSWORD = 1024
"""Octets; SHA-crypt's cost grows with the square."""
MAXIMUM_PBKDF2_ROUNDS = 5_000_000
MAXIMUM_SCRYPT_OCTETS = 128 * 2**20
MAXIMUM_BCRYPT_COST = 16
PBKDF2_ROUNDS = 200_000
BCRYPT_OCTETS = 72
"""bcrypt looks at no more; every implementation before bcrypt 5 cut the rest off silently, and so must we."""


class UnknownScheme(ValueError):
    """A hash names a scheme that is not known, or whose library is not installed."""


class BadHash(ValueError):
    """A hash is not what its scheme says, or would cost too much to check."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to keep a password.

    Attributes:
        verify: does this password belong to this text? Raises ``ValueError`` when the text is no such hash.
        make: the text for a password.
        needs: the module that must be installed.
    """

    verify: Verify
    make: Make
    needs: str | None = None

    @property
    def available(self) -> bool:
        """Is what it needs installed?"""
        return self.needs is None or find_spec(self.needs) is not None


def verify(password: bytes, stored: str) -> bool:
    """Is this the password?

    Takes as long for a wrong password as for the right one.

    Args:
        stored: ``{SCHEME}...``, or a bare hash that begins with ``$``.

    Raises:
        UnknownScheme: the scheme is not known or its library is missing.
        BadHash: the text is no such hash, or beyond the bounds above.
    """
    name, text = split(stored)
    if len(password) > MAXIMUM_PASSWORD:
        return False
    base, _, encoding = name.partition(".")
    scheme = _scheme(base)
    try:
        if encoding:
            text = _decoded(base, encoding, text)
        prepared = prepared_octets(password)
        right = scheme.verify(password, text)
        # Hashes that other programs made are of the octets as they were typed; ours are of the prepared ones.
        return right if prepared == password else scheme.verify(prepared, text) or right
    except UnknownScheme:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise BadHash(f"a password hash of scheme {name} cannot be read") from error


def make_hash(password: bytes | str, scheme: str | None = None) -> str:
    """Hash a new password; takes 50 ms and more.

    Args:
        scheme: one of `SCHEMES`; None takes the best there is (`default_scheme`).

    Returns:
        ``{SCHEME}...``.

    Raises:
        UnknownScheme: the scheme is not known or its library is missing.
        ValueError: the password is empty or longer than `MAXIMUM_PASSWORD`.
    """
    name = (scheme or default_scheme()).upper()
    octets = prepared_octets(password.encode("utf-8") if isinstance(password, str) else password)
    if not 0 < len(octets) <= MAXIMUM_PASSWORD:
        raise ValueError(f"a password has 1 to {MAXIMUM_PASSWORD} octets")
    return f"{{{name}}}{_scheme(name).make(octets)}"


def default_scheme() -> str:
    """ARGON2ID where argon2-cffi is installed, otherwise SCRYPT."""
    return "ARGON2ID" if SCHEMES["ARGON2ID"].available else "SCRYPT"


def is_hash(text: str) -> bool:
    """Does this begin with a scheme we know, so that it is no password in clear?"""
    name, brace, _ = text[1:].partition("}")
    return text.startswith("{") and bool(brace) and name.upper().partition(".")[0] in SCHEMES


def split(stored: str) -> tuple[str, str]:
    """A stored password as scheme (upper case) and the rest.

    Raises:
        UnknownScheme: no scheme is named.
    """
    if stored.startswith("{"):
        name, brace, text = stored[1:].partition("}")
        if brace and name:
            return name.upper(), text
    elif stored.startswith("$"):
        return "CRYPT", stored
    raise UnknownScheme("a stored password must begin with its {SCHEME}")


def _scheme(name: str) -> Scheme:
    scheme = SCHEMES.get(name)
    if scheme is None:
        raise UnknownScheme(f"unknown password scheme {name!r}; known are {', '.join(SCHEMES)}")
    if not scheme.available:
        raise UnknownScheme(f"password scheme {name} needs the module {scheme.needs}: mailframe[argon2]")
    return scheme


def _decoded(base: str, encoding: str, text: str) -> str:
    """A text with a declared encoding, in the form its scheme reads."""
    if encoding == "HEX":
        octets = bytes.fromhex(text)
    elif encoding in ("B64", "BASE64"):
        octets = base64.b64decode(text, validate=True)
    else:
        raise UnknownScheme(f"unknown encoding {encoding!r} of a password hash; known are HEX and B64")
    return base64.b64encode(octets).decode("ascii") if base in DIGESTS else octets.decode("utf-8")


# PLAIN


def _verify_plain(password: bytes, text: str) -> bool:
    # Digests first, so that the time does not tell the length.
    return hmac.compare_digest(
        hashlib.sha256(password).digest(), hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    )


def _make_plain(password: bytes) -> str:
    return password.decode("utf-8", "surrogateescape")


# CRAM-MD5


def _verify_cram(password: bytes, text: str) -> bool:
    return hmac.compare_digest(cram_md5.kept(password), bytes.fromhex(text))


def _make_cram(password: bytes) -> str:
    return cram_md5.kept(password).hex()


def in_clear(stored: str) -> bytes | None:
    """The password itself, where that is what is kept; None for a hash, and for an empty one, which lets nobody in.

    Raises:
        BadHash: it cannot be read.
    """
    name, text = split(stored)
    base, _, encoding = name.partition(".")
    if base not in ("PLAIN", "CLEAR", "CLEARTEXT"):
        return None
    try:
        password = _decoded(base, encoding, text) if encoding else text
        return password.encode("utf-8", "surrogateescape") or None
    except ValueError as error:
        raise BadHash("a password in clear cannot be read") from error


# SCRYPT


def _scrypt(password: bytes, salt: bytes, ln: int, r: int, p: int, length: int) -> bytes:
    needed = 128 * r * (2**ln + p + 2)
    if needed > MAXIMUM_SCRYPT_OCTETS or p > 16:
        raise BadHash("this scrypt hash needs too much")
    return hashlib.scrypt(password, salt=salt, n=2**ln, r=r, p=p, dklen=length, maxmem=needed + 2**20)


def _verify_scrypt(password: bytes, text: str) -> bool:
    empty, name, parameters, salt, digest = text.split("$")
    if empty or name != "scrypt":
        raise BadHash("no scrypt hash")
    values = dict(item.split("=", 1) for item in parameters.split(","))
    ln, r, p = (_small(values[key], 256) for key in ("ln", "r", "p"))
    if not 1 <= ln <= 20:
        raise BadHash("ln of a scrypt hash must be 1 to 20")
    expected = _unpadded(digest)
    return hmac.compare_digest(_scrypt(password, _unpadded(salt), ln, r, p, len(expected)), expected)


def _make_scrypt(password: bytes) -> str:
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, 14, 8, 1, 32)
    return f"$scrypt$ln=14,r=8,p=1${_to_unpadded(salt)}${_to_unpadded(digest)}"


def _small(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or not 0 < int(text) <= limit:
        raise BadHash(f"a parameter is not between 1 and {limit}")
    return int(text)


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _to_unpadded(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii").rstrip("=")


# PBKDF2


def _verify_pbkdf2(password: bytes, text: str) -> bool:
    empty, version, salt, rounds, digest = text.split("$")
    if empty or version != "1":
        raise BadHash("no PBKDF2 hash")
    expected = binascii.unhexlify(digest)
    computed = hashlib.pbkdf2_hmac(
        "sha1", password, salt.encode("utf-8"), _small(rounds, MAXIMUM_PBKDF2_ROUNDS), max(len(expected), 1)
    )
    return hmac.compare_digest(computed, expected)


def _make_pbkdf2(password: bytes) -> str:
    salt = secrets.token_hex(8)
    digest = hashlib.pbkdf2_hmac("sha1", password, salt.encode("ascii"), PBKDF2_ROUNDS, 20)
    return f"$1${salt}${PBKDF2_ROUNDS}${digest.hex()}"


# CRYPT


def _verify_sha_crypt(kind: str, password: bytes, text: str) -> bool:
    if not text.startswith(kind):
        raise BadHash(f"the hash does not begin with {kind}")
    computed = sha_crypt(password, text)
    return hmac.compare_digest(computed.encode("utf-8"), text.encode("utf-8"))


def _make_sha_crypt(kind: str, password: bytes) -> str:
    return sha_crypt(password, new_setting(kind))


def _verify_crypt(password: bytes, text: str) -> bool:
    for prefix, name in _PREFIXES.items():
        if text.startswith(prefix):
            return _scheme(name).verify(password, text)
    raise UnknownScheme(f"unknown kind of CRYPT hash; known begin with {', '.join(_PREFIXES)}")


_PREFIXES = {
    "$6$": "SHA512-CRYPT",
    "$5$": "SHA256-CRYPT",
    "$2": "BLF-CRYPT",
    "$argon2id$": "ARGON2ID",
    "$argon2i$": "ARGON2I",
    "$scrypt$": "SCRYPT",
}


# What needs a library


def _bcrypt() -> Any:
    return import_module("bcrypt")


def _verify_bcrypt(password: bytes, text: str) -> bool:
    parts = text.split("$")
    if len(parts) != 4 or parts[1] not in ("2", "2a", "2b", "2x", "2y"):
        raise BadHash("no bcrypt hash")
    if _small(parts[2], 99) > MAXIMUM_BCRYPT_COST:
        raise BadHash(f"bcrypt with cost {parts[2]}; at most {MAXIMUM_BCRYPT_COST} is allowed")
    return bool(_bcrypt().checkpw(password[:BCRYPT_OCTETS], text.encode("ascii")))


def _make_bcrypt(password: bytes) -> str:
    module = _bcrypt()
    return str(module.hashpw(password[:BCRYPT_OCTETS], module.gensalt(10)), "ascii")


def _argon2() -> Any:
    return import_module("argon2")


def _verify_argon2(password: bytes, text: str) -> bool:
    argon2 = _argon2()
    parameters = argon2.extract_parameters(text)
    if parameters.memory_cost > 2**20 or parameters.time_cost > 64 or parameters.parallelism > 16:
        raise BadHash("this argon2 hash needs too much")
    try:
        return bool(argon2.PasswordHasher().verify(text, password))
    except argon2.exceptions.VerifyMismatchError:
        return False
    except argon2.exceptions.Argon2Error as error:
        raise BadHash("argon2 refused the hash") from error


def _make_argon2(kind: str, password: bytes) -> str:
    """19 MiB, two passes, one lane: as OWASP recommends, and four threads of it fit into small machines."""
    argon2 = _argon2()
    hasher = argon2.PasswordHasher(
        time_cost=2, memory_cost=19 * 1024, parallelism=1, type=getattr(argon2.Type, kind)
    )
    return str(hasher.hash(password))


SCHEMES: dict[str, Scheme] = {
    "ARGON2ID": Scheme(_verify_argon2, partial(_make_argon2, "ID"), "argon2"),
    "ARGON2I": Scheme(_verify_argon2, partial(_make_argon2, "I"), "argon2"),
    "SCRYPT": Scheme(_verify_scrypt, _make_scrypt),
    "BLF-CRYPT": Scheme(_verify_bcrypt, _make_bcrypt, "bcrypt"),
    "PBKDF2": Scheme(_verify_pbkdf2, _make_pbkdf2),
    "SHA512-CRYPT": Scheme(partial(_verify_sha_crypt, "$6$"), partial(_make_sha_crypt, "6")),
    "SHA256-CRYPT": Scheme(partial(_verify_sha_crypt, "$5$"), partial(_make_sha_crypt, "5")),
    "CRYPT": Scheme(_verify_crypt, partial(_make_sha_crypt, "6")),
    **{name: Scheme(partial(verify_digest, name), partial(make_digest, name)) for name in DIGESTS},
    **{name: Scheme(partial(verify_keys, name), partial(make_keys, name)) for name in HASHES},
    "CRAM-MD5": Scheme(_verify_cram, _make_cram),
    "PLAIN": Scheme(_verify_plain, _make_plain),
    "CLEAR": Scheme(_verify_plain, _make_plain),
    "CLEARTEXT": Scheme(_verify_plain, _make_plain),
}
"""By name, best first."""
