"""What can be configured of quotas."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mailframe.config.types import Size, option
from mailframe.message.status import MAILBOX_FULL, Status

from .quota import Limit, QuotaRules

FULL_FOR_GOOD = Status((5, 2, 2), "The mailbox is full", "OVERQUOTA")
_TEXT = """\
Your mailbox is {percent} percent full: {used} of {limit} are used.

When it is full, mail for you is sent back. Please delete what you do not need any more, and empty the trash.
"""


def _percents(_: object, attribute: object, value: Sequence[int]) -> None:
    for percent in value:
        if not 1 <= percent <= 100:
            raise ValueError(f"expected percents from 1 to 100, got {percent}")


@attrs.frozen(kw_only=True)
class MailboxQuotaOptions:
    """``[[quota.mailboxes]]``: what single mailboxes may hold, within what the account may."""

    name: str = option('The mailbox, ``"Trash"``; ``"Trash/*"`` for each of those below it.')
    storage: Size = option("Octets; 0 for no limit.", Size(0))
    messages: int = option("Messages; 0 for no limit.", 0, minimum=0)


@attrs.frozen(kw_only=True)
class QuotaOptions:
    """``[quota]``: how much mail there may be."""

    storage: Size = option(
        "Octets an account may hold that has no quota of its own in the directory; 0 for no limit.", Size(0)
    )
    messages: int = option("Messages an account may hold; 0 for no limit.", 0, minimum=0)
    mailboxes: list[MailboxQuotaOptions] = option("What single mailboxes may hold.", factory=list)
    warnings: list[int] = option(
        "The owner gets a message when mail that comes fills the account to one of these percents.",
        factory=lambda: [80, 95],
        validator=_percents,
    )
    warning_subject: str = option("Its subject.", "Your mailbox is {percent} percent full")
    warning_text: str = option(
        "What it says; ``{percent}``, ``{used}`` and ``{limit}`` are filled in.",
        _TEXT,
        shown="a few sentences",
    )
    refuse: str = option(
        "How mail for a full account is refused: ``temporary`` (452), and senders try again for days, or "
        "``permanent`` (552), and they are told at once.",
        "temporary",
        choices=("temporary", "permanent"),
    )

    @property
    def rules(self) -> QuotaRules:
        """What the store goes by."""
        return QuotaRules(
            account=Limit(self.storage, self.messages),
            mailboxes=tuple((one.name, Limit(one.storage, one.messages)) for one in self.mailboxes),
            warnings=tuple(sorted(set(self.warnings))),
            full=MAILBOX_FULL if self.refuse == "temporary" else FULL_FOR_GOOD,
        )
