"""Where an mbox store's accounts are: ``<directory>/<domain>/<local part>/``, each with its catalogue."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from mailframe.database.sqlite import check_version
from mailframe.store.catalogue.sqlite.catalogue import Catalogue
from mailframe.store.catalogue.sqlite.salvage import CatalogueFile
from mailframe.store.directories import account_directory, account_of
from mailframe.store.files import Files
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.maildrop.maildrop import Maildrop
from mailframe.store.values import INBOX

from .layout import MboxLayout
from .place import Place
from .reading import LargeMessages
from .tree import CATALOGUE, Tree, index_directory


class MboxBackend:
    """See `mailframe.store.maildrop.layout.Backend`.

    Args:
        place: makes what is lent to the accounts of one thread.
        boot: names this run of the machine.
        keywords_limit: keywords a mailbox may have.
    """

    def __init__(self, place: Callable[[], Place], boot: str, keywords_limit: int = KEYWORDS_LIMIT) -> None:
        self._make_place = place
        self._place = place()
        self._boot = boot
        self._keywords_limit = keywords_limit

    @property
    def directory(self) -> str:
        """See `Backend.directory`: there is no journal."""
        return ""

    @property
    def files(self) -> Files:
        """Operations on files."""
        return self._place.files

    @property
    def journalled(self) -> bool:
        """See `Backend.journalled`: messages are flushed where they lie."""
        return False

    def start(self) -> None:
        """See `Backend.start`."""
        check_version()
        for directory in filter(None, (self._place.directory, self._place.index)):
            self.files.make_directory(directory)
            if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(f"the mail directory {directory} cannot be written by this user")

    def opener(self) -> MboxOpener:
        """See `Backend.opener`."""
        return MboxOpener(self._make_place(), self._boot, self._keywords_limit)

    def accounts(self) -> Iterator[str]:
        """See `Backend.accounts`; those whose names are too long for a directory are left out."""
        root = self._place.index or self._place.directory
        for domain in self.files.names(root):
            if domain.startswith("."):
                continue
            with suppress(OSError):
                for local in self.files.names(os.path.join(root, domain)):
                    name = account_of(domain, local)
                    if name and self.files.exists(
                        os.path.join(index_directory(self._place, name), CATALOGUE)
                    ):
                        yield name

    def remove(self, drop: Maildrop) -> None:
        """See `Backend.remove`: one rename, then away."""
        place, files = self._place, self._place.files
        tree = Tree(drop, place)
        drop.catalogue.flush()
        inbox = tree.file(drop.catalogue.mailboxes.named(INBOX))
        for path in (index_directory(place, drop.account) if place.index else "", tree.path):
            if path and files.exists(path):
                aside = os.path.join(os.path.dirname(path), f".removed-{place.names.next()}")
                files.rename(path, aside)
                files.flush_directory(os.path.dirname(path))
                files.remove_tree(aside)
        if place.inbox and files.exists(inbox):
            with place.locks.hold(inbox) as descriptor:
                files.resize(descriptor, 0)
                files.flush(descriptor)


class MboxOpener:
    """See `mailframe.store.maildrop.layout.Opener`."""

    def __init__(self, place: Place, boot: str, keywords_limit: int) -> None:
        self._place = place
        self._boot = boot
        self._keywords_limit = keywords_limit
        self._large = LargeMessages(place.files)

    def exists(self, account: str) -> bool:
        """See `Opener.exists`."""
        return self._place.files.exists(self._path(account))

    def catalogue(self, account: str) -> Catalogue:
        """See `Opener.catalogue`."""
        path = self._path(account)
        files = self._place.files
        for directory in (
            os.path.dirname(path),
            os.path.join(self._place.directory, account_directory(account)),
        ):
            if not files.exists(directory):
                files.make_directory(directory)
        return self._made(path)

    def layout(self, drop: Maildrop) -> MboxLayout:
        """See `Opener.layout`."""
        return MboxLayout(drop, self._place, self._large)

    def close(self) -> None:
        """See `Opener.close`."""
        self._large.close()

    def file(self, account: str) -> CatalogueFile:
        """See `mailframe.store.maildrop.checking.InFiles`."""
        return CatalogueFile(self._path(account), self._place.files, self._made)

    def _made(self, path: str) -> Catalogue:
        return Catalogue(path, self._boot, self._keywords_limit)

    def _path(self, account: str) -> str:
        return os.path.join(index_directory(self._place, account), CATALOGUE)
