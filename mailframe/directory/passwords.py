"""Password hashes as ``{SCHEME}...``, under the names Dovecot uses, so that its files can be taken over.

Nothing here may run on the reactor's thread: a good hash takes 50 ms. `mailframe.directory.authenticator` has
the threads.

The schemes:

- ``ARGON2ID``, ``ARGON2I`` (RFC 9106) and ``BLF-CRYPT`` (bcrypt): with the extra ``mailframe[argon2]``;
- ``SCRYPT`` (RFC 7914), ours: ``$scrypt$ln=14,r=8,p=1$SALT$HASH``, salt and hash in base64 without padding,
  ``ln`` the binary logarithm of the cost;
- ``PBKDF2`` as Dovecot writes it: ``$1$SALT$ROUNDS$HEX``, HMAC-SHA1;
- ``SHA512-CRYPT``, ``SHA256-CRYPT``, ``MD5-CRYPT``, and ``CRYPT`` for any hash that begins with ``$``;
- ``SHA512``, ``SHA256``, ``SHA``, ``SSHA512``, ``SSHA256``, ``SSHA``, ``PLAIN-MD5``, ``LDAP-MD5``, ``SMD5``:
  plain and salted digests, in base64 or hexadecimal;
- ``SCRAM-SHA-256``, ``SCRAM-SHA-1`` (RFC 5803's keys as Dovecot writes them) and ``CRAM-MD5``, also called
  ``HMAC-MD5``: for the mechanisms of these names, and good for checking a password as well;
- ``PLAIN``: the password itself.

The suffixes ``.HEX`` and ``.B64`` on a digest or PLAIN say how it is written.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from mailframe.sasl import cram_md5
from mailframe.sasl.saslprep import prepared_octets
from mailframe.sasl.scram import HASHES

from .costly_hashes import (
    make_argon2,
    make_bcrypt,
    make_pbkdf2,
    make_scrypt,
    verify_argon2,
    verify_bcrypt,
    verify_pbkdf2,
    verify_scrypt,
)
from .crypt_base64 import new_salt
from .digests import DIGESTS, make_digest, verify_digest
from .md5_crypt import md5_crypt
from .scram_keys import make_keys, verify_keys
from .sha_crypt import new_setting, sha_crypt

Verify = Callable[[bytes, str], bool]
Make = Callable[[bytes], str]

MAXIMUM_PASSWORD = 1024
"""Octets; SHA-crypt's cost grows with the square."""


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


def scheme_of(stored: str) -> str:
    """The scheme of a stored password, that of the hash itself for ``CRYPT``; "" where it cannot be told."""
    try:
        name, text = split(stored)
    except UnknownScheme:
        return ""
    if name == "CRYPT":
        return next((scheme for prefix, scheme in _PREFIXES.items() if text.startswith(prefix)), "")
    return name.partition(".")[0]


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
    if not stored:
        return None
    name, text = split(stored)
    base, _, encoding = name.partition(".")
    if base not in ("PLAIN", "CLEAR", "CLEARTEXT"):
        return None
    try:
        password = _decoded(base, encoding, text) if encoding else text
        return password.encode("utf-8", "surrogateescape") or None
    except ValueError as error:
        raise BadHash("a password in clear cannot be read") from error


# CRYPT


def _verify_sha_crypt(kind: str, password: bytes, text: str) -> bool:
    if not text.startswith(kind):
        raise BadHash(f"the hash does not begin with {kind}")
    computed = sha_crypt(password, text)
    return hmac.compare_digest(computed.encode("utf-8"), text.encode("utf-8"))


def _make_sha_crypt(kind: str, password: bytes) -> str:
    return sha_crypt(password, new_setting(kind))


def _verify_md5_crypt(password: bytes, text: str) -> bool:
    return hmac.compare_digest(md5_crypt(password, text).encode("utf-8"), text.encode("utf-8"))


def _make_md5_crypt(password: bytes) -> str:
    return md5_crypt(password, f"$1${new_salt(8)}")


def _verify_crypt(password: bytes, text: str) -> bool:
    for prefix, name in _PREFIXES.items():
        if text.startswith(prefix):
            return _scheme(name).verify(password, text)
    raise UnknownScheme(f"unknown kind of CRYPT hash; known begin with {', '.join(_PREFIXES)}")


_PREFIXES = {
    "$6$": "SHA512-CRYPT",
    "$5$": "SHA256-CRYPT",
    "$1$": "MD5-CRYPT",
    "$2": "BLF-CRYPT",
    "$argon2id$": "ARGON2ID",
    "$argon2i$": "ARGON2I",
    "$scrypt$": "SCRYPT",
}


SCHEMES: dict[str, Scheme] = {
    "ARGON2ID": Scheme(verify_argon2, partial(make_argon2, "ID"), "argon2"),
    "ARGON2I": Scheme(verify_argon2, partial(make_argon2, "I"), "argon2"),
    "SCRYPT": Scheme(verify_scrypt, make_scrypt),
    "BLF-CRYPT": Scheme(verify_bcrypt, make_bcrypt, "bcrypt"),
    "PBKDF2": Scheme(verify_pbkdf2, make_pbkdf2),
    "SHA512-CRYPT": Scheme(partial(_verify_sha_crypt, "$6$"), partial(_make_sha_crypt, "6")),
    "SHA256-CRYPT": Scheme(partial(_verify_sha_crypt, "$5$"), partial(_make_sha_crypt, "5")),
    "CRYPT": Scheme(_verify_crypt, partial(_make_sha_crypt, "6")),
    "MD5-CRYPT": Scheme(_verify_md5_crypt, _make_md5_crypt),
    **{name: Scheme(partial(verify_digest, name), partial(make_digest, name)) for name in DIGESTS},
    **{name: Scheme(partial(verify_keys, name), partial(make_keys, name)) for name in HASHES},
    "CRAM-MD5": Scheme(_verify_cram, _make_cram),
    "HMAC-MD5": Scheme(_verify_cram, _make_cram),
    "PLAIN": Scheme(_verify_plain, _make_plain),
    "CLEAR": Scheme(_verify_plain, _make_plain),
    "CLEARTEXT": Scheme(_verify_plain, _make_plain),
}
"""By name, best first."""
