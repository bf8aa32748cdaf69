"""After an unclean stop of the machine: messages that the delivery journal knows and the file has lost. Blocking.

The rules, and why they are right, are told in `mailframe.store.journal.journal`. A message comes back under the UID
that it had: all other numbers have jumped past it meanwhile. So a client that was told of it sees it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.store.catalogue.rows import MailboxRow, MessageRow, row_id
from mailframe.store.journal.records import Entry
from mailframe.store.maildrop.maildrop import Maildrop, now

from .account import AccountFile


def note(row: MessageRow) -> str:
    """What a journal entry keeps of a row, besides what it has fields for: system flags, EMAILID and THREADID."""
    return f"{row.flags} {row.email_id} {row.thread_id}"


def restore(
    drop: Maildrop, file: AccountFile, mailbox: MailboxRow, entries: Sequence[Entry], distrusted: bool
) -> int:
    """Put back messages of journal entries that are missing; how many.

    Args:
        drop: the account.
        file: its file.
        mailbox: where they were delivered.
        entries: what the journal knows.
        distrusted: write the octets of all of them again: what the system shows may not be on the disk.

    Raises:
        OSError, apsw.Error: something could not be put back.
    """
    count = 0
    with drop.writing(len(entries)):
        modseq = file.mailboxes.next_modseq(mailbox)
        mailbox = drop.current(mailbox.mailbox_id)
        missing = []
        for entry in entries:
            row = file.messages.row(mailbox, entry.uid)
            if row is None and not file.messages.is_expunged(mailbox, entry.uid, entry.modseq):
                missing.append(entry)
            elif row is not None and distrusted:
                file.contents.rewrite(int(row.file), entry.octets)
                count += 1
        number = file.contents.reserve(len(missing))
        for place, entry in enumerate(missing):
            file.contents.add(number + place, entry.octets)
        file.messages.add(
            [_row(mailbox, modseq, entry, number + place) for place, entry in enumerate(missing)]
        )
        file.mailboxes.advance(mailbox, max((entry.uid + 1 for entry in missing), default=0), 0)
    file.flush()
    return count + len(missing)


def _row(mailbox: MailboxRow, modseq: int, entry: Entry, number: int) -> MessageRow:
    flags, email_id, thread_id = entry.info.split(" ")
    return MessageRow(
        row_id(mailbox, entry.uid), mailbox.id, modseq, int(flags), None, entry.date, len(entry.octets), now(),
        email_id, thread_id, str(number), "", len(entry.octets), 0,
    )  # fmt: skip
