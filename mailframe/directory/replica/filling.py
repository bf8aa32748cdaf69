"""Keeps a copy level with its source: a snapshot first, then changes; all is compared where it has to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.entries import Key, key_of
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.metrics import COPY_AGE, COPY_CHANGES
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .copy import Copy
from .rows import State, batch_txn, page_txn, save_txn, state_txn

PAGE = 1000
"""Entries that are fetched and written at a time."""
LONGEST_PAUSE = 15.0
"""Seconds between two attempts while the source is away."""
NOTE_EVERY = 10
"""Seconds after which it is written down that nothing is new."""

T = TypeVar("T")
log = Logger()


class Filling:
    """Fills one copy.

    Args:
        source: the directory that is copied.
        copy: the file.
        options: how often to look, and so on.
        reactor: of this process.
        changed: called after something was written.
    """

    def __init__(
        self,
        source: IDirectoryFeed,
        copy: Copy,
        options: ReplicaOptions,
        reactor: Any,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._source: Any = source
        self._copy = copy
        self._options = options
        self._reactor = reactor
        self._changed = changed
        self._state = State()
        self._next: IDelayedCall | None = None
        self._round: Deferred[None] | None = None
        self._again = self._away = False
        self._failures = 0
        self._unlisten: Callable[[], None] | None = None
        self.trouble = ""
        """Why the copy is not level with its source; "" where it is."""

    async def start(self) -> None:
        """Begin. Nothing is waited for."""
        if self._unlisten is None:
            self._state = await self._copy.database.run(state_txn)
            self._unlisten = self._source.listen(self.hint)
            self.hint()

    async def stop(self) -> None:
        """End; what is being written is written."""
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._round is not None:
            running, self._round = self._round, None
            running.cancel()

    def hint(self) -> None:
        """Something may be new."""
        if self._unlisten is None:
            return
        if self._round is not None:
            self._again = True
            return
        if self._next is not None:
            self._next.cancel()
        self._next = None
        self._begin()

    def _begin(self) -> None:
        self._next, self._again = None, False
        running = self._round = Deferred.fromCoroutine(self._level())
        running.addErrback(self._failed)
        running.addBoth(self._ended, running)

    def _ended(self, _: object, running: Deferred[None]) -> None:
        if self._round is running or self._round is None:
            self._round = None
        if self._unlisten is None:
            return
        pause = min(self._options.poll * 2 ** min(self._failures, 10), max(LONGEST_PAUSE, self._options.poll))
        if self._again and not self._failures:
            pause = 0.0
        self._next = self._reactor.callLater(pause, self._begin)

    def _failed(self, failure: Any) -> None:
        self._failures += 1
        if self._unlisten is None and failure.check(CancelledError):
            return
        error = failure.value
        if not isinstance(error, MailframeError):
            log.failure("the copy of the directory cannot be brought up to date", failure)
        self.trouble = error.reason if isinstance(error, MailframeError) else "an unknown fault; see the log"
        if not self._away:
            log.warn("the directory's source is away; the copy serves: {reason}", reason=self.trouble)
        self._away = True
        self._show_age()

    async def _level(self) -> None:
        """One round: bring the copy level with its source."""
        state = self._state
        due = not self._source.tells_removals and self._now() - state.compared >= self._options.compare_every
        if not state.complete or not state.version or due:
            await self._snapshot()
        more = True
        while more:
            more = await self._follow()
        if self._away:
            log.info("the directory's source is back")
        self._away, self._failures, self.trouble = False, 0, ""
        if self._now() - self._state.confirmed >= NOTE_EVERY:
            await self._save(self._state._replace(confirmed=self._now()))
        self._show_age(0)

    async def _follow(self) -> bool:
        """Do some changes; is there more?"""
        batch = await self._asked(self._source.changes(self._state.version, PAGE))
        if batch is None:
            log.info("the source cannot tell what is new; all of it is compared")
            await self._snapshot()
            return True
        if batch.version == self._state.version and not batch.entries and not batch.removed:
            return bool(batch.more)
        state = self._state._replace(version=batch.version, confirmed=self._now())

        known = self._state

        def write_txn(connection: Any) -> int:
            _need_same(connection, known)
            done = batch_txn(connection, batch, state.confirmed)
            save_txn(connection, state)
            return done

        await self._write(write_txn)
        self._state = state
        return bool(batch.more)

    async def _snapshot(self) -> None:
        """Make the copy equal to the source, part by part; changes from its beginning on come afterwards."""
        version = await self._asked(self._source.version())
        after: Key | None = None
        known = self._state
        more, quiet = True, not known.complete
        while more:
            entries = await self._asked(self._source.entries(after, PAGE))
            begin = after

            def write_txn(connection: Any, begin: Key | None = begin, entries: Any = entries) -> int:
                _need_same(connection, known)
                return page_txn(connection, begin, entries, self._now(), quiet)

            await self._write(write_txn)
            more = bool(entries)
            if more:
                after = key_of(entries[-1])
        await self._save(State(version, True, self._now(), self._now()))

    async def _save(self, state: State) -> None:
        await self._copy.database.run(lambda connection: save_txn(connection, state))
        self._state = state

    async def _asked(self, question: Awaitable[T]) -> T:
        """A question to the source, which may hang."""
        asked = Deferred.fromCoroutine(_plain(question))
        asked.addTimeout(self._options.timeout, self._reactor)
        try:
            return await asked
        except TookTooLong as error:
            raise MailframeError(CANNOT_LOOK_UP, "the source does not answer in time") from error

    async def _write(self, write_txn: Callable[[Any], int]) -> None:
        try:
            entries = await self._copy.database.run(write_txn)
        except _Overtaken as error:
            self._state = await self._copy.database.run(state_txn)
            raise MailframeError(CANNOT_LOOK_UP, "another process fills the copy too") from error
        if entries:
            COPY_CHANGES.inc(entries)
            self._changed()

    def _show_age(self, age: float | None = None) -> None:
        if self._state.complete:
            COPY_AGE.set(self._now() - self._state.confirmed if age is None else age)

    def _now(self) -> int:
        return int(self._reactor.seconds())


class _Overtaken(Exception):
    """What was fetched is older than what is in the copy now."""


def _need_same(connection: Any, known: State) -> None:
    """Nobody else has gone on with the copy since we asked the source.

    While a node reloads, a process of the old generation and one of the new one fill the same copy for a moment.
    """
    found = state_txn(connection)
    if (found.version, found.complete) != (known.version, known.complete):
        raise _Overtaken


async def _plain(question: Awaitable[T]) -> T:
    return await question
