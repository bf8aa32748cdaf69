"""Where an SQLite store's accounts are: ``<directory>/<domain>/<local part>/mail.sqlite``.

A directory for each account, not only a file: SQLite's log and the texts for SEARCH lie beside the file and go with
it, and an account is removed by one rename. A file alone, made again under the name of one that was just removed,
could find the log of the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from mailframe.database.sqlite import BUSY_SECONDS, check_version
from mailframe.store.catalogue.rows import new_object_id
from mailframe.store.catalogue.sqlite.salvage import CatalogueFile
from mailframe.store.directories import account_directory, account_of
from mailframe.store.files import Files
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.maildrop.maildrop import Maildrop

from .account import AccountFile
from .layout import SQLiteLayout
from .place import Place

FILE = "mail.sqlite"

SETTLE_SECONDS = BUSY_SECONDS + 1.0
"""After an account's file was made anew: nobody waits longer than this for the lock of the old one.

Octets that were written into the old one would be lost.
"""


class SQLiteBackend:
    """See `mailframe.store.maildrop.layout.Backend`.

    Args:
        place: what is lent to all accounts.
        boot: names this run of the machine.
        keywords_limit: keywords a mailbox may have.
    """

    def __init__(self, place: Place, boot: str, keywords_limit: int = KEYWORDS_LIMIT) -> None:
        self._place = place
        self._boot = boot
        self._keywords_limit = keywords_limit

    @property
    def directory(self) -> str:
        """Where the accounts lie, and the delivery journal."""
        return self._place.directory

    @property
    def files(self) -> Files:
        """Operations on files."""
        return self._place.files

    @property
    def journalled(self) -> bool:
        """Is there a delivery journal?"""
        return self._place.journalled

    def start(self) -> None:
        """See `Backend.start`."""
        check_version()
        self.files.make_directory(self.directory)
        if not os.access(self.directory, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"the mail directory {self.directory} cannot be written by this user")

    def opener(self) -> SQLiteOpener:
        """See `Backend.opener`."""
        return SQLiteOpener(self._place, self._boot, self._keywords_limit)

    def accounts(self) -> Iterator[str]:
        """See `Backend.accounts`; those whose names are too long for a directory are left out."""
        for domain in self.files.names(self.directory):
            if domain.startswith("."):
                continue
            with suppress(OSError):
                for local in self.files.names(os.path.join(self.directory, domain)):
                    name = account_of(domain, local)
                    if name and self.files.exists(os.path.join(self.directory, domain, local, FILE)):
                        yield name

    def remove(self, drop: Maildrop) -> None:
        """See `Backend.remove`: one rename, then away."""
        path = os.path.join(self.directory, account_directory(drop.account))
        aside = os.path.join(self.directory, f".removed-{new_object_id('A')}")
        drop.catalogue.flush()
        self.files.rename(path, aside)
        self.files.flush_directory(os.path.dirname(path))
        self.files.remove_tree(aside)


class SQLiteOpener:
    """See `mailframe.store.maildrop.layout.Opener`."""

    def __init__(self, place: Place, boot: str, keywords_limit: int = KEYWORDS_LIMIT) -> None:
        self._place = place
        self._boot = boot
        self._keywords_limit = keywords_limit

    def exists(self, account: str) -> bool:
        """See `Opener.exists`."""
        return self._place.files.exists(self._path(account))

    def catalogue(self, account: str) -> AccountFile:
        """See `Opener.catalogue`."""
        path, files = self._path(account), self._place.files
        if not files.exists(path):
            files.make_directory(os.path.dirname(path))
        return self._made(path)

    def layout(self, drop: Maildrop) -> SQLiteLayout:
        """See `Opener.layout`."""
        assert isinstance(drop.catalogue, AccountFile)
        return SQLiteLayout(drop, drop.catalogue, self._place)

    def close(self) -> None:
        """See `Opener.close`."""

    def file(self, account: str) -> CatalogueFile:
        """See `mailframe.store.maildrop.checking.InFiles`."""
        return CatalogueFile(self._path(account), self._place.files, self._made, SETTLE_SECONDS)

    def _made(self, path: str) -> AccountFile:
        return AccountFile(path, self._place.files, self._boot, self._keywords_limit)

    def _path(self, account: str) -> str:
        return os.path.join(self._place.directory, account_directory(account), FILE)
