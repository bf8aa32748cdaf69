"""What may be said of a submission service's rules, in subsections of ``[role.relay]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from mailframe.config.types import option
from mailframe.policy.sending_limits import Limits


@attrs.frozen(kw_only=True)
class AccountLimitOptions:
    """What one account may send, instead of what everybody may; 0 for no limit."""

    messages_per_hour: int = option("Messages within an hour.", 0, minimum=0)
    messages_per_day: int = option("Messages within a day.", 0, minimum=0)
    recipients_per_hour: int = option("Recipients of all messages within an hour.", 0, minimum=0)
    recipients_per_day: int = option("Recipients of all messages within a day.", 0, minimum=0)

    def limits(self) -> Limits:
        """As the policy has it."""
        return Limits(
            self.messages_per_hour, self.messages_per_day, self.recipients_per_hour, self.recipients_per_day
        )


@attrs.frozen(kw_only=True)
class SendingLimitOptions(AccountLimitOptions):
    """What each user may send, all workers together: a stolen password must not be worth much. 0 for no limit."""

    recipients_per_hour: int = option("Recipients of all messages within an hour.", 1000, minimum=0)
    recipients_per_day: int = option("Recipients of all messages within a day.", 5000, minimum=0)
    over: Literal["hold", "refuse"] = option(
        "What becomes of a message over a limit: `hold` it until somebody has looked (``mailframe queue``), or "
        "`refuse` it for now (450).",
        "hold",
    )
    held_per_day: int = option(
        "Messages of one user that are held in a day; further ones are refused for now. 0 for no limit.",
        100,
        minimum=0,
    )
    accounts: Mapping[str, AccountLimitOptions] = option(
        "Accounts with limits of their own, by their names; what is not said there is no limit.", factory=dict
    )
