"""Ends the sessions of accounts that may not be used any more: held, disabled, or gone.

Logins and deliveries ask the directory anyway. Who is inside already is found here: each worker looks once a second
at what is new in the directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailframe.directory.entries import Entry, Key, Kind
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.interfaces import IDirectory
from mailframe.directory.values import Account, Credential
from mailframe.message.status import MailframeError

from .interfaces import IRole

LOOK = 1.0
"""Seconds between two looks at the directory."""
PATIENCE = 5.0
"""Seconds that a session has to finish what it is in the middle of; then it is cut."""
AFTERWARDS = 10.0
"""Seconds for which sessions are ended that began although the account was shut already: a login was under way."""

log = Logger()


class Warden:
    """Watches the directory for one worker.

    Args:
        directory: says in the end who may use an account.
        feeds: tell what is new in it: the directory itself, or those that it is made of.
        roles: whose sessions to end.
        clock: the reactor.
    """

    def __init__(
        self,
        directory: IDirectory,
        feeds: Iterable[IDirectoryFeed],
        roles: Iterable[IRole],
        clock: IReactorTime,
    ) -> None:
        self._directory = directory
        self._versions: dict[IDirectoryFeed, str] = dict.fromkeys(feeds, "")
        self._roles: Sequence[IRole] = tuple(roles)
        self._clock = clock
        self._shut: dict[str, float] = {}
        self._away = False
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    async def start(self) -> None:
        """Begin to watch."""
        if not self._loop.running:
            self._loop.start(LOOK, now=True)

    async def stop(self) -> None:
        """Watch no more."""
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._ask())

    async def _ask(self) -> None:
        try:
            for feed in self._versions:
                await self._follow(feed)
            self._away = False
        except MailframeError as error:
            # Told once: a directory that is away has a health check of its own.
            if not self._away:
                log.warn("cannot see what is new in the directory: {reason}", reason=error.reason)
            self._away = True
        except Exception:
            log.failure("cannot see what is new in the directory")
        self._end_sessions()

    async def _follow(self, feed: IDirectoryFeed) -> None:
        if not self._versions[feed]:
            self._versions[feed] = await feed.version()
        more = True
        while more:
            batch = await feed.changes(self._versions[feed])
            if batch is None:
                # Too much has happened: from here on then. What was missed, the next login is told.
                self._versions[feed] = await feed.version()
                return
            await self._notice(batch.entries, batch.removed)
            self._versions[feed], more = batch.version, batch.more

    async def _notice(self, entries: Iterable[Entry], removed: Iterable[Key]) -> None:
        for entry in entries:
            if isinstance(entry, Credential):
                if self._is_open(entry.account):
                    self._shut.pop(entry.account.name, None)
                else:
                    await self._check(entry.account.name)
        for key in removed:
            if key.kind is Kind.ACCOUNT:
                await self._check(key.name)

    async def _check(self, name: str) -> None:
        """What one part of the directory shuts, another one before it may have."""
        if not self._is_open(await self._directory.account(name)):
            self._shut[name] = self._clock.seconds()

    def _is_open(self, account: Account | None) -> bool:
        return account is not None and account.enabled and not account.is_held(self._clock.seconds())

    def _end_sessions(self) -> None:
        now = self._clock.seconds()
        for account, since in list(self._shut.items()):
            abort = now - since >= PATIENCE
            left = sum(role.end(account, abort) for role in self._roles)
            if left and abort:
                log.info("{count} sessions of {account} were cut: it is shut", count=left, account=account)
            elif not left and now - since >= AFTERWARDS:
                del self._shut[account]
