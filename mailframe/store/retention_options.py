"""What can be configured of how long mail is kept."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, Size, option

from .retention import ExpiryRule, RetentionRules

_SUBJECT = "Old mail that you have not read will be removed"
_TEXT = """\
There are {count} messages in your mailboxes that you have not read for a long time.

They will be removed on {date}, unless you read them before.
"""


@attrs.frozen(kw_only=True)
class ExpiryOptions:
    """``[[retention.expire]]``: mail of some mailboxes is expunged when it is old. The first that fits counts."""

    mailbox: str = option('The mailbox, ``"Trash"``; ``"Lists/*"`` for each of those below it.')
    after: Duration = option("How long after it came into this mailbox.", minimum=3600)
    seen_only: bool = option("Only what has been read.", False)


@attrs.frozen(kw_only=True)
class RetentionOptions:
    """``[retention]``: how long mail is kept."""

    expunged: Duration = option(
        "How long mail is kept that users have expunged, for ``mailframe mailbox restore``; ``0s``: not at all.",
        Duration(0.0),
    )
    expunged_size: Size = option(
        "How much expunged mail an account may have; what was expunged first goes first. 0 for no limit.",
        Size(1024**3),
    )
    expire: list[ExpiryOptions] = option("Mailboxes whose old mail is expunged.", factory=list)
    unread: Duration = option(
        "Mail that nobody has read is expunged after this time; ``0s``: never.", Duration(0.0)
    )
    unread_warning: Duration = option(
        "But its owner is told this long before.", Duration(14 * 86400.0), minimum=3600
    )
    warning_subject: str = option("The subject of the message that tells so.", _SUBJECT)
    warning_text: str = option(
        "What it says; ``{count}`` and ``{date}`` are filled in.", _TEXT, shown="a few sentences"
    )
    every: Duration = option("How often all accounts are gone through.", Duration(6 * 3600.0), minimum=60)

    @property
    def rules(self) -> RetentionRules:
        """What the store goes by."""
        return RetentionRules(
            expunged=self.expunged,
            expunged_octets=self.expunged_size,
            expiry=tuple(ExpiryRule(one.mailbox, one.after, one.seen_only) for one in self.expire),
            unread=self.unread,
            unread_warning=self.unread_warning,
        )
