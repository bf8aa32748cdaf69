"""Is there room for one more message? Asked at MAIL and at the end of data, before anything is written.

The figures are some seconds old, and what this worker has taken since is added; so the answer costs nothing. Only who
has much here already is counted for himself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.envelope import Envelope
from mailframe.message.origin import Origin
from mailframe.message.status import STORAGE_FULL, MailframeError, Status
from mailframe.policy.interfaces import IMailPolicy

from .interfaces import ISpool
from .metrics import REFUSED
from .settings import RoomOptions
from .values import Usage

ACCOUNTS: Final = 1000
"""Accounts whose shares are remembered."""
SHARE_AGE: Final = 10.0
"""Seconds for which an account's share is good."""

log = Logger()


class _Share:
    """What one account has here, as far as it is known."""

    __slots__ = ("messages", "octets", "until")

    def __init__(self, messages: int, octets: int, until: float) -> None:
        self.messages = messages
        self.octets = octets
        self.until = until


@implementer(IMailPolicy)
class Admission:
    """The room of the queue.

    Args:
        spool: is asked how full it is.
        settings: ``[queue.room]``.
        clock: the time.
        account: whose share a client's mail takes, "" for nobody's.
        free_disk: octets that are free; None: that does not matter.
    """

    def __init__(
        self,
        spool: ISpool,
        settings: RoomOptions,
        clock: IReactorTime,
        account: Callable[[Origin], str],
        free_disk: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._spool = spool
        self._settings = settings
        self._clock = clock
        self._account = account
        self._free_disk = free_disk
        self._free: int | None = None
        self._messages = 0
        self._octets = 0
        self._shares: OrderedDict[str, _Share] = OrderedDict()

    async def refresh(self, usage: Usage) -> None:
        """Go by new figures.

        Args:
            usage: of the spool.
        """
        free = await self._free_disk() if self._free_disk is not None else None
        self._messages, self._octets, self._free = usage.messages, usage.octets, free

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """Refuse for now at MAIL what there would be no room for (452 4.3.1)."""
        return await self.refusal(self._account(origin), bool(origin.login), envelope.size or 0)

    async def refusal(self, account: str, login: bool, size: int) -> Status | None:
        """Why a message cannot be taken now; None where it can.

        Args:
            account: whose.
            login: has he logged in?
            size: octets.
        """
        reason = self._full(size)
        if reason is None and account and (percent := self._percent(login)) < 100:
            reason = await self._over_share(account, percent, size)
        if reason is None:
            return None
        REFUSED.inc()
        log.warn("no room in the queue: {reason}", reason=reason, account=account, size=size)
        return STORAGE_FULL

    def added(self, account: str, size: int) -> None:
        """A message was taken."""
        self._messages += 1
        self._octets += size
        if self._free is not None:
            self._free -= size
        share = self._shares.get(account)
        if share is not None:
            share.messages += 1
            share.octets += size

    def full(self) -> str | None:
        """What there is no room for, in words, for the health of the node; None while there is."""
        return self._full(0)

    def _full(self, size: int) -> str | None:
        limits = self._settings
        if limits.messages and self._messages >= limits.messages:
            return f"{self._messages} messages are in the queue"
        if limits.octets and self._octets + size > limits.octets:
            return f"{self._octets} octets are in the queue"
        if self._free is not None and self._free - size < limits.free_disk:
            return f"{max(0, self._free)} octets are free on the disk"
        return None

    def _percent(self, login: bool) -> int:
        return self._settings.login_share if login else self._settings.network_share

    async def _over_share(self, account: str, percent: int, size: int) -> str | None:
        messages, octets = (
            -(-whole * percent // 100) for whole in (self._settings.messages, self._settings.octets)
        )
        if not (messages and self._messages >= messages) and not (octets and self._octets + size > octets):
            # All together do not have what one may have.
            return None
        share = await self._share(account)
        if messages and share.messages >= messages:
            return f"{account} has {share.messages} messages in the queue"
        if octets and share.octets + size > octets:
            return f"{account} has {share.octets} octets in the queue"
        return None

    async def _share(self, account: str) -> _Share:
        now = self._clock.seconds()
        share = self._shares.get(account)
        if share is None or share.until <= now:
            try:
                messages, octets = await self._spool.used_by(account)
            except MailframeError as error:
                # Whoever cannot be counted is not refused for it; the spool itself will say what it cannot take.
                log.warn("cannot count the mail of {account}: {reason}", account=account, reason=error.reason)
                return _Share(0, 0, now)
            share = self._shares[account] = _Share(messages, octets, now + SHARE_AGE)
            self._shares.move_to_end(account)
            if len(self._shares) > ACCOUNTS:
                self._shares.popitem(last=False)
        return share
