"""THREADIDs of stored messages, and of those that come. Blocking.

To find one costs some twenty microseconds; where deliveries come in large groups it waits until somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.threads import thread_of

from .maildrop import Maildrop
from .source import source_of


def assigned(drop: Maildrop, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> list[MessageRow]:
    """The same rows with a THREADID each, kept from now on."""
    heads = {}
    for row in rows:
        if not row.thread_id:
            source = source_of(drop, mailbox, row)
            heads[row.id] = b"" if source is None else source.header()
    if not heads:
        return list(rows)
    with drop.writing(0):
        # Somebody may have been first.
        now = {
            row.id: row.thread_id for row in drop.catalogue.messages.rows(mailbox, [row.uid for row in rows])
        }
        found = {id_: now.get(id_) or thread_of(drop.catalogue.threads, head) for id_, head in heads.items()}
        drop.catalogue.messages.set_threads(found.items())
    return [row._replace(thread_id=found.get(row.id, row.thread_id)) for row in rows]
