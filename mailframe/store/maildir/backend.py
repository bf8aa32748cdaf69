"""Where a Maildir store's accounts are: ``<directory>/<domain>/<local part>/``, each with its catalogue."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from mailframe.database.sqlite import check_version
from mailframe.store.catalogue.sqlite.catalogue import Catalogue
from mailframe.store.catalogue.sqlite.salvage import CatalogueFile
from mailframe.store.directories import account_of
from mailframe.store.files import Files
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.maildrop.maildrop import Maildrop

from .layout import MaildirLayout
from .place import Place
from .reading import LargeFiles


class MaildirBackend:
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
        for directory in filter(None, (self.directory, self._place.index)):
            self.files.make_directory(directory)
            if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(f"the mail directory {directory} cannot be written by this user")

    def opener(self) -> MaildirOpener:
        """See `Backend.opener`."""
        return MaildirOpener(self._place, self._boot, self._keywords_limit)

    def accounts(self) -> Iterator[str]:
        """See `Backend.accounts`; those whose names are too long for a directory are left out."""
        for domain in self.files.names(self.directory):
            if domain.startswith("."):
                continue
            with suppress(OSError):
                for local in self._locals(os.path.join(self.directory, domain)):
                    name = account_of(domain, local)
                    if name and self.files.exists(self._place.catalogue(name)):
                        yield name

    def _locals(self, domain: str) -> Iterator[str]:
        if not self._place.spread:
            yield from self.files.names(domain)
            return
        for name in self.files.names(domain):
            with suppress(OSError):
                yield from self.files.names(os.path.join(domain, name))

    def remove(self, drop: Maildrop) -> None:
        """See `Backend.remove`: one rename, then away."""
        path = self._place.account(drop.account)
        aside = os.path.join(self.directory, f".removed-{self._place.names.next()}")
        drop.catalogue.flush()
        catalogue = os.path.dirname(self._place.catalogue(drop.account))
        # The mail first: a catalogue without mail is empty at the next look, while mail without one comes back.
        self.files.rename(path, aside)
        if catalogue != path:
            self.files.remove_tree(catalogue)
        self.files.flush_directory(os.path.dirname(path))
        self.files.remove_tree(aside)


class MaildirOpener:
    """See `mailframe.store.maildrop.layout.Opener`."""

    def __init__(self, place: Place, boot: str, keywords_limit: int = KEYWORDS_LIMIT) -> None:
        self._place = place
        self._boot = boot
        self._keywords_limit = keywords_limit
        self._large_files = LargeFiles(place.files)

    def exists(self, account: str) -> bool:
        """See `Opener.exists`."""
        return self._place.files.exists(self._path(account))

    def catalogue(self, account: str) -> Catalogue:
        """See `Opener.catalogue`."""
        path = self._path(account)
        if not self._place.files.exists(path):
            self._place.files.make_directory(os.path.dirname(path))
        return self._made(path)

    def layout(self, drop: Maildrop) -> MaildirLayout:
        """See `Opener.layout`."""
        return MaildirLayout(drop, self._place, self._large_files)

    def close(self) -> None:
        """See `Opener.close`."""
        self._large_files.close()

    def file(self, account: str) -> CatalogueFile:
        """See `mailframe.store.maildrop.checking.InFiles`."""
        return CatalogueFile(self._path(account), self._place.files, self._made)

    def _made(self, path: str) -> Catalogue:
        return Catalogue(path, self._boot, self._keywords_limit)

    def _path(self, account: str) -> str:
        return self._place.catalogue(account)
