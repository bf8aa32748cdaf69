"""One account's file: the catalogue's tables and the contents, in one connection and one transaction."""

from __future__ import annotations

import os

from mailframe.database.migrations import migrate
from mailframe.database.sqlite import close
from mailframe.store.catalogue.sqlite.catalogue import BOOT_ID, Catalogue
from mailframe.store.files import Files
from mailframe.store.flags import KEYWORDS_LIMIT

from .checking import Differences, differences, put_right
from .contents import Contents

ROOM = "mailframe.store.sqlite"
PAGE = 4096
"""See `mailframe.store.sqlite.contents` for why."""
KEPT_FREE = 1024
"""Pages that stay free for the mail that comes next, or an eighth of the file where that is more."""


class AccountFile(Catalogue):
    """A catalogue with contents.

    Args:
        path: the file; made where it is missing.
        files: operations on files.
        boot: names this run of the machine.
        keywords_limit: keywords a mailbox may have.

    Attributes:
        contents: the octets of messages.
    """

    def __init__(
        self, path: str, files: Files, boot: str = BOOT_ID, keywords_limit: int = KEYWORDS_LIMIT
    ) -> None:
        self._files = files
        self._named = False
        super().__init__(path, boot, keywords_limit, PAGE)
        try:
            migrate(self._connection, ROOM, beside=True)
        except BaseException:
            close(self._connection)
            raise
        self.contents = Contents(self._connection)

    def flush(self) -> None:
        """Put everything committed on stable storage.

        Raises:
            OSError: it could not be done; the file stays dirty.
        """
        super().flush()
        if not self._named:
            # The log's own name: SQLite makes the file anew when the first one opens the account.
            self._files.flush_directory(os.path.dirname(self.path))
            self._named = True

    def check(self, repair: bool = False) -> Differences:
        """Compare messages and their octets; what was different.

        Args:
            repair: put it right.
        """
        if not repair:
            with self.reading():
                return differences(self._connection)
        with self.writing(0):
            found = differences(self._connection)
            put_right(self._connection, found)
        return found

    def pages(self) -> int:
        """How many pages the file has."""
        return int(self._connection.pragma("page_count"))

    def spare_pages(self) -> int:
        """How many free pages there are that should go back to the file system; see `KEPT_FREE`."""
        free = int(self._connection.pragma("freelist_count"))
        return max(0, free - max(KEPT_FREE, self.pages() // 8))

    def write_back(self) -> None:
        """Bring the log into the file, as far as nobody reads older pages: only then it is smaller on the disk."""
        for _ in self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)"):
            pass

    def shrink(self, pages: int) -> int:
        """Give free pages back, no more than so many; how many it were. Needs a writing transaction."""
        pages = min(pages, self.spare_pages())
        for _ in self._connection.execute(f"PRAGMA incremental_vacuum({pages})") if pages else ():
            pass
        return pages
