"""The alphabet in which the hashes of Unix password files are written."""

from __future__ import annotations

import secrets

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_salt(length: int) -> str:
    """So many characters at random."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def write(number: int, characters: int) -> str:
    """The low bits of a number, six a character, the lowest first."""
    return "".join(_ALPHABET[number >> 6 * place & 63] for place in range(characters))
