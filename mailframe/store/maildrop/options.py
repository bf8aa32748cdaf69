"""What can be configured of every store of maildrops, whatever its backend."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mailframe.config.types import option
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.names import DEFAULT_MAILBOXES, MAILBOXES_LIMIT


@attrs.frozen(kw_only=True)
class MaildropOptions:
    """Backends' options are this and what is their own."""

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
    open_accounts: int = option(
        "Accounts that stay open in each worker process, half of them for deliveries; where an account is files, "
        "each holds three file descriptors.",
        400,
        validator=attrs.validators.ge(1),
    )
    mailboxes: Mapping[str, str] = option(
        "What a new account has besides INBOX: mailbox names and their special uses (RFC 6154).",
        factory=lambda: dict(DEFAULT_MAILBOXES),
    )
    mailboxes_limit: int = option(
        "How many mailboxes an account may have.", MAILBOXES_LIMIT, validator=attrs.validators.ge(1)
    )
    keywords_limit: int = option(
        "How many keywords a mailbox may have.",
        KEYWORDS_LIMIT,
        validator=attrs.validators.in_(range(1, 1025)),
    )
    full_text: bool = option(
        "Keep the decoded text of messages beside them, so that SEARCH need not read them each time. It takes about "
        "as much room as the text of the messages, without attachments, and can be removed at any time.",
        True,
    )
    full_text_share: int = option(
        "How much of one processor each worker process may spend on keeping texts up to date in the background, "
        "in percent. What is missing when somebody searches is made then.",
        10,
        validator=attrs.validators.in_(range(1, 101)),
    )
