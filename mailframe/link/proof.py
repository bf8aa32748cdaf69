"""Both sides show that they know the shared key, and neither says it.

The server begins with a nonce; the client answers with its own and with an HMAC (RFC 2104, SHA-256) over both; the
server answers with another. Nothing of that helps whoever listens, or plays it again. TLS, whose certificate the
client has verified, keeps others out of what follows.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

VERSION: Final = 1
_NONCE_OCTETS = 24


def new_nonce() -> str:
    """Something nobody has said before."""
    return secrets.token_urlsafe(_NONCE_OCTETS)


def is_nonce(text: object) -> bool:
    """Is it long enough to be one, and not endless?"""
    return isinstance(text, str) and _NONCE_OCTETS <= len(text) <= 200


def proof(key: str, side: str, server_nonce: str, client_nonce: str, service: str) -> str:
    """What a side shows.

    Args:
        key: the shared key.
        side: ``client`` or ``server``.
        service: what the client wants, so that nobody turns it into something else.
    """
    said = "\0".join(("mailframe link", str(VERSION), side, server_nonce, client_nonce, service))
    return hmac.digest(
        key.encode("utf-8", "surrogateescape"), said.encode("utf-8", "replace"), hashlib.sha256
    ).hex()


def is_proof(said: object, wanted: str) -> bool:
    """Does it show what it has to?"""
    return isinstance(said, str) and hmac.compare_digest(
        said.encode("utf-8", "replace"), wanted.encode("ascii")
    )
