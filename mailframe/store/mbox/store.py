"""The mbox store: its backend, in the store of maildrops."""

from __future__ import annotations

import os
from dataclasses import replace

from mailframe.store.catalogue.sqlite.catalogue import BOOT_ID
from mailframe.store.interfaces import IHints
from mailframe.store.maildrop.store import MaildropStore, Threads
from mailframe.store.maildrop.surroundings import NO_POLICIES, Policies, Surroundings
from mailframe.store.reactor import Reactor
from mailframe.store.unique_names import UniqueNames
from mailframe.store.values import Describe

from .backend import MboxBackend
from .files import MboxFiles
from .locking import Locks
from .options import MboxOptions
from .place import Place
from .wire.quoting import Format

DEFAULTS = MboxOptions()


class MboxStore(MaildropStore):
    """Mail in mbox files with an SQLite catalogue an account.

    Several processes may have the same directory; the files may be used by other mbox programs of this machine too.

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
        options: MboxOptions = DEFAULTS,
        *,
        policies: Policies = NO_POLICIES,
        files: MboxFiles | None = None,
        boot: str = BOOT_ID,
    ) -> None:
        own, names = files or MboxFiles(), UniqueNames()

        def place() -> Place:
            return Place(
                directory=os.path.abspath(directory),
                locks=Locks(
                    own, options.write_locks, options.read_locks, options.lock_timeout, options.stale_lock
                ),
                inbox=options.inbox,
                index=os.path.abspath(options.index) if options.index else "",
                folders="plain" if options.folders == "plain" else "nested",
                format=_format(options.format),
                in_place=options.rewriting == "in_place",
                files=own,
                names=names,
            )

        super().__init__(
            MboxBackend(place, boot, options.keywords_limit),
            replace(Surroundings.of(options, describe, policies), nested=options.folders == "nested"),
            hints,
            reactor,
            Threads(options.threads, options.delivery_threads, options.open_accounts),
            boot,
        )


def _format(name: str) -> Format:
    if name == "mboxo":
        return "mboxo"
    return "mboxcl2" if name == "mboxcl2" else "mboxrd"
