"""Written messages come into a mailbox: renamed, with rows, and taken back where that must be. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailframe.message.status import MailframeError, Status
from mailframe.store.catalogue.mailboxes import MailboxRow
from mailframe.store.catalogue.messages import MessageRow, new_object_id, row_id
from mailframe.store.values import SYSTEM_FLAGS, Delivery

from .filenames import NO_FLAGS, info_for, with_sizes
from .maildrop import Maildrop, now
from .writing import Written


@dataclass(slots=True, eq=False)
class Attempt:
    """One delivery under way.

    Attributes:
        unit: the number of its unit in the group.
        drop: its account, once open.
        written: its file in ``tmp/``, until it is renamed.
        path: its file in the mailbox, once it is there.
        mailbox, row: its catalogue row, once it is there.
        status: None while all is well.
    """

    delivery: Delivery
    unit: int
    drop: Maildrop | None = None
    written: Written | None = None
    path: str = ""
    mailbox: MailboxRow | None = None
    row: MessageRow | None = None
    status: Status | None = None


def add_rows(drop: Maildrop, mailbox: MailboxRow, attempts: Sequence[Attempt], lenient: bool = True) -> None:
    """Rename written files into a mailbox and add their rows. Needs a writing transaction.

    Args:
        lenient: where a mailbox has too many keywords, a message comes in without the new ones.

    Raises:
        OSError: a file could not be renamed; those that were have their `Attempt.path` set.
        MailframeError: ``LIMIT``.
    """
    catalogue, files, folder = drop.catalogue, drop.files, drop.folder(mailbox)
    keywords = catalogue.mailboxes.keywords(mailbox)
    uid, modseq = catalogue.mailboxes.take_uids(mailbox, len(attempts))
    saved = now()
    rows, described = [], []
    for attempt in attempts:
        written, message = attempt.written, attempt.delivery.message
        assert written is not None
        try:
            flags, packed = keywords.pack(keywords.spell(message.flags))
        except MailframeError:
            if not lenient:
                raise
            flags, packed = keywords.pack(keywords.known(message.flags & SYSTEM_FLAGS))
        # A message that comes with flags has been seen by somebody: it goes where files have an info.
        info = info_for(flags, NO_FLAGS) if message.flags else None
        file = with_sizes(written.path.rpartition("/")[2], written.disk_size, written.size)
        path = f"{folder}/new/{file}" if info is None else f"{folder}/cur/{file}{info}"
        date = message.internal_date or saved
        if abs(date - saved) > 2:
            # Other programs, and a look after the catalogue was lost, take the file's time for the internal date.
            files.set_time(written.path, date)
        files.rename(written.path, path)
        attempt.path = path
        attempt.row = MessageRow(
            row_id(mailbox, uid), mailbox.id, modseq, flags, packed, date, written.size, saved,
            new_object_id("M"), "", file, info, written.disk_size, written.form,
        )  # fmt: skip
        rows.append(attempt.row)
        if written.description is not None:
            described.append((attempt.row.id, written.description))
        uid += 1
    catalogue.messages.add(rows)
    catalogue.descriptions.add(described)


def take_row_back(drop: Maildrop, mailbox: MailboxRow, row: MessageRow) -> None:
    """Expunge a row that was just added; within the open transaction, or else in one of its own."""
    if drop.catalogue.in_transaction:
        drop.catalogue.messages.expunge(mailbox, [row.uid], row.modseq)
        return
    with drop.writing():
        modseq = drop.catalogue.mailboxes.next_modseq(mailbox)
        drop.catalogue.messages.expunge(mailbox, [row.uid], modseq)
    drop.changed.add(mailbox.mailbox_id)


def directories_of(attempts: Sequence[Attempt]) -> int:
    """The directories that files of these come into, as `Maildrop.own_change` has them."""
    directories = 0
    for attempt in attempts:
        directories |= 2 if attempt.delivery.message.flags else 1
    return directories
