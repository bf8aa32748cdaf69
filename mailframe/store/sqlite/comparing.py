"""Messages and contents of one account, compared by mailboxes, and put right. Blocking."""

from __future__ import annotations

from dataclasses import replace

from mailframe.store.catalogue.rows import UID_MASK, MailboxRow, MessageRow, new_object_id, row_id
from mailframe.store.checking import Difference, Kind
from mailframe.store.maildrop.maildrop import Maildrop, now
from mailframe.store.values import INBOX

from .account import AccountFile
from .checking import differences, put_right

RECOVERED = "Recovered"
"""The mailbox that contents without a message come back into: better twice than never."""

_MISSING = (
    "SELECT id FROM messages WHERE id BETWEEN ? AND ?"
    " AND NOT EXISTS (SELECT 1 FROM pieces WHERE pieces.id = CAST(file AS INTEGER) << 16) ORDER BY id"
)
_SIZE = "SELECT coalesce(sum(length(octets)), 0) FROM pieces WHERE id BETWEEN ?1 << 16 AND (?1 + 1 << 16) - 1"


def compare(file: AccountFile, mailbox: MailboxRow) -> list[Difference]:
    """Messages of a mailbox without a content; with INBOX also what is wrong with the contents of all."""
    ids = (row_id(mailbox, 0), row_id(mailbox, UID_MASK))
    missing = file.connection.execute(_MISSING, ids)
    found = [Difference(Kind.MISSING, mailbox.name, id_ & UID_MASK) for (id_,) in missing]
    if mailbox.name == INBOX:
        wrong = differences(file.connection)
        counted = ((Kind.EXTRA, len(wrong.orphans)), (Kind.REFERENCES, len(wrong.doomed + wrong.miscounted)))
        found.extend(Difference(kind, count=count) for kind, count in counted if count)
    return found


def mend(drop: Maildrop, file: AccountFile) -> bool:
    """Contents without a message become messages again; references are counted. Was there something to do?"""
    with drop.writing():
        found = differences(file.connection)
        if found.orphans:
            _recover(drop, file, found.orphans)
        put_right(file.connection, replace(found, orphans=()))
    return bool(found)


def _recover(drop: Maildrop, file: AccountFile, numbers: tuple[int, ...]) -> None:
    mailbox = drop.catalogue.mailboxes.named(RECOVERED) or drop.add_mailbox(RECOVERED)
    uid, modseq = drop.catalogue.mailboxes.take_uids(mailbox, len(numbers))
    time, rows = now(), []
    for place, number in enumerate(numbers):
        size = int(file.connection.execute(_SIZE, (number,)).get)
        rows.append(
            MessageRow(
                row_id(mailbox, uid + place), mailbox.id, modseq, 0, None, time, size, time, new_object_id("M"), "",
                str(number), "", size, 0,
            )
        )  # fmt: skip
    drop.catalogue.messages.add(rows)
    drop.changed.add(mailbox.mailbox_id)
