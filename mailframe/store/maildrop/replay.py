"""After an unclean stop of the machine: putting back what the delivery journals know and the disk has lost. Blocking.

The rules, and why they are right, are told in `mailframe.store.journal.journal`. Every step may be done again.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from mailframe.store.journal.records import Entry

from .layout import Opener
from .maildrop import Maildrop
from .surroundings import Surroundings

log = Logger()


def restore(surroundings: Surroundings, opener: Opener, entries: Sequence[Entry], distrusted: bool) -> None:
    """Put back messages of journal entries that are missing or not what was written.

    Args:
        surroundings: the store's.
        opener: opens accounts.
        entries: in the order in which they were delivered.
        distrusted: write all of them again: what the system shows may not be on the disk.

    Raises:
        OSError, apsw.Error: something could not be put back. It can be tried again.
    """
    by_account: dict[str, list[Entry]] = {}
    for entry in entries:
        by_account.setdefault(entry.account, []).append(entry)
    for account, of_account in by_account.items():
        # What an account is was on the disk before its first delivery: one that is not there was removed.
        if not opener.exists(account):
            continue
        drop = Maildrop(account, surroundings, opener)
        try:
            count = _restored(drop, of_account, distrusted)
        finally:
            drop.close()
        log.info(
            "{count} of {total} journalled messages of {account} were put back",
            count=count, total=len(of_account), account=account,
        )  # fmt: skip


def _restored(drop: Maildrop, entries: Sequence[Entry], distrusted: bool) -> int:
    by_mailbox: dict[str, list[Entry]] = {}
    for entry in entries:
        by_mailbox.setdefault(entry.mailbox_id, []).append(entry)
    count = 0
    for mailbox_id, of_mailbox in by_mailbox.items():
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is not None:
            count += drop.layout.restore(mailbox, of_mailbox, distrusted)
    return count
