"""The Maildir store: its backend, in the store of maildrops."""

from __future__ import annotations

from mailframe.store.catalogue.sqlite.catalogue import BOOT_ID
from mailframe.store.files import Files
from mailframe.store.interfaces import IHints
from mailframe.store.maildrop.store import MaildropStore, Threads
from mailframe.store.maildrop.surroundings import NO_POLICIES, Policies, Surroundings
from mailframe.store.reactor import Reactor
from mailframe.store.syncfs import can_flush_file_systems
from mailframe.store.values import Describe

from .backend import MaildirBackend
from .options import MaildirOptions
from .place import place_of
from .watching import WatchedHints

DEFAULTS = MaildirOptions()


class MaildirStore(MaildropStore):
    """Mail in Maildir++ folders with an SQLite catalogue an account.

    Accounts lie at ``<directory>/<domain>/<local part>/``. Several processes may have the same directory; the
    accounts may be used by other Maildir programs too.

    Args:
        directory: where the accounts lie; made at start.
        describe: describes a message for IMAP; called in threads.
        hints: told of changes, in the reactor's thread.
        reactor: for threads and timers.
        options: the rest; ``directory`` is not read from there.
        policies: what is done to all mail.
        files: operations on files; tests make them fail.
        boot: names this run of the machine.
    """

    def __init__(
        self,
        directory: str,
        describe: Describe,
        hints: IHints,
        reactor: Reactor,
        options: MaildirOptions = DEFAULTS,
        *,
        policies: Policies = NO_POLICIES,
        files: Files | None = None,
        boot: str = BOOT_ID,
    ) -> None:
        place = place_of(options, directory, files, journalled=options.journal and can_flush_file_systems())
        surroundings = Surroundings.of(options, describe, policies)
        threads = Threads(
            options.threads, options.delivery_threads, options.open_accounts, options.journal_size
        )
        backend = MaildirBackend(place, boot, options.keywords_limit)
        self._watched = WatchedHints(hints, reactor, self.work, options.watches, options.scan)
        super().__init__(backend, surroundings, self._watched, reactor, threads, boot)

    async def stop(self) -> None:
        """See `MaildropStore.stop`."""
        self._watched.stop()
        await super().stop()
