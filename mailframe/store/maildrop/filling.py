"""Texts are kept up to date in the background: some time after mail came, and a bounded share of the time.

What is missed here, because of a restart or because too many accounts wait, is made up for when somebody searches.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.message.status import MailframeError
from mailframe.store.reactor import Reactor

from . import texts
from .maildrop import Maildrop

T = TypeVar("T")

log = Logger()

DELAY_SECONDS = 30.0
"""How long after the first news an account is looked at: what comes meanwhile goes with it in one group."""
WAITING_LIMIT = 10_000
"""Accounts that may wait; of further ones no note is taken."""
SHORTEST_PAUSE = 0.01


class Work(Protocol):
    """The store's way into its threads."""

    async def work(self, account: str, function: Callable[[Maildrop], T], slow: bool = False) -> T:
        """Call a function with the open account in a thread."""


class Filler:
    """Fills indexes of texts. All methods are for the reactor's thread.

    Args:
        store: does the work, in the thread that searches.
        reactor: for timers.
        share: of the time, at most; 1 for all of it.
    """

    def __init__(self, store: Work, reactor: Reactor, share: float) -> None:
        self._store = store
        self._reactor = reactor
        self._pause_per_second = 1 / share - 1
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._timer: IDelayedCall | None = None
        self._running: Deferred[None] | None = None
        self._pause = 0.0
        self._stopped = False

    def notice(self, account: str) -> None:
        """Something may have come into an account."""
        if self._stopped or len(self._waiting) >= WAITING_LIMIT:
            return
        self._waiting.setdefault(account)
        if self._timer is None and self._running is None:
            self._later(DELAY_SECONDS)

    def stop(self) -> Deferred[None]:
        """Begin nothing more; fires when what runs is over. Twice is fine."""
        self._stopped = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is None:
            return succeed(None)
        over: Deferred[None] = Deferred()
        self._running.addBoth(lambda result: over.callback(None))
        return over

    def _later(self, seconds: float) -> None:
        self._timer = self._reactor.callLater(seconds, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        account = next(iter(self._waiting))
        running = Deferred.fromCoroutine(self._slice(account))
        self._running = running
        running.addErrback(self._failed, account)
        running.addCallback(self._done)

    async def _slice(self, account: str) -> None:
        """One slice of one account; then as long a pause as the share asks for."""
        more, seconds = await self._store.work(account, texts.timed_fill, slow=True)
        if not more:
            self._waiting.pop(account, None)
        self._pause = seconds * self._pause_per_second

    def _failed(self, failure: Failure, account: str) -> None:
        self._waiting.pop(account, None)
        self._pause = DELAY_SECONDS
        # An account that is gone is no fault, and a fault of the disk was logged where it happened.
        if failure.check(MailframeError) is None:
            log.failure("texts of {account} could not be kept", failure, account=account)

    def _done(self, result: None) -> None:
        self._running = None
        if self._waiting and not self._stopped:
            self._later(max(SHORTEST_PAUSE, self._pause))
