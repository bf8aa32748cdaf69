"""What passwords of unknown users are checked against, so that it takes the time it takes for known ones.

Hashes of different schemes cost between a microsecond and a second, so one fixed hash would tell. Instead a stranger
is checked against somebody's hash: of the accounts that came by lately, the one that the name falls on. So unknown
names cost what known ones do, in the same mixture, and one name costs the same each time while the mixture lasts. The
answer is thrown away.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque

from .values import Credential

SAMPLE = 64
"""Accounts whose hashes are remembered for this."""


class Strangers:
    """Gives out hashes for unknown users.

    Args:
        key: makes the choice unforeseeable.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._seen: dict[str, str] = {}
        self._order: deque[str] = deque()
        self._first = ""

    def begin(self, stored: str) -> None:
        """What to take as long as no account has come by."""
        self._first = stored

    def saw(self, credential: Credential) -> None:
        """An account came by."""
        name = credential.account.name
        if not credential.password_hash:
            return
        if name not in self._seen:
            self._order.append(name)
            if len(self._order) > SAMPLE:
                del self._seen[self._order.popleft()]
        self._seen[name] = credential.password_hash

    def hash_for(self, name: str) -> str:
        """The hash to check a password of somebody unknown against."""
        if not self._order:
            return self._first
        number = int.from_bytes(
            hmac.digest(self._key, name.encode("utf-8", "replace"), hashlib.sha256)[:8], "big"
        )
        return self._seen[self._order[number % len(self._order)]]
