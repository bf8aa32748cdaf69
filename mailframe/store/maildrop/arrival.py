"""Written messages come into a mailbox: placed, with rows, and taken back where that must be. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailframe.message.status import MailframeError, Status
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, new_object_id, row_id
from mailframe.store.threads import thread_of
from mailframe.store.values import SYSTEM_FLAGS, Delivery

from .layout import Written
from .maildrop import Maildrop, now


@dataclass(slots=True, eq=False)
class Attempt:
    """One delivery under way.

    Attributes:
        unit: the number of its unit in the group.
        drop: its account, once open.
        written: the message, once it is kept.
        mailbox, row: its catalogue row, once it is there.
        status: None while all is well.
        email_id: its EMAILID, which equal messages of one group share (RFC 8474 section 5.1); "" for a new one.
    """

    delivery: Delivery
    unit: int
    drop: Maildrop | None = None
    written: Written | None = None
    mailbox: MailboxRow | None = None
    row: MessageRow | None = None
    status: Status | None = None
    email_id: str = ""


def add_rows(drop: Maildrop, mailbox: MailboxRow, attempts: Sequence[Attempt], lenient: bool = True) -> None:
    """Give a mailbox written messages and their rows. Needs a writing transaction.

    Args:
        lenient: where a mailbox has too many keywords, a message comes in without the new ones.

    Raises:
        OSError: one could not be placed.
        MailframeError: ``LIMIT``.
    """
    catalogue, layout = drop.catalogue, drop.layout
    keywords = catalogue.mailboxes.keywords(mailbox)
    saved = now()
    rows, described = [], []
    with layout.arriving(mailbox, attempts):
        # Not before: what another program has put there is seen on arriving, and was first.
        uid, modseq = catalogue.mailboxes.take_uids(mailbox, len(attempts))
        for attempt in attempts:
            written, message = attempt.written, attempt.delivery.message
            assert written is not None
            try:
                flags, packed = keywords.pack(keywords.spell(message.flags))
            except MailframeError:
                if not lenient:
                    raise
                flags, packed = keywords.pack(keywords.known(message.flags & SYSTEM_FLAGS))
            row = MessageRow(
                row_id(mailbox, uid), mailbox.id, modseq, flags, packed, message.internal_date or saved,
                written.size, saved, attempt.email_id or new_object_id("M"), _thread(drop, attempt), "", None,
                written.disk_size, written.form,
            )  # fmt: skip
            attempt.row = row = layout.place(mailbox, written, row, bool(message.flags))
            rows.append(row)
            if written.description is not None:
                described.append((row.id, written.description))
            uid += 1
        catalogue.messages.add(rows)
        catalogue.descriptions.add(described)


def _thread(drop: Maildrop, attempt: Attempt) -> str:
    """Found now where the message was described, too; else when somebody asks."""
    if attempt.written is None or attempt.written.description is None:
        return ""
    return thread_of(drop.catalogue.threads, attempt.delivery.message.content.body.head)
