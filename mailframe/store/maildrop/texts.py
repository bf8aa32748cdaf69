"""The index of an account's texts: filled from messages, asked by SEARCH, tidied up. Blocking.

Nobody depends on it. Whatever goes wrong with it is logged, and messages are read instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from twisted.logger import Logger

from mailframe.database.sqlite import storage_status
from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.text.interfaces import MessageText, TextIndex, TextSize
from mailframe.store.text.reading import text_of

from . import metrics
from .maildrop import Maildrop
from .source import source_of

T = TypeVar("T")

log = Logger()

FEW = 64
"""So few messages are read when somebody searches (10 ms), rather than put into the index one by one."""
SLICE_SECONDS = 0.05
"""How long one call goes on that puts texts into the index."""
GROUP_MESSAGES = 256
"""Messages whose texts are written together: of the usual size, they make a block of the index."""
_GROUP_CHARACTERS = 1024 * 1024


def asking(drop: Maildrop, work: Callable[[TextIndex], T]) -> T | None:
    """Do something with the index; None where there is none, or where it fails."""
    if not drop.surroundings.full_text:
        return None
    try:
        texts = drop.catalogue.texts
        return None if texts is None else work(texts)
    except Exception as fault:
        if storage_status(fault) is None:
            raise
        log.error("texts of {account} cannot be reached: {fault}", account=drop.account, fault=fault)
        drop.catalogue.forget_texts()
        return None


def catch_up(drop: Maildrop, mailbox: MailboxRow) -> bool | None:
    """Put texts of messages that it lacks into the index, for a slice of time.

    Returns:
        True when it lacks but a `FEW`, False when there is more to do, None where there is no index.

    Raises:
        OSError: a message cannot be read.
    """
    first = asking(drop, lambda index: index.covered(mailbox))
    if first is None:
        return None
    until = time.monotonic() + SLICE_SECONDS
    while True:
        uids = drop.catalogue.messages.uids_from(mailbox, first, GROUP_MESSAGES)
        if len(uids) <= FEW:
            return True
        texts, covered = _read(drop, mailbox, uids, until)
        if not _keep(drop, mailbox, texts, first, covered):
            return None
        first = covered
        if time.monotonic() >= until:
            return False


def _keep(
    drop: Maildrop, mailbox: MailboxRow, texts: list[MessageText], first: int, covered: int
) -> bool | None:
    def add(index: TextIndex) -> bool:
        index.add(mailbox, texts, first, covered)
        metrics.TEXTS_KEPT.inc(len(texts))
        metrics.TEXT_CHARACTERS.inc(sum(len(text.body) for text in texts))
        return True

    return asking(drop, add)


def _read(
    drop: Maildrop, mailbox: MailboxRow, uids: list[int], until: float
) -> tuple[list[MessageText], int]:
    """Texts of messages in order, as many as there is time for; and the UID to go on with."""
    texts: list[MessageText] = []
    characters = 0
    for row in list(drop.catalogue.messages.rows(mailbox, uids)):
        text = _text(drop, mailbox, row)
        if text is not None:
            texts.append(text)
            characters += len(text.body) + sum(len(body) for _, body in text.fields)
        if characters > _GROUP_CHARACTERS or time.monotonic() >= until:
            return texts, row.uid + 1
    return texts, uids[-1] + 1


def _text(drop: Maildrop, mailbox: MailboxRow, row: MessageRow) -> MessageText | None:
    source = source_of(drop, mailbox, row)
    if source is None:
        return None
    try:
        return text_of(row.uid, source)
    except Exception as fault:
        if storage_status(fault) is not None:
            raise
        # Our mistake, and the index must not stop at it for ever: this one is read whenever somebody searches.
        log.failure("the text of {uid} in {mailbox} cannot be read", uid=row.uid, mailbox=mailbox.name)
        return MessageText(row.uid, (), "", None, whole=False)


def fill(drop: Maildrop) -> bool:
    """One slice of what is to be done for an account in the background; True when there is more.

    Raises:
        OSError: a message cannot be read.
    """
    for mailbox in drop.catalogue.mailboxes.all():
        if catch_up(drop, mailbox) is False:
            return True
    mailboxes = drop.catalogue.mailboxes.all()
    return bool(asking(drop, lambda index: index.tidy(mailboxes, drop.catalogue.messages.uids)))


def timed_fill(drop: Maildrop) -> tuple[bool, float]:
    """`fill`, and the seconds it took."""
    begun = time.monotonic()
    more = fill(drop)
    return more, time.monotonic() - begun


def missing(drop: Maildrop) -> int:
    """How many messages of an account are not in its index."""

    def first_missing(mailbox: MailboxRow) -> int:
        return asking(drop, lambda index: index.covered(mailbox)) or 1

    return sum(
        len(drop.catalogue.messages.uids_from(mailbox, first_missing(mailbox)))
        for mailbox in drop.catalogue.mailboxes.all()
    )


def size(drop: Maildrop) -> TextSize:
    """How large an account's index is; nothing where it has none."""
    return asking(drop, lambda index: index.size()) or TextSize(0, 0)
