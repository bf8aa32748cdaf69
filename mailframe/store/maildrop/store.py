"""A store of maildrops: deliveries in groups, sessions' work in threads, on whatever backend."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from twisted.internet.defer import gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.database.lanes import WAITING_LIMIT, DirectLane, Lane
from mailframe.message.content import Content
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, Status
from mailframe.store.interfaces import IHints, IMailStore
from mailframe.store.journal.journalling import Journalling
from mailframe.store.journal.sharing import SharedJournal
from mailframe.store.journal.slots import Slots
from mailframe.store.quota import Limit
from mailframe.store.reactor import Reactor
from mailframe.store.refusals import NONEXISTENT
from mailframe.store.values import INBOX, Delivery, NewMessage

from . import mailboxes, metrics, room
from .account import MaildropAccount
from .checking import InFiles, MendableFile
from .delivery import Group
from .expiring import Expiring, Round, note_told
from .filling import Filler
from .layout import Backend
from .maildrop import Maildrop
from .remembered import REMEMBERED
from .replay import restore
from .shelf import Shelf
from .surroundings import Surroundings
from .threads import Done, Flusher, Task, Worker, perform_tasks
from .units import Answer, Filled, Unit

log = Logger()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Threads:
    """How a store uses threads.

    Attributes:
        working: threads for sessions, and one more that searches; 0: no threads of any kind, work is done at once.
        delivering: threads that deliver.
        open_accounts: accounts that stay open in all of them.
        journal_size: octets of each delivering thread's journal, and of the one that all working threads have.
    """

    working: int = 4
    delivering: int = 1
    open_accounts: int = 400
    journal_size: int = 32 * 1024 * 1024


@implementer(IMailStore)
class MaildropStore:
    """Mail for many accounts. Several processes may have the same one, where the backend says so.

    Args:
        backend: where the accounts are.
        surroundings: what is lent to them.
        hints: told of changes, in the reactor's thread.
        reactor: for threads and timers.
        threads: how many.
        boot: names this run of the machine.
    """

    waiting_limit = WAITING_LIMIT
    """Units of work that may wait for one thread; more get a temporary refusal."""

    def __init__(
        self,
        backend: Backend,
        surroundings: Surroundings,
        hints: IHints,
        reactor: Reactor,
        threads: Threads,
        boot: str,
    ) -> None:
        self.hints = hints
        self._backend = backend
        self._surroundings = surroundings
        self._reactor = reactor
        self._boot = boot
        self._threaded = bool(threads.working)
        delivering = threads.delivering if self._threaded else 1
        # Half for deliveries: with a sixth, a message for fifty mailboxes opened and closed all of them each time.
        limit = max(8, threads.open_accounts // 2 // (max(threads.working, 1) + 1))
        for_deliveries = max(8, threads.open_accounts // 2 // delivering)
        self._flusher = Flusher(reactor, threaded=self._threaded)
        self._journals: list[Journalling] = []
        self._journal_size = threads.journal_size
        self._appended = SharedJournal(self._journalling()) if backend.journalled else None
        self._delivering = [
            self._deliverer(for_deliveries, f"deliver {n}" if self._threaded else "")
            for n in range(delivering)
        ]
        self._working = [
            self._worker(
                limit, f"mailboxes {n}" if self._threaded else "", REMEMBERED // max(threads.working, 1)
            )
            for n in range(max(threads.working, 1))
        ]
        self._slow = self._worker(limit, "search" if self._threaded else "")
        self._filler = Filler(self, reactor, surroundings.full_text) if surroundings.full_text else None

    async def start(self) -> None:
        """Make what is missing, and see that it can be written.

        Raises:
            UnusableDatabase: the database or its library is not fit.
            OSError: the place cannot be made or written.
        """
        self._backend.start()
        # Also where this store writes no journal: another process may have, before the option was changed.
        if self._backend.directory:
            await self._aside(self._finish_journals, "replay")

    async def stop(self) -> None:
        """Finish what was begun and close all accounts; safe to call twice."""
        if self._filler is not None:
            await self._filler.stop()
        stopping = [worker.stop() for worker in self._delivering]
        stopping.extend(worker.stop() for worker in (*self._working, self._slow))
        await gatherResults(stopping)
        await gatherResults([journal.stop() for journal in self._journals])
        await self._flusher.stop()
        if self._surroundings.policies.ingest is not None:
            self._surroundings.policies.ingest.close()

    async def deliver(self, deliveries: Sequence[Delivery], atomic: bool = False) -> Sequence[Status]:
        """See `IMailStore.deliver`."""
        if not deliveries:
            return []
        worker = self._delivering[_spread(deliveries[0].account, len(self._delivering))]
        try:
            limits = await self._limits_of({delivery.account for delivery in deliveries})
            answer = await worker.submit(Unit(deliveries, atomic, limits))
        except Exception as error:
            return self._refused(error, len(deliveries))
        for account, mailbox_id in answer.changed:
            self._changed(account, mailbox_id)
        for account, filled in answer.filled.items():
            await self._warn(account, filled)
        return answer.statuses

    async def room(self, account: str) -> Status | None:
        """See `IMailStore.room`."""
        try:
            full = await self.work(account, room.is_full)
        except MailframeError as error:
            if error.status.word == NONEXISTENT.word:
                return None
            raise
        return self._surroundings.quota.full if full else None

    async def account(self, name: str) -> MaildropAccount:
        """See `IMailStore.account`."""
        await self.work(name, lambda drop: None, create=True)
        return MaildropAccount(name, self)

    async def accounts(self) -> Sequence[str]:
        """The names of all accounts that there are, sorted."""
        return await self._aside(lambda: sorted(self._backend.accounts()))

    async def expire(self, account: str, now: float) -> Round:
        """One round of what is not kept for ever; see `mailframe.store.retention`.

        Args:
            now: seconds since the epoch.
        """
        expiring = Expiring(now)
        while not await self.work(account, expiring.step, slow=True):
            pass
        return expiring.done

    async def told(self, account: str, now: float) -> None:
        """The owner was told of unread mail that will go, as `expire` asked for at ``now``."""
        await self.work(account, lambda drop: note_told(drop, now))

    def file(self, account: str) -> MendableFile | None:
        """The file of an account's catalogue, for commands; None where there is no file to itself."""
        opener = self._backend.opener()
        return opener.file(account) if isinstance(opener, InFiles) else None

    async def put(self, account: str, octets: bytes) -> None:
        """Put a message of our own into an INBOX, whether there is room or not."""
        message = NewMessage(Content.of(octets))
        await self.work(account, lambda drop: mailboxes.append(drop, INBOX, [message], exempt=True))

    async def remove_account(self, name: str) -> None:
        """See `IMailStore.remove_account`."""
        await self.work(name, lambda drop: None, create=True)
        gone = await self.work(
            name, lambda drop: [mailbox.mailbox_id for mailbox in drop.catalogue.mailboxes.all()]
        )
        await self.work(name, self._backend.remove)
        for mailbox_id in gone:
            self.hints.publish(name, mailbox_id)

    async def work(
        self,
        account: str,
        function: Callable[[Maildrop], T],
        slow: bool = False,
        create: bool = False,
    ) -> T:
        """Call a function with an open account in a thread, and tell of what it changed.

        Args:
            slow: it may take long; in a thread of its own kind.
            create: make the account where it does not exist.

        Raises:
            MailframeError: temporary, for a fault of disk or database; what ``function`` raises.
        """
        worker = self._slow if slow else self._working[_spread(account, len(self._working))]
        limits = self._surroundings.policies.limits
        limit = None if limits is None else (await limits(account))
        done = await worker.submit(Task(account, function, create, limit))
        for mailbox_id in done.changed:
            self._changed(account, mailbox_id)
        if isinstance(done.result, Failure):
            done.result.raiseException()
        result: T = done.result
        return result

    async def _limits_of(self, accounts: Collection[str]) -> dict[str, Limit | None]:
        limits = self._surroundings.policies.limits
        return {} if limits is None else {account: await limits(account) for account in accounts}

    async def _warn(self, account: str, filled: Filled) -> None:
        """Tell the owner; that it does not work is no reason to refuse the mail that came."""
        write = self._surroundings.policies.warning
        if write is None:
            return
        try:
            await self.put(account, write(account, filled.percent, filled.limit, filled.usage))
            await self.work(account, lambda drop: room.note_warned(drop, filled.percent))
        except MailframeError as error:
            log.warn(
                "the owner of {account} is not told that it is full: {error}", account=account, error=error
            )
        else:
            log.info("{account} is {percent} percent full", account=account, percent=filled.percent)

    def _changed(self, account: str, mailbox_id: str) -> None:
        self.hints.publish(account, mailbox_id)
        if self._filler is not None:
            self._filler.notice(account)

    def _journalling(self) -> Journalling:
        files, directory = self._backend.files, self._backend.directory
        made = Journalling(files, directory, self._boot, self._journal_size, self._reactor, self._threaded)
        self._journals.append(made)
        return made

    def _deliverer(self, limit: int, name: str) -> Worker[Unit, Answer]:
        shelf = Shelf(self._surroundings, self._backend.opener(), limit)
        journal = self._journalling() if self._backend.journalled else None

        def perform(shelf: Shelf, units: list[Unit]) -> list[Answer]:
            return Group(shelf, units, journal).deliver()

        return Worker(self._reactor, shelf, perform, name, self._flusher, self.waiting_limit)

    async def _aside(self, work: Callable[[], T], name: str = "aside") -> T:
        """Have something done in a thread of its own: it may take seconds."""

        def perform(units: list[None]) -> list[T]:
            return [work() for _ in units]

        lane: Lane[None, T] | DirectLane[None, T]
        lane = Lane(self._reactor, perform, name) if self._threaded else DirectLane(perform)
        try:
            return await lane.submit(None)
        finally:
            await lane.stop()

    def _finish_journals(self) -> None:
        """A replay waits for another process that is at it."""
        opener = self._backend.opener()
        try:
            slots = Slots(self._backend.files, self._backend.directory, self._boot)
            slots.finish(partial(restore, self._surroundings, opener))
        finally:
            opener.close()

    def _worker(self, limit: int, name: str, remembered: int = 0) -> Worker[Task, Done]:
        shelf = Shelf(self._surroundings, self._backend.opener(), limit, remembered)
        perform = partial(perform_tasks, journal=self._appended)
        return Worker(self._reactor, shelf, perform, name, self._flusher, self.waiting_limit)

    def _refused(self, error: Exception, count: int) -> Sequence[Status]:
        """The whole group failed, or too much waits: the same temporary status for all."""
        status = error.status if isinstance(error, MailframeError) else UNKNOWN_FAULT
        if not isinstance(error, MailframeError):
            log.failure("a group of deliveries failed", Failure(error))
        for _ in range(count):
            metrics.count_outcome(status)
        return [status] * count


def _spread(account: str, count: int) -> int:
    """Which of ``count`` threads does an account's work: always the same, so that its pages are in one cache."""
    return zlib.crc32(account.encode("utf-8", "surrogatepass")) % count
