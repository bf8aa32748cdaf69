"""Watches mailboxes that sessions listen to: what other programs deliver reaches IDLE at once.

The system tells of changes in ``new/`` and ``cur/``, and a look takes them in; what that finds is published as a
hint, as any change of our own. Where the system tells nothing (network file systems, other systems than Linux, no
watches left) the mailbox is looked at every so often. Sessions that come and go within a second cost nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IHints
from mailframe.store.maildrop.maildrop import Maildrop
from mailframe.store.reactor import Reactor

from . import metrics
from .layout import MaildirLayout
from .notices import Notices

FIRST_SECONDS = 1.0
"""From the first session that listens to the first visit."""
NOTICED_SECONDS = 0.05
"""From a notice to the visit: many messages come in a row."""
AGAIN_SECONDS = 1.0
"""The least until a visit that could not see all is repeated."""
VISITS = 8
"""Visits at a time; others wait, so that a flood of notices does not keep sessions' work waiting."""

log = Logger()
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit has found.

    Attributes:
        directories: of the mailbox, to be watched.
        again: seconds after which a look may find what this one could not; None: it has seen all.
    """

    directories: tuple[str, ...]
    again: float | None


class Visiting(Protocol):
    """Does work in an account's thread: `mailframe.store.maildrop.store.MaildropStore.work`."""

    def __call__(self, account: str, function: Callable[[Maildrop], Visit], /) -> Awaitable[Visit]:
        """Call it with the open account in a thread."""


@dataclass(slots=True, eq=False)
class Listened:
    """A mailbox that somebody listens to."""

    listeners: int = 0
    watches: list[int] = field(default_factory=list)
    watched: bool = False
    timer: IDelayedCall | None = None
    visiting: bool = False
    again: bool = False


@implementer(IHints)
class WatchedHints:
    """Hints, and visits to mailboxes that somebody listens to. Methods are for the reactor's thread.

    Args:
        inner: carries the hints.
        reactor: for timers; where it has descriptors too, the system's notices are used.
        visiting: does a visit.
        limit: mailboxes that the system is asked about; 0: it is not asked.
        scan: seconds between visits to other mailboxes.
    """

    def __init__(self, inner: IHints, reactor: Reactor, visiting: Visiting, limit: int, scan: float) -> None:
        self._inner = inner
        self._reactor = reactor
        self._visiting = visiting
        self._limit = limit if IReactorFDSet.providedBy(reactor) else 0
        self._scan = scan
        self._listened: dict[Key, Listened] = {}
        self._watched: dict[int, set[Key]] = {}
        self._watching = 0
        self._notices: Notices | None = None
        self._waiting: dict[Key, None] = {}
        self._running = 0
        self._stopped = False

    def publish(self, account: str, mailbox_id: str) -> None:
        """See `IHints.publish`."""
        self._inner.publish(account, mailbox_id)

    def listen(self, account: str, mailbox_id: str, changed: Callable[[], None]) -> Callable[[], None]:
        """See `IHints.listen`."""
        ending = self._inner.listen(account, mailbox_id, changed)
        key = (account, mailbox_id)
        listened = self._listened.setdefault(key, Listened())
        listened.listeners += 1
        if listened.listeners == 1:
            self._later(key, listened, FIRST_SECONDS)

        def stop() -> None:
            nonlocal ending
            done, ending = ending, _nothing
            done()
            if done is not _nothing:
                self._left(key, listened)

        return stop

    def listen_account(self, account: str, changed: Callable[[str], None]) -> Callable[[], None]:
        """See `IHints.listen_account`; nothing is visited for this."""
        return self._inner.listen_account(account, changed)

    def stop(self) -> None:
        """Watch nothing any more; safe to call twice."""
        self._stopped = True
        for listened in self._listened.values():
            _cancel(listened)
        self._waiting.clear()
        notices, self._notices = self._notices, None
        if notices is not None:
            notices.close()
        for key, listened in self._listened.items():
            self._unwatch(key, listened)

    def _left(self, key: Key, listened: Listened) -> None:
        listened.listeners -= 1
        if listened.listeners == 0:
            _cancel(listened)
            self._waiting.pop(key, None)
            self._unwatch(key, listened)
            del self._listened[key]

    # Visits.

    def _later(self, key: Key, listened: Listened, seconds: float) -> None:
        """Visit after so many seconds, or earlier where that is to happen."""
        if self._stopped:
            return
        timer = listened.timer
        if timer is not None and timer.active():
            if timer.getTime() <= self._reactor.seconds() + seconds:
                return
            timer.cancel()
        listened.timer = self._reactor.callLater(seconds, self._due, key)

    def _due(self, key: Key) -> None:
        self._waiting[key] = None
        self._visit_next()

    def _visit_next(self) -> None:
        while self._waiting and self._running < VISITS and not self._stopped:
            key = next(iter(self._waiting))
            del self._waiting[key]
            listened = self._listened[key]
            if listened.visiting:
                listened.again = True
                continue
            listened.visiting = True
            self._running += 1
            work = Deferred.fromCoroutine(self._visit(key, listened))
            work.addErrback(self._failed, key)
            work.addCallback(self._visited, key, listened)

    async def _visit(self, key: Key, listened: Listened) -> float | None:
        """Look at a mailbox; seconds to the next visit."""
        account, mailbox_id = key
        try:
            visit = await self._visiting(account, lambda drop: see(drop, mailbox_id))
        except MailframeError:
            # It is gone, and its sessions will soon be; or the disk, or the account's thread, is not well.
            return self._scan
        metrics.VISITS.inc()
        if self._watch(key, listened, visit.directories):
            # What came before the watches stood, nobody tells us.
            return 0.0
        if visit.again is not None:
            return max(AGAIN_SECONDS, visit.again)
        return None if listened.watched else self._scan

    def _failed(self, failure: Failure, key: Key) -> float:
        log.failure("{account} could not be looked at", failure, account=key[0])
        return self._scan

    def _visited(self, seconds: float | None, key: Key, listened: Listened) -> None:
        self._running -= 1
        listened.visiting = False
        if self._listened.get(key) is listened and not self._stopped:
            if listened.again:
                listened.again, seconds = False, 0.0
            if seconds is not None:
                self._later(key, listened, seconds)
        self._visit_next()

    # The system's notices.

    def _watch(self, key: Key, listened: Listened, directories: tuple[str, ...]) -> bool:
        """Watch a mailbox's directories, if they are not and may be; True when they are from now on."""
        if listened.watched or self._stopped or self._listened.get(key) is not listened:
            return False
        if self._watching >= self._limit:
            return False
        listened.watched = True
        self._watching += 1
        metrics.WATCHED.inc()
        try:
            if self._notices is None:
                self._notices = Notices(
                    self._reactor,  # type: ignore[arg-type]
                    self._noticed,
                    self._gone,
                    self._lost,
                )
            for directory in directories:
                number = self._notices.watch(directory)
                self._watched.setdefault(number, set()).add(key)
                listened.watches.append(number)
        except OSError as fault:
            log.debug("{account} is looked at every so often: {fault}", account=key[0], fault=fault)
            self._unwatch(key, listened)
            return False
        return True

    def _unwatch(self, key: Key, listened: Listened) -> None:
        if not listened.watched:
            return
        listened.watched = False
        watches, listened.watches = listened.watches, []
        for number in watches:
            keys = self._watched.get(number, set())
            keys.discard(key)
            if not keys and self._watched.pop(number, None) is not None and self._notices is not None:
                self._notices.ignore(number)
        self._watching -= 1
        metrics.WATCHED.dec()

    def _noticed(self, number: int) -> None:
        for key in self._watched.get(number, ()):
            self._later(key, self._listened[key], NOTICED_SECONDS)

    def _gone(self, number: int) -> None:
        """A directory was removed, or another one may be in its place: visit, and watch what is there."""
        for key in tuple(self._watched.get(number, ())):
            self._unwatch(key, self._listened[key])
            self._later(key, self._listened[key], NOTICED_SECONDS)

    def _lost(self) -> None:
        """The system has not told all: visit whatever is watched."""
        ended = self._notices is not None and self._notices.fileno() < 0
        if ended:
            self._notices = None
        for key in [key for keys in self._watched.values() for key in keys]:
            if ended:
                self._unwatch(key, self._listened[key])
            self._later(key, self._listened[key], NOTICED_SECONDS)


def see(drop: Maildrop, mailbox_id: str) -> Visit:
    """Take in what happened to a mailbox. Blocking.

    Raises:
        MailframeError: ``NONEXISTENT``.
        OSError: its directories cannot be reached.
    """
    layout = drop.layout
    assert isinstance(layout, MaildirLayout)
    layout.look(drop.current(mailbox_id))
    mailbox = drop.current(mailbox_id)
    return Visit(layout.directories(mailbox), layout.next_look(mailbox))


def _cancel(listened: Listened) -> None:
    if listened.timer is not None and listened.timer.active():
        listened.timer.cancel()


def _nothing() -> None:
    """What a session that has ended ends again."""
