"""What the hidden fields of a message should be, by the catalogue. Needs a transaction."""

from __future__ import annotations

from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.values import SEEN, SYSTEM_FLAGS

from .octets import Spot
from .tree import Tree
from .wire.fields import Base, Marks

BLOCK_LIMIT = 48 * 1024
"""Octets of keywords in one block, so that it stays in what is looked at of a header section."""


class Marking:
    """Of one mailbox, at one moment.

    Args:
        tree: the account's.
        mailbox: its row as it is now.
    """

    def __init__(self, tree: Tree, mailbox: MailboxRow) -> None:
        self._mailbox = mailbox
        self._last_uid = mailbox.uidnext - 1
        self._keywords = tree.catalogue.mailboxes.keywords(mailbox)

    def base(self) -> Base:
        """For the first message."""
        spellings = [word for _, word in sorted(self._keywords.spellings().items())]
        return Base(self._mailbox.uidvalidity, self._last_uid, bounded(spellings))

    def marks(self, row: MessageRow, body: int, first: bool) -> Marks:
        """For a message.

        Args:
            row: its row.
            body: octets of its body in the file.
            first: is it the first of the file?
        """
        flags = self._keywords.unpack(row.flags, row.keywords)
        # One that is on its way has its UID before the mailbox's row has it.
        self._last_uid = max(self._last_uid, row.uid)
        return Marks(
            row.uid,
            flags & SYSTEM_FLAGS,
            row.uid < self._mailbox.first_recent or SEEN in flags,
            bounded(sorted(flags - SYSTEM_FLAGS)),
            self.base() if first else None,
            content_length=body,
        )

    def is_right(self, row: MessageRow, spot: Spot) -> bool:
        """Has the file of a message what it should?"""
        return spot.block > 0 and spot.uid == row.uid and spot.state == self.marks(row, 0, False).state


def bounded(keywords: list[str]) -> tuple[str, ...]:
    """As many keywords as have room."""
    room, found = BLOCK_LIMIT // 2, []
    for word in keywords:
        room -= len(word.encode("utf-8", "replace")) + 1
        if room < 0:
            break
        found.append(word)
    return tuple(found)
