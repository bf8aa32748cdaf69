"""What can be configured of the SQLite store."""

from __future__ import annotations

import attrs

from mailframe.config.types import DataPath, Size, option
from mailframe.store.maildrop.options import MaildropOptions


@attrs.frozen(kw_only=True)
class SQLiteStoreOptions(MaildropOptions):
    """Mail in one SQLite file an account, with its catalogue."""

    directory: DataPath = option(
        "Where the accounts lie, as DOMAIN/LOCAL-PART/mail.sqlite.", DataPath("mail")
    )
    journal: bool = option(
        "Small messages are made durable by a journal, many accounts' with one flush, and the accounts' files "
        "within some seconds. False: each account's file is flushed before the answer. Needs Linux 5.8; "
        "elsewhere it is as if it were false.",
        True,
    )
    journal_size: Size = option(
        "The size of each delivering thread's journal. Half of it should hold what comes in a second or two.",
        Size(32 * 1024 * 1024),
        validator=attrs.validators.ge(64 * 1024),
    )
