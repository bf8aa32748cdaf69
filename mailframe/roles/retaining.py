"""Rounds through all accounts: what is not kept for ever goes (``[retention]``). One worker of a node makes them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from email.utils import formatdate
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.message.status import MailframeError
from mailframe.store.maildrop.expiring import Round
from mailframe.store.quota_warning import notice_to_owner
from mailframe.store.retention_options import RetentionOptions

FIRST: Final = 60.0
"""Seconds after the start: there is more urgent work then."""

log = Logger()


class Accounts(Protocol):
    """What rounds need of a store."""

    def accounts(self) -> Awaitable[Sequence[str]]:
        """The names of all accounts."""

    def expire(self, account: str, now: float) -> Awaitable[Round]:
        """One round through one account."""

    def put(self, account: str, octets: bytes) -> Awaitable[None]:
        """Put a message of our own into an INBOX."""

    def told(self, account: str, now: float) -> Awaitable[None]:
        """The owner was told of unread mail that will go."""


class Rounds:
    """Goes through all accounts now and then.

    Args:
        store: has them.
        options: how often, and what owners are told.
        hostname: of this node.
        clock: the time.
    """

    def __init__(
        self, store: Accounts, options: RetentionOptions, hostname: str, clock: IReactorTime
    ) -> None:
        self._store = store
        self._options = options
        self._hostname = hostname
        self._clock = clock
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self._all()))
        self._loop.clock = clock
        self._stopping = False
        self._first: IDelayedCall | None = None
        self._running: Deferred[LoopingCall] | None = None

    async def start(self) -> None:
        """Begin in a minute."""
        if self._first is None:
            self._first = self._clock.callLater(FIRST, self._begin)

    async def stop(self) -> None:
        """Finish the account that is being gone through, and go no further."""
        self._stopping = True
        if self._first is not None and self._first.active():
            self._first.cancel()
        if self._loop.running:
            self._loop.stop()
        if self._running is not None:
            await self._running

    def _begin(self) -> None:
        self._running = self._loop.start(self._options.every)

    async def _all(self) -> None:
        done = Round()
        try:
            for account in await self._store.accounts():
                if self._stopping:
                    return
                await self._one(account, done)
        except MailframeError as error:
            # The next round is a new chance.
            log.warn("a round through all accounts was broken off: {error}", error=error)
        except Exception:
            log.failure("a round through all accounts failed", Failure())
        if done.removed or done.expired or done.unread:
            log.info(
                "retention: {removed} kept messages removed, {expired} expired, {unread} unread ones removed",
                removed=done.removed, expired=done.expired, unread=done.unread,
            )  # fmt: skip

    async def _one(self, account: str, done: Round) -> None:
        try:
            now = self._clock.seconds()
            found = await self._store.expire(account, now)
            if found.to_tell is not None:
                await self._store.put(account, self._warning(account, *found.to_tell))
                # Not before: what its owner was not told of stays.
                await self._store.told(account, now)
        except MailframeError as error:
            log.warn("the round through {account} was broken off: {error}", account=account, error=error)
            return
        except Exception:
            # Accounts behind it are not to wait until somebody mends this one.
            log.failure("the round through {account} failed", Failure(), account=account)
            return
        done.removed += found.removed
        done.expired += found.expired
        done.unread += found.unread

    def _warning(self, account: str, count: int, when: float) -> bytes:
        words = {"count": str(count), "date": formatdate(when)[:16]}
        return notice_to_owner(
            account, self._options.warning_subject, self._options.warning_text, words, "retention",
            self._hostname, self._clock.seconds(),
        )  # fmt: skip
