"""What mail comes from and goes to, and what became of it. Values and protocols only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from mailframe.message.content import Content
from mailframe.store.values import TakenMailbox, TakenMessage

NOTHING_KNOWN = TakenMailbox()
Progress = Callable[[str, int], None]
"""Told of a mailbox's name and how many messages of it were done since the last call."""


def no_progress(name: str, count: int) -> None:
    """Tells nobody."""


class TransferError(Exception):
    """Something about a source or a target that people can put right; the text says what."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox elsewhere.

    Attributes:
        name: in Unicode, with ``/`` between levels.
        taken: what it counts and is called there.
        messages: how many it has; None where that is not known beforehand.
        key: the source's own name for it.
    """

    name: str
    taken: TakenMailbox = NOTHING_KNOWN
    messages: int | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is here already, so that a source need not fetch it.

    Attributes:
        below: messages with lower UIDs.
        uidls: messages that POP3 calls so.
    """

    below: int = 1
    uidls: frozenset[str] = frozenset()


NOTHING_HERE = Known()


class Source(Protocol):
    """Where mail comes from. Blocking.

    Mailboxes are gone through one after another: `messages` of one before the next is asked for, and
    `subscriptions` at the end, so that a source may be a stream.
    """

    def folders(self) -> Iterator[Folder]:
        """Its mailboxes.

        Raises:
            TransferError: it cannot be read.
        """

    def messages(self, folder: Folder, known: Known) -> Iterator[TakenMessage]:
        """The messages of a mailbox, UIDs ascending; the caller discards each one's content.

        Args:
            folder: the mailbox `folders` gave last.
            known: these may come without content.

        Raises:
            TransferError: it cannot be read.
        """

    def subscriptions(self) -> frozenset[str] | None:
        """Subscribed names; None where the source does not know."""

    def close(self) -> None:
        """The caller is done with it."""


class Target(Protocol):
    """Where mail goes to. Blocking."""

    def begin(self, folder: Folder) -> None:
        """A mailbox begins."""

    def add(self, message: TakenMessage) -> None:
        """One more message of it; its content is the caller's to discard."""

    def finish(self, subscriptions: frozenset[str]) -> None:
        """That was all: make it last.

        Raises:
            OSError: it could not be done.
        """

    def abandon(self) -> None:
        """Something failed; safe after `finish`."""


@dataclass(slots=True)
class FolderOutcome:
    """What became of one mailbox.

    Attributes:
        name: its name.
        messages: that came over.
        updated: that were there, and have other flags now.
        kept: that were there already.
        absent: whose UIDs were given here, and that are not here any more; they do not come back.
        removed: that are gone where they came from, and here now.
        identity: UIDVALIDITY and UIDs were kept; otherwise its messages have new UIDs.
    """

    name: str
    messages: int = 0
    updated: int = 0
    kept: int = 0
    absent: int = 0
    removed: int = 0
    identity: bool = True


@dataclass(slots=True)
class Outcome:
    """What became of a transfer.

    Attributes:
        folders: each mailbox.
        octets: of the messages that came over.
        differences: what ``--verify`` found, in words.
    """

    folders: list[FolderOutcome] = field(default_factory=list)
    octets: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def messages(self) -> int:
        """Messages that came over."""
        return sum(folder.messages for folder in self.folders)


def digest(content: Content) -> str:
    """SHA-256 of a message's octets, in hexadecimal. May block on a file."""
    hashed = hashlib.sha256()
    for piece in content.chunks():
        hashed.update(piece)
    return hashed.hexdigest()


def email_id(sha256: str) -> str:
    """The EMAILID of a message that comes without one: equal octets have the same (RFC 8474 section 5.1)."""
    return "M" + sha256[:40]
