"""What the store lends to everything inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailframe.store.catalogue.catalogue import BOOT_ID
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.names import DEFAULT_MAILBOXES, MAILBOXES_LIMIT
from mailframe.store.values import Describe

from .filenames import UniqueNames
from .files import Files
from .line_ends import LineEnds


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Attributes:
    directory: where the accounts lie.
    describe: describes a message for IMAP.
    line_ends: how new files are written.
    mailboxes: what a new account has besides INBOX, name to special use.
    quota: octets an account may hold, 0 for no limit.
    mailboxes_limit: mailboxes an account may have.
    keywords_limit: keywords a mailbox may have.
    files: operations on files.
    names: names for new files.
    boot: names this run of the machine.
    journalled: deliveries are in a journal before they are flushed.
    """

    directory: str
    describe: Describe
    line_ends: LineEnds = "lf"
    mailboxes: Mapping[str, str] = field(default_factory=lambda: DEFAULT_MAILBOXES)
    quota: int = 0
    mailboxes_limit: int = MAILBOXES_LIMIT
    keywords_limit: int = KEYWORDS_LIMIT
    files: Files = field(default_factory=Files)
    names: UniqueNames = field(default_factory=UniqueNames)
    boot: str = BOOT_ID
    journalled: bool = False
