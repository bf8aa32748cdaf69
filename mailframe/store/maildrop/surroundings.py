"""What the store lends to everything inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.ingest.log import IngestLog
from mailframe.store.names import DEFAULT_MAILBOXES, MAILBOXES_LIMIT
from mailframe.store.quota import NO_RULES, Limit, Limits, QuotaRules, Usage
from mailframe.store.retention import KEEP_NOTHING, RetentionRules
from mailframe.store.values import Describe

from .options import MaildropOptions


@dataclass(frozen=True, slots=True)
class Policies:
    """What is done to all mail of a store, whatever its backend.

    Attributes:
        ingest: gets a copy of each message; None: nobody does.
        quota: how much mail there may be.
        retention: how long it is kept.
        limits: knows accounts' own limits.
        warning: writes the message that tells of a quota nearly used up; None: nobody is told.
    """

    ingest: IngestLog | None = None
    quota: QuotaRules = NO_RULES
    retention: RetentionRules = KEEP_NOTHING
    limits: Limits | None = None
    warning: Callable[[str, int, Limit, Usage], bytes] | None = None


NO_POLICIES = Policies()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Attributes:
    describe: describes a message for IMAP.
    mailboxes: what a new account has besides INBOX, name to special use.
    quota: how much mail there may be.
    mailboxes_limit: mailboxes an account may have.
    keywords_limit: keywords a mailbox may have.
    retention: how long mail is kept.
    full_text: the share of one processor for keeping the text of messages for SEARCH; 0: none is kept.
    policies: what is done to all mail.
    nested: a mailbox may have both messages and inferiors.
    """

    describe: Describe
    mailboxes: Mapping[str, str] = field(default_factory=lambda: DEFAULT_MAILBOXES)
    quota: QuotaRules = NO_RULES
    mailboxes_limit: int = MAILBOXES_LIMIT
    keywords_limit: int = KEYWORDS_LIMIT
    retention: RetentionRules = KEEP_NOTHING
    full_text: float = 0.1
    policies: Policies = NO_POLICIES
    nested: bool = True

    @classmethod
    def of(
        cls, options: MaildropOptions, describe: Describe, policies: Policies = NO_POLICIES
    ) -> Surroundings:
        """What options say."""
        return cls(
            describe=describe,
            mailboxes=dict(options.mailboxes),
            quota=policies.quota,
            retention=policies.retention,
            mailboxes_limit=options.mailboxes_limit,
            keywords_limit=options.keywords_limit,
            full_text=options.full_text_share / 100 if options.full_text else 0.0,
            policies=policies,
        )
