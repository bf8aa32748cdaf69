"""What a delivery journal is told of messages that have come in."""

from __future__ import annotations

from mailframe.store.journal.records import Entry

from .arrival import Attempt


def entry_of(attempt: Attempt) -> Entry | None:
    """What a journal is told of a message that has come; None for one that is flushed by itself."""
    written, row, mailbox = attempt.written, attempt.row, attempt.mailbox
    if written is None or written.octets is None or row is None or mailbox is None:
        return None
    return Entry(
        attempt.delivery.account, mailbox.mailbox_id, "new" if row.info is None else "cur", row.file,
        (row.info or "") if written.noted is None else written.noted, row.uid, row.modseq, row.internal_date,
        written.octets,
    )  # fmt: skip
