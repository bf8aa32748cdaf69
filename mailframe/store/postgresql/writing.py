"""Messages on their way into the database. Blocking."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from twisted.logger import Logger

from mailframe.message.content import Body, Content
from mailframe.store.maildrop.layout import Arrival, Written
from mailframe.store.values import Describe, Description

from .contents import GRACE_SECONDS, LARGE, Contents

PLACE_SECONDS: Final = GRACE_SECONDS / 2
"""A content that was written longer ago than this is not given to a message any more: it may be removed soon."""
PREFIX_LIMIT: Final = 4096
"""What a message has in front of a shared content; more of it is kept with the rest, as one content."""

log = Logger()


@dataclass(slots=True, eq=False)
class PostgresWritten(Written):
    """A message that is kept.

    Attributes:
        number: of its content.
        prefix: what it has in front of that.
        since: when it was written or found written, by `time.monotonic`.
        started: under which start of the server; another one may have lost what was not flushed.
    """

    number: int = 0
    prefix: bytes = b""
    since: float = 0.0
    started: str = ""

    def placeable(self, started: str) -> bool:
        """Is its content there, for sure, as long as it takes to give it to a message?

        Args:
            started: when the server was started that is to do that.
        """
        return self.started == started and time.monotonic() - self.since < PLACE_SECONDS


@dataclass(slots=True)
class Latest:
    """What a thread wrote last: mail for many mailboxes comes as the same body again and again.

    Attributes:
        body: the body.
        number: its content's.
        since, started: see `PostgresWritten`.
    """

    body: Body | None = None
    number: int = 0
    since: float = 0.0
    started: str = ""

    def has(self, body: Body, started: str) -> bool:
        """Is it this one, and not written too long ago?"""
        return (
            self.body is body
            and self.started == started
            and time.monotonic() - self.since < PLACE_SECONDS / 2
        )


def keep(contents: Contents, arrival: Arrival, latest: Latest) -> PostgresWritten:
    """Keep a message, or find its octets kept.

    Args:
        contents: where.
        arrival: the message.
        latest: the thread's.

    Raises:
        OSError: it could not be done.
    """
    prefix, body = _parted(arrival.content)
    if not latest.has(body, contents.started):
        latest.body, latest.since = None, time.monotonic()
        latest.number = _kept(contents, body)
        latest.body, latest.started = body, contents.started
    size = len(prefix) + body.size
    small = size <= LARGE
    description = described(arrival.describe, prefix + b"".join(body.chunks())) if small else None
    return PostgresWritten(
        size, body.size, None, description, number=latest.number, prefix=prefix, since=latest.since,
        started=latest.started,
    )  # fmt: skip


def _parted(content: Content) -> tuple[bytes, Body]:
    """What the message has in front, and what others may have as well."""
    prefix = content.prefix
    if len(prefix) <= PREFIX_LIMIT and b"\0" not in prefix:
        return prefix, content.body
    return b"", _Whole(content)


class _Whole:
    """Prefix and body as one body."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.size = content.size
        self.head = content.head

    def chunks(self) -> Iterator[bytes]:
        """All octets."""
        return self._content.chunks()

    def discard(self) -> None:
        """Nothing: the content's owner does."""


def _kept(contents: Contents, body: Body) -> int:
    if body.size <= LARGE:
        return contents.add(b"".join(body.chunks()))
    digest = hashlib.sha256()
    for chunk in body.chunks():
        digest.update(chunk)
    return contents.add_large(body.chunks(), body.size, digest.digest())


def described(describe: Describe | None, octets: bytes) -> Description | None:
    """A description; None where nobody describes, or where it fails, which must not stop a delivery."""
    if describe is None:
        return None
    try:
        return describe([octets])
    except Exception:
        log.failure("a message of {size} octets could not be described", size=len(octets))
        return None
