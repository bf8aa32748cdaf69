"""What can be configured of the Maildir store."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mailframe.config.types import DataPath, Size, option
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.names import DEFAULT_MAILBOXES, MAILBOXES_LIMIT


@attrs.frozen
class MaildirOptions:
    """Mail in Maildir++ folders, with an SQLite catalogue beside each account's."""

    directory: DataPath = option("Where the accounts lie, as DOMAIN/LOCAL-PART.", DataPath("mail"))
    line_ends: str = option(
        "How new files are written: with LF, as other Maildir programs expect, or with CRLF as received, which "
        "large messages are read faster from.",
        "lf",
        choices=("lf", "crlf"),
    )
    threads: int = option(
        "Threads that do the work of sessions; one more searches. 0: no threads of any kind, work is done at "
        "once, which is for tests.",
        4,
        validator=attrs.validators.ge(0),
    )
    delivery_threads: int = option(
        "Threads that deliver, each in groups of its own. One makes the largest groups; more keep mail "
        "moving for other accounts while one account's catalogue is busy.",
        1,
        validator=attrs.validators.ge(1),
    )
    journal: bool = option(
        "Small messages are made durable by a journal, and their files flushed some seconds later, many at once. "
        "False: each file and directory is flushed before the answer. Needs Linux 5.8; "
        "elsewhere it is as if it were false.",
        True,
    )
    journal_size: Size = option(
        "The size of each delivering thread's journal. Half of it should hold what comes in a second or two.",
        Size(32 * 1024 * 1024),
        validator=attrs.validators.ge(64 * 1024),
    )
    open_accounts: int = option(
        "Accounts that stay open in each worker process, half of them for deliveries; each holds three file "
        "descriptors.",
        400,
        validator=attrs.validators.ge(1),
    )
    mailboxes: Mapping[str, str] = option(
        "What a new account has besides INBOX: mailbox names and their special uses (RFC 6154).",
        factory=lambda: dict(DEFAULT_MAILBOXES),
    )
    quota: Size = option("How much an account may hold; 0 for no limit.", Size(0))
    mailboxes_limit: int = option(
        "How many mailboxes an account may have.", MAILBOXES_LIMIT, validator=attrs.validators.ge(1)
    )
    keywords_limit: int = option(
        "How many keywords a mailbox may have.",
        KEYWORDS_LIMIT,
        validator=attrs.validators.in_(range(1, 1025)),
    )
