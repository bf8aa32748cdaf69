"""CRAM-MD5: the server's side, and how a password can be kept for it (RFC 2195). Offered only where it is configured.

Dovecot's ``{CRAM-MD5}`` keeps the state of MD5 after the two blocks that HMAC begins with (RFC 2104 section 4):
whoever has it can log in by CRAM-MD5, though not by anything else. ``hashlib`` cannot begin from a state, so MD5's
own step is here (RFC 1321 section 3.4).
"""

from __future__ import annotations

import secrets
import struct
from math import floor, sin
from typing import Final

from mailframe.message.status import ProtocolError

from .mechanisms import LIMIT, OneClaim, text
from .scram import MALFORMED
from .values import Challenge, Digest, Step

State = tuple[int, int, int, int]
_BEGIN: Final[State] = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_SHIFTS: Final = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_SINES: Final = tuple(floor(abs(sin(i + 1)) * 2**32) for i in range(64))
_MASK: Final = 0xFFFFFFFF
_BLOCK: Final = 64


class CramMD5(OneClaim):
    """CRAM-MD5: a challenge that never comes again, and its keyed digest.

    Args:
        challenge: for tests; random otherwise.
    """

    def __init__(self, challenge: bytes | None = None) -> None:
        self._challenge = challenge or b"<%b@mailframe>" % secrets.token_hex(16).encode("ascii")
        self._asked = False

    def step(self, response: bytes | None) -> Step:
        """Send the challenge; an initial response cannot be, since it would answer nothing."""
        if response is None and not self._asked:
            self._asked = True
            return Challenge(self._challenge)
        if response is None or not self._asked or len(response) > LIMIT:
            raise ProtocolError(MALFORMED)
        name, space, digest = response.rpartition(b" ")
        if not name or not space or len(digest) != 32 or b"\0" in name:
            raise ProtocolError(MALFORMED)
        return Digest(text(name), self._challenge, digest.lower())


def kept(password: bytes) -> bytes:
    """What is kept of a password: the outer and the inner state, 32 octets, as Dovecot orders them."""
    key = password if len(password) <= _BLOCK else _digest(_BEGIN, password, 0)
    padded = key.ljust(_BLOCK, b"\0")
    outer = _step(_BEGIN, bytes(octet ^ 0x5C for octet in padded))
    inner = _step(_BEGIN, bytes(octet ^ 0x36 for octet in padded))
    return struct.pack("<8I", *outer, *inner)


def digest(secret: bytes, challenge: bytes) -> bytes:
    """The digest of a challenge, in hexadecimal.

    Args:
        secret: as `kept` gives it.
        challenge: octets.

    Raises:
        ValueError: the secret has not 32 octets.
    """
    if len(secret) != 32:
        raise ValueError("two states of MD5 have 32 octets")
    words = struct.unpack("<8I", secret)
    outer: State = (words[0], words[1], words[2], words[3])
    inner: State = (words[4], words[5], words[6], words[7])
    return _digest(outer, _digest(inner, challenge, _BLOCK), _BLOCK).hex().encode("ascii")


def _digest(state: State, octets: bytes, before: int) -> bytes:
    """MD5 of octets, begun from the state after ``before`` octets."""
    length = (before + len(octets)) * 8
    octets += b"\x80" + b"\0" * ((55 - len(octets)) % _BLOCK) + struct.pack("<Q", length)
    for start in range(0, len(octets), _BLOCK):
        state = _step(state, octets[start : start + _BLOCK])
    return struct.pack("<4I", *state)


def _step(state: State, block: bytes) -> State:
    words = struct.unpack("<16I", block)
    a, b, c, d = state
    for i in range(64):
        if i < 16:
            mixed, at = (b & c) | (~b & d), i
        elif i < 32:
            mixed, at = (d & b) | (~d & c), (5 * i + 1) % 16
        elif i < 48:
            mixed, at = b ^ c ^ d, (3 * i + 5) % 16
        else:
            mixed, at = c ^ (b | (~d & _MASK)), (7 * i) % 16
        total = (a + mixed + _SINES[i] + words[at]) & _MASK
        shift = _SHIFTS[i // 16][i % 4]
        a, b, c, d = d, (b + (total << shift | total >> (32 - shift))) & _MASK, b, c
    return (
        (state[0] + a) & _MASK,
        (state[1] + b) & _MASK,
        (state[2] + c) & _MASK,
        (state[3] + d) & _MASK,
    )
