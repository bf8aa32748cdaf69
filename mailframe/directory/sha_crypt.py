"""SHA-crypt, the ``$5$`` and ``$6$`` hashes of Unix password files, over ``hashlib``.

Written after the published specification ("Unix crypt using SHA-256 and SHA-512", version 0.6). It is pure
Python, about 0.5 µs a round, and shares the interpreter with the reactor; so it is for hashes that were made
elsewhere, and rounds are bounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from .crypt_base64 import new_salt, write

DEFAULT_ROUNDS = 5_000
MINIMUM_ROUNDS = 1_000
MAXIMUM_ROUNDS = 1_000_000
"""The specification allows 999,999,999, which is ten minutes; here more than this is an error."""
SALT_LENGTH = 16

_NAMES = {"5": "sha256", "6": "sha512"}


def sha_crypt(password: bytes, setting: str) -> str:
    """Hash a password.

    Args:
        setting: ``$5$salt``, ``$6$rounds=5000$salt``, or a whole hash, whose end is not looked at.

    Returns:
        The whole hash, ``$6$salt$...``.

    Raises:
        ValueError: the setting is none, or its rounds are above `MAXIMUM_ROUNDS`.
    """
    kind, rounds, salt = _parse(setting)
    digest = _digest(_NAMES[kind], password, salt.encode("utf-8"), rounds or DEFAULT_ROUNDS)
    written = f"rounds={rounds}$" if rounds is not None else ""
    return f"${kind}${written}{salt}${_encode(kind, digest)}"


def new_setting(kind: str) -> str:
    """A setting with a fresh salt, for ``"5"`` (SHA-256) or ``"6"`` (SHA-512)."""
    return f"${kind}${new_salt(SALT_LENGTH)}"


def _parse(setting: str) -> tuple[str, int | None, str]:
    parts = setting.split("$")
    if len(parts) < 3 or parts[0] or parts[1] not in _NAMES:
        raise ValueError("no SHA-crypt hash")
    rounds = None
    if parts[2].startswith("rounds=") and len(parts) > 3:
        text = parts.pop(2).removeprefix("rounds=")
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise ValueError("the rounds of a SHA-crypt hash are no number")
        rounds = max(int(text), MINIMUM_ROUNDS)
        if rounds > MAXIMUM_ROUNDS:
            raise ValueError(f"SHA-crypt with {rounds} rounds; at most {MAXIMUM_ROUNDS} are allowed")
    return parts[1], rounds, parts[2][:SALT_LENGTH]


def _digest(name: str, password: bytes, salt: bytes, rounds: int) -> bytes:
    new = getattr(hashlib, name)
    start = new(password + salt + _start_tail(new, password, salt)).digest()
    p = _stretch(new(password * len(password)).digest(), len(password))
    s = _stretch(new(salt * (16 + start[0])).digest(), len(salt))
    # What goes around the value of the round before repeats every 42 rounds: make the 42 once.
    around = []
    for number in range(42):
        middle = (s if number % 3 else b"") + (p if number % 7 else b"")
        around.append(p + middle if number & 1 else middle + p)
    value: bytes = start
    for number in range(rounds):
        octets = around[number % 42]
        value = new(octets + value if number & 1 else value + octets).digest()
    return value


def _start_tail(new: object, password: bytes, salt: bytes) -> bytes:
    """What follows password and salt in the first digest: the other digest, stretched and by bits."""
    alternate: bytes = new(password + salt + password).digest()  # type: ignore[operator]
    tail = [_stretch(alternate, len(password))]
    length = len(password)
    while length:
        tail.append(alternate if length & 1 else password)
        length >>= 1
    return b"".join(tail)


def _stretch(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _triples(kind: str) -> Iterator[tuple[int, int, int]]:
    """In which order the digest's octets are written: turning thirds."""
    third, turns = (10, 10) if kind == "5" else (21, 21)
    a, b, c = 0, third, 2 * third
    for _ in range(turns):
        yield a, b, c
        a, b, c = (b + 1, c + 1, a + 1) if kind == "6" else (c + 1, a + 1, b + 1)


def _encode(kind: str, digest: bytes) -> str:
    out = []
    for a, b, c in _triples(kind):
        out.append(write(digest[a] << 16 | digest[b] << 8 | digest[c], 4))
    if kind == "5":
        out.append(write(digest[31] << 8 | digest[30], 3))
    else:
        out.append(write(digest[63], 2))
    return "".join(out)
