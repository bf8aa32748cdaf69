"""The Maildir store: accounts in a directory, deliveries in groups, sessions' work in threads."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from twisted.internet.defer import gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.database.lanes import WAITING_LIMIT, DirectLane, Lane
from mailframe.database.sqlite import check_version
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, Status
from mailframe.store.catalogue.catalogue import BOOT_ID
from mailframe.store.interfaces import IHints, IMailStore
from mailframe.store.values import Delivery, Describe

from . import metrics
from .account import MaildirAccount
from .delivery import Answer, Group, Unit
from .filenames import UniqueNames
from .files import Files
from .folders import account_directory
from .journalling import Journalling
from .maildrop import Maildrop
from .options import MaildirOptions
from .replay import restore
from .shelf import Shelf
from .slots import Slots
from .surroundings import Surroundings
from .syncfs import can_flush_file_systems
from .threads import Done, Flusher, Reactor, Task, Worker, perform_tasks

log = Logger()
T = TypeVar("T")
DEFAULTS = MaildirOptions()


@implementer(IMailStore)
class MaildirStore:
    """Mail in Maildir++ folders with an SQLite catalogue an account.

    Accounts lie at ``<directory>/<domain>/<local part>/``. Several processes may have the same directory; the
    accounts may be used by other Maildir programs too.

    Args:
        directory: where the accounts lie; made at start.
        describe: describes a message for IMAP; called in threads.
        hints: told of changes, in the reactor's thread.
        reactor: for threads and timers.
        options: the rest; ``directory`` is not read from there.
        files: operations on files; tests make them fail.
        boot: names this run of the machine.
    """

    waiting_limit = WAITING_LIMIT
    """Units of work that may wait for one thread; more get a temporary refusal."""

    def __init__(
        self,
        directory: str,
        describe: Describe,
        hints: IHints,
        reactor: Reactor,
        options: MaildirOptions = DEFAULTS,
        *,
        files: Files | None = None,
        boot: str = BOOT_ID,
    ) -> None:
        self.hints = hints
        self._reactor = reactor
        self._surroundings = Surroundings(
            directory=os.path.abspath(directory),
            describe=describe,
            line_ends="crlf" if options.line_ends == "crlf" else "lf",
            mailboxes=dict(options.mailboxes),
            quota=options.quota,
            mailboxes_limit=options.mailboxes_limit,
            keywords_limit=options.keywords_limit,
            files=files or Files(),
            names=UniqueNames(),
            boot=boot,
            journalled=options.journal and can_flush_file_systems(),
        )
        threads = options.threads
        self._threaded = bool(threads)
        delivering = options.delivery_threads if threads else 1
        # Half for deliveries: with a sixth, a message for fifty mailboxes opened and closed all of them each time.
        limit = max(8, options.open_accounts // 2 // (max(threads, 1) + 1))
        for_deliveries = max(8, options.open_accounts // 2 // delivering)
        self._flusher = Flusher(reactor, threaded=bool(threads))
        self._journals: list[Journalling] = []
        self._delivering = [
            self._deliverer(for_deliveries, options.journal_size, f"deliver {n}" if threads else "")
            for n in range(delivering)
        ]
        self._working = [
            self._worker(limit, f"mailboxes {n}" if threads else "") for n in range(max(threads, 1))
        ]
        self._slow = self._worker(limit, "search" if threads else "")

    async def start(self) -> None:
        """Make the directory and see that it can be written.

        Raises:
            UnusableDatabase: the SQLite library is too old.
            OSError: the directory cannot be made or written.
        """
        check_version()
        directory = self._surroundings.directory
        self._surroundings.files.make_directory(directory)
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"the mail directory {directory} cannot be written by this user")
        # Also where this store writes no journal: another process may have, before the option was changed.
        await self._finish_journals()

    async def stop(self) -> None:
        """Finish what was begun and close all accounts; safe to call twice."""
        stopping = [worker.stop() for worker in self._delivering]
        stopping.extend(worker.stop() for worker in (*self._working, self._slow))
        await gatherResults(stopping)
        await gatherResults([journal.stop() for journal in self._journals])
        await self._flusher.stop()

    async def deliver(self, deliveries: Sequence[Delivery], atomic: bool = False) -> Sequence[Status]:
        """See `IMailStore.deliver`."""
        if not deliveries:
            return []
        worker = self._delivering[_spread(deliveries[0].account, len(self._delivering))]
        try:
            answer = await worker.submit(Unit(deliveries, atomic))
        except Exception as error:
            return self._refused(error, len(deliveries))
        for account, mailbox_id in answer.changed:
            self.hints.publish(account, mailbox_id)
        return answer.statuses

    async def account(self, name: str) -> MaildirAccount:
        """See `IMailStore.account`."""
        await self.work(name, lambda drop: None, create=True)
        return MaildirAccount(name, self)

    async def remove_account(self, name: str) -> None:
        """See `IMailStore.remove_account`."""
        await self.work(name, lambda drop: None, create=True)
        mailboxes = await self.work(
            name, lambda drop: [mailbox.mailbox_id for mailbox in drop.catalogue.mailboxes.all()]
        )
        await self.work(name, self._remove)
        for mailbox_id in mailboxes:
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
        done = await worker.submit(Task(account, function, create))
        for mailbox_id in done.changed:
            self.hints.publish(account, mailbox_id)
        if isinstance(done.result, Failure):
            done.result.raiseException()
        result: T = done.result
        return result

    def _deliverer(self, limit: int, journal_size: int, name: str) -> Worker[Unit, Answer]:
        shelf, journal = Shelf(self._surroundings, limit), None
        if self._surroundings.journalled:
            journal = Journalling(self._surroundings, journal_size, self._reactor, bool(name))
            self._journals.append(journal)

        def perform(shelf: Shelf, units: list[Unit]) -> list[Answer]:
            return Group(shelf, units, journal).deliver()

        return Worker(self._reactor, shelf, perform, name, self._flusher, self.waiting_limit)

    async def _finish_journals(self) -> None:
        """In a thread: a replay may take seconds, and waits for another process that is at it."""
        lane: Lane[None, None] | DirectLane[None, None]
        lane = Lane(self._reactor, self._finish, "replay") if self._threaded else DirectLane(self._finish)
        try:
            await lane.submit(None)
        finally:
            await lane.stop()

    def _finish(self, units: list[None]) -> list[None]:
        lent = self._surroundings
        Slots(lent.files, lent.directory, lent.boot).finish(partial(restore, lent))
        return units

    def _worker(self, limit: int, name: str) -> Worker[Task, Done]:
        shelf = Shelf(self._surroundings, limit)
        return Worker(self._reactor, shelf, perform_tasks, name, self._flusher, self.waiting_limit)

    def _remove(self, drop: Maildrop) -> None:
        """In a thread: out of sight with one rename, then away. Threads that have it open notice."""
        files, root = self._surroundings.files, self._surroundings.directory
        aside = os.path.join(root, f".removed-{self._surroundings.names.next()}")
        drop.catalogue.flush()
        files.rename(os.path.join(root, account_directory(drop.account)), aside)
        files.flush_directory(os.path.dirname(drop.path))
        files.remove_tree(aside)

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
