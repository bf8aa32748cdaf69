"""Quotas: accounts' own limits from the directory, and the rules of ``[quota]``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailframe.directory.interfaces import IDirectory
from mailframe.message.status import MailframeError
from mailframe.store.quota import Limit, Usage
from mailframe.store.quota_options import QuotaOptions
from mailframe.store.quota_warning import warning

REMEMBERED_SECONDS: Final = 60.0
"""A changed quota counts after this time at the latest."""
REMEMBERED: Final = 10_000


class DirectoryLimits:
    """Gives accounts' own limits; asks the directory once a minute for each.

    Args:
        directory: has the accounts.
        clock: the time.
        messages: how many an account may hold, whatever the directory says; 0 for no limit.
    """

    def __init__(self, directory: IDirectory, clock: IReactorTime, messages: int = 0) -> None:
        self._directory = directory
        self._clock = clock
        self._messages = messages
        self._known: OrderedDict[str, tuple[float, Limit | None]] = OrderedDict()

    async def __call__(self, account: str) -> Limit | None:
        """The limit of an account; None where it has none of its own. What was known last is better than nothing.

        Raises:
            MailframeError: temporary: the directory cannot be asked, and never could.
        """
        now = self._clock.seconds()
        known = self._known.get(account)
        if known is not None and now < known[0] + REMEMBERED_SECONDS:
            return known[1]
        try:
            found = await self._directory.account(account)
        except MailframeError:
            if known is None:
                raise
            return known[1]
        limit = Limit(found.quota, self._messages) if found is not None and found.quota else None
        self._known[account] = now, limit
        self._known.move_to_end(account)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return limit


def quota_warning(
    options: QuotaOptions, hostname: str, clock: IReactorTime
) -> Callable[[str, int, Limit, Usage], bytes]:
    """What writes the message to the owner of a mailbox that is nearly full."""

    def write(account: str, percent: int, limit: Limit, usage: Usage) -> bytes:
        return warning(
            account, percent, limit, usage, subject=options.warning_subject, text=options.warning_text,
            hostname=hostname, now=clock.seconds(),
        )  # fmt: skip

    return write
