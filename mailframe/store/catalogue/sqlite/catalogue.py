"""One account's catalogue file: opening, transactions, flushing, and numbers that never come back.

Commits are not flushed one by one (``synchronous=NORMAL``): content is safe by itself, and rows are rebuilt from
it. A killed process loses nothing. After a lost power supply rows of the last second may be missing, and with
them UIDs and MODSEQs that a client was told. So the file names the boot under which it was last written, on
stable storage before the first number of that boot is handed out; found again under another boot, all
numbers jump past whatever may have been given (`JUMP`), and the directories are looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from mailframe.database.migrations import migrate
from mailframe.database.sqlite import close, flush_log, open_connection, roll_back
from mailframe.store.checking import Difference
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.text.interfaces import TextIndex
from mailframe.store.text.sqlite.index import SQLiteTexts

from .checking import differences
from .descriptions import Descriptions
from .mailboxes import Mailboxes
from .messages import Messages
from .sharing import Access, Annotations
from .sort_keys import SortKeys
from .threads import Threads
from .uidls import Uidls

ROOM = "mailframe.store.catalogue.sqlite"
JUMP = 1 << 14
"""How far UIDNEXT and MODSEQ jump after an unclean stop of the machine; no more than half of it is handed out
between two flushes. Of the four thousand million UIDs of a mailbox that allows 262,144 such stops."""
CACHE_OCTETS = 1024 * 1024


def boot_id() -> str:
    """What names this run of the machine; the same for all processes, another after each boot."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        # Elsewhere than on Linux every start of the process counts as a boot: numbers jump more often.
        return f"process-{os.getpid()}-{os.times().elapsed}"


BOOT_ID = boot_id()


class Catalogue:
    """One open catalogue; for one thread at a time.

    Args:
        path: the file; made where it is missing.
        boot: names this run of the machine.
        keywords_limit: keywords a mailbox may have.
        page_octets: as for `mailframe.database.sqlite.open_connection`.

    Attributes:
        mailboxes, messages, descriptions, sort_keys, uidls, threads, access, annotations: its tables.
        dirty: something was committed and not flushed yet.
        recovered: numbers jumped, because the machine stopped without a warning.
    """

    def __init__(
        self, path: str, boot: str = BOOT_ID, keywords_limit: int = KEYWORDS_LIMIT, page_octets: int = 0
    ) -> None:
        self.path = path
        self.dirty = False
        self._boot = boot
        self._closed = False
        self._marked = False
        self._version = -1
        self._texts: SQLiteTexts | None = None
        self._numbers = 0
        self._connection = open_connection(
            path, synchronous="NORMAL", cache_octets=CACHE_OCTETS, page_octets=page_octets
        )
        try:
            migrate(self._connection, ROOM)
            self._inode = os.stat(path).st_ino
            self.mailboxes = Mailboxes(self._connection, keywords_limit)
            self.messages = Messages(self._connection)
            self.descriptions = Descriptions(self._connection)
            self.sort_keys = SortKeys(self._connection)
            self.uidls = Uidls(self._connection)
            self.threads = Threads(self._connection)
            self.access = Access(self._connection)
            self.annotations = Annotations(self._connection)
            self.recovered = self._recover()
        except BaseException:
            close(self._connection)
            raise

    @property
    def in_place(self) -> bool:
        """Is the open file still the one at its path? Another process may have removed the account."""
        try:
            return os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            return False

    @property
    def in_transaction(self) -> bool:
        """Is a transaction open?"""
        return self._connection.in_transaction

    @property
    def texts(self) -> TextIndex | None:
        """See `mailframe.store.catalogue.interfaces.Catalogue.texts`: in a file beside this one."""
        if self._texts is None and not self._closed:
            self._texts = SQLiteTexts(self.path)
        return self._texts

    @property
    def connection(self) -> apsw.Connection:
        """For what works on the tables themselves."""
        return self._connection

    def differences(self, mend: bool = False) -> Iterator[Difference]:
        """See `mailframe.store.maildrop.checking.ChecksItself`."""
        return differences(self._connection, mend)

    def setting(self, key: str) -> int:
        """A number that rules of the store keep for the account; 0 where it was never set."""
        found = self._connection.execute("SELECT value FROM meta WHERE key = ?", ("setting " + key,)).get
        return 0 if found is None else int(found)

    def settings(self, prefix: str) -> dict[str, int]:
        """All settings that begin so, without that beginning."""
        first = "setting " + prefix
        found = self._connection.execute(
            "SELECT key, value FROM meta WHERE key >= ? AND key < ?", (first, first + "\x7f")
        )
        return {key[len(first) :]: int(value) for key, value in found}

    def set_setting(self, key: str, value: int) -> None:
        """Set it, or forget it where ``value`` is 0. Needs a writing transaction."""
        if value:
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", ("setting " + key, value))
        else:
            self._connection.execute("DELETE FROM meta WHERE key = ?", ("setting " + key,))

    def forget_texts(self) -> None:
        """See `mailframe.store.catalogue.interfaces.Catalogue.forget_texts`."""
        texts, self._texts = self._texts, None
        if texts is not None:
            texts.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that is read inside is of one moment."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            roll_back(self._connection)

    @contextmanager
    def writing(self, numbers: int = 1) -> Iterator[None]:
        """A transaction; see `begin` and `commit`.

        Args:
            numbers: UIDs it may hand out.
        """
        self.begin()
        try:
            yield
            self.commit(numbers)
        except BaseException:
            self.roll_back()
            raise

    def begin(self) -> None:
        """Begin to write; other processes wait."""
        self._connection.execute("BEGIN IMMEDIATE")
        version = self._connection.data_version()
        if version != self._version:
            # Somebody else wrote, perhaps the mark of a clean stop.
            self._version = version
            self._marked = self._mark() == self._boot

    def commit(self, numbers: int = 1) -> None:
        """Commit; survives the process at once and a lost power supply after `flush`."""
        first = not self._marked
        if first:
            self._set_mark(self._boot)
        self._connection.execute("COMMIT")
        # It counts our own commits too; what it is now, before another look at the file, is ours.
        self._version = self._connection.data_version()
        self._marked = self.dirty = True
        self._numbers += numbers
        if first or self._numbers > JUMP // 2 or self.mailboxes.made:
            # A new mailbox at once: after a lost power supply, one that is not there is one that was deleted.
            self.flush()

    def roll_back(self) -> None:
        """Undo what was done since `begin`."""
        roll_back(self._connection)

    def flush(self) -> None:
        """Put everything committed on stable storage.

        Raises:
            OSError: it could not be done; the catalogue stays dirty.
        """
        flush_log(self.path)
        self.flushed()

    def flushed(self) -> None:
        """Note that somebody flushes, or is about to flush, what was committed so far."""
        self.dirty = self.mailboxes.made = False
        self._numbers = 0

    def close(self, clean: bool = False) -> None:
        """Flush and close; twice is fine.

        Args:
            clean: the service is being stopped: note that all is on stable storage.
        """
        if self._closed:
            return
        self._closed = True
        self.forget_texts()
        try:
            if self.dirty:
                self.flush()
            if clean and self._mark() == self._boot:
                self._connection.pragma("synchronous", "FULL")
                self._connection.execute("BEGIN IMMEDIATE")
                self._set_mark("")
                self._connection.execute("COMMIT")
        finally:
            self.roll_back()
            close(self._connection)

    def _mark(self) -> str:
        return str(self._connection.execute("SELECT value FROM meta WHERE key = 'boot'").get)

    def _set_mark(self, mark: str) -> None:
        self._connection.execute("UPDATE meta SET value = ? WHERE key = 'boot'", (mark,))

    def _recover(self) -> bool:
        if self._mark() in ("", self._boot):
            return False
        self.begin()
        try:
            if self._mark() in ("", self._boot):
                return False
            self.mailboxes.jump(JUMP)
            self.commit()
        finally:
            self.roll_back()
        return True
