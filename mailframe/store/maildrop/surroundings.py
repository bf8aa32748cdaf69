"""What the store lends to everything inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.names import DEFAULT_MAILBOXES, MAILBOXES_LIMIT
from mailframe.store.values import Describe


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Attributes:
    describe: describes a message for IMAP.
    mailboxes: what a new account has besides INBOX, name to special use.
    quota: octets an account may hold, 0 for no limit.
    mailboxes_limit: mailboxes an account may have.
    keywords_limit: keywords a mailbox may have.
    """

    describe: Describe
    mailboxes: Mapping[str, str] = field(default_factory=lambda: DEFAULT_MAILBOXES)
    quota: int = 0
    mailboxes_limit: int = MAILBOXES_LIMIT
    keywords_limit: int = KEYWORDS_LIMIT
