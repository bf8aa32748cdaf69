"""What a message says of the ones before it: Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4)."""

from __future__ import annotations

import hashlib
import re

from .header import bodies

LIMIT = 50
"""References that count: the first, and the last ones."""
_ID = re.compile(rb"<([^<>\s\0]{1,998})>")
_NAMES = (b"message-id", b"in-reply-to", b"references")


def references(head: bytes) -> tuple[bytes | None, tuple[bytes, ...]]:
    """A message's own id, and the ids of those it refers to: the nearest first, each once.

    Args:
        head: octets from the start of the message.
    """
    found = bodies(head, _NAMES)
    own = next(iter(_ids(found.get(b"message-id", []))), None)
    earlier = _ids(found.get(b"references", []))
    nearest = _ids(found.get(b"in-reply-to", []))[:1] or earlier[-1:]
    if len(earlier) > LIMIT:
        earlier = earlier[:1] + earlier[-LIMIT + 1 :]
    ordered = dict.fromkeys((*nearest, *reversed(earlier)))
    if own is not None:
        ordered.pop(own, None)
    return own, tuple(ordered)


def chain(head: bytes) -> tuple[bytes | None, tuple[bytes, ...]]:
    """A message's own id, and the ids of those before it as THREAD takes them: the oldest first.

    Those of References; of In-Reply-To the first, where there is no References (RFC 5256 section 3). An id that comes
    again counts where it comes first.

    Args:
        head: octets from the start of the message.
    """
    found = bodies(head, _NAMES)
    own = next(map(_unquoted, _ids(found.get(b"message-id", []))), None)
    earlier = _ids(found.get(b"references", [])) or _ids(found.get(b"in-reply-to", []))[:1]
    if len(earlier) > LIMIT:
        earlier = earlier[:1] + earlier[-LIMIT + 1 :]
    return own, tuple(one for one in dict.fromkeys(map(_unquoted, earlier)) if one != own)


def number_of(message_id: bytes) -> int:
    """64 bits that stand for a message's id: two different ones meet once in thousands of millions."""
    return int.from_bytes(hashlib.blake2b(message_id, digest_size=8).digest(), "big", signed=True)


def _unquoted(message_id: bytes) -> bytes:
    """As an id is compared: in quotes or not is the same (RFC 5256 section 3)."""
    return message_id.replace(b'"', b"").replace(b"\\", b"") if b'"' in message_id else message_id


def _ids(found: list[bytes]) -> list[bytes]:
    return [match for body in found for match in _ID.findall(body)]
