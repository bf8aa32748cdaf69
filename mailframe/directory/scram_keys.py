"""SCRAM keys as a directory keeps them: ``{SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY``, as Dovecot has them.

From keys alone nobody can log in by SCRAM, but each guess at the password costs only one PBKDF2 of so many
iterations: they are no better kept than a hash. The functions that take a password belong in a thread.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable

from mailframe.sasl.saslprep import prepared_octets
from mailframe.sasl.scram import HASHES, Keys, derive

from .values import Credential

MAXIMUM_ITERATIONS = 5_000_000
SALT_OCTETS = 16
ITERATIONS = 15_000
"""RFC 7677 section 4 names it as what then took a tenth of a second; telephones have to do it at each login."""


def make_keys(
    mechanism: str, password: bytes, iterations: int = ITERATIONS, salt: bytes | None = None
) -> str:
    """The keys of a password.

    Args:
        mechanism: one of `mailframe.sasl.scram.HASHES`.
        password: octets, UTF-8.
        iterations: rounds of PBKDF2.
        salt: octets that no other account has; random by default.

    Returns:
        The text that goes behind ``{SCHEME}``.
    """
    salt = secrets.token_bytes(SALT_OCTETS) if salt is None else salt
    return _write(_derived(mechanism, password, salt, iterations))


def new_keys(password: str, mechanisms: Iterable[str], iterations: int = ITERATIONS) -> tuple[str, ...]:
    """The keys of a new password, ``{SCHEME}...`` for each of these mechanisms."""
    octets = password.encode("utf-8")
    return tuple(f"{{{name}}}{make_keys(name, octets, iterations)}" for name in mechanisms)


def verify_keys(mechanism: str, password: bytes, text: str) -> bool:
    """Is this the password of these keys? For PLAIN and the like.

    Raises:
        ValueError: the text is no such keys, or would cost too much to check.
    """
    keys = read_keys(text)
    computed = _derived(mechanism, password, keys.salt, keys.iterations)
    return hmac.compare_digest(computed.stored_key, keys.stored_key)


def read_keys(text: str) -> Keys:
    """Keys as they are kept, without the ``{SCHEME}``.

    Raises:
        ValueError: they are none.
    """
    count, *octets = text.split(",")
    if not (count.isascii() and count.isdigit()) or len(count) > 9 or len(octets) != 3:
        raise ValueError("SCRAM keys are iterations, salt, stored key and server key")
    salt, stored_key, server_key = (base64.b64decode(part, validate=True) for part in octets)
    if not 0 < int(count) <= MAXIMUM_ITERATIONS or not salt or len(stored_key) != len(server_key):
        raise ValueError("SCRAM keys with too many iterations, or keys of different lengths")
    return Keys(salt, int(count), stored_key, server_key)


def keys_of(credential: Credential, mechanism: str) -> Keys | None:
    """The keys an account has for a mechanism; None for none.

    Raises:
        ValueError: what is kept are no keys.
    """
    scheme = f"{{{mechanism}}}"
    for stored in (*credential.keys, credential.password_hash):
        if stored.upper().startswith(scheme):
            return read_keys(stored[len(scheme) :])
    return None


def _derived(mechanism: str, password: bytes, salt: bytes, iterations: int) -> Keys:
    return derive(HASHES[mechanism], prepared_octets(password), salt, iterations)


def _write(keys: Keys) -> str:
    octets = (keys.salt, keys.stored_key, keys.server_key)
    return ",".join([str(keys.iterations), *(base64.b64encode(part).decode("ascii") for part in octets)])
