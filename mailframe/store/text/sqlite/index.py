"""The texts of one account in SQLite: blocks of about a megabyte, which a search reads one by one.

Measured by ``benchmarks/full_text.py``; figures are in ``docs/full-text.rst``. Against an index of trigrams (FTS5)
this costs next to nothing to write, and is as large as the text; a search takes longer, but is exact for needles of
any length, and its time is bounded by the size of the mailbox. Against one growing file that is searched in place
with ``mmap`` a search takes half as long again, for which a transaction keeps texts and what is known of them
together, texts that are gone give their space back, and nobody waits with the interpreter's lock for a cold disk.

A lost power supply may take the last of it away (``synchronous=NORMAL``): whole transactions, so what is covered is
there. A file that is damaged is removed and made again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import apsw
from twisted.logger import Logger

from mailframe.database.migrations import migrate
from mailframe.database.sqlite import UnusableDatabase, close, open_connection, transaction
from mailframe.store.catalogue.rows import MailboxRow
from mailframe.store.files import FILE_MODE
from mailframe.store.text.interfaces import Found, InBody, MessageText, SentOn, TextSize, Wanted

from .blocks import Block, Directory, block_of, compiled, joined

log = Logger()

ROOM = "mailframe.store.text.sqlite"
PAGE_OCTETS = 64 * 1024
"""A block is sixteen pages, not 256: it is read in half the time."""
CACHE_OCTETS = 256 * 1024
BLOCK_OCTETS = 1024 * 1024
"""Texts are added to the last block until it is so long. Looking through it takes half a millisecond."""
SLICE_SECONDS = 0.03
"""How long one call of `find` or `tidy` goes on."""
_STALE_SHARE = 0.25
_STALE_COUNT = 500
"""Texts of messages that are gone are dropped when they are a quarter, and so many."""
_PAGES_GIVEN_BACK = 64
_LOG_PAGES = 64
_SUFFIXES = ("", "-wal", "-shm")
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnusableDatabase, ValueError)
"""Something is not as it was written; ``SQLError`` where a table is gone."""


def path_of(catalogue: str) -> str:
    """Where the texts are that belong to the catalogue at a path."""
    return f"{catalogue}-text"


def remove_texts(catalogue: str) -> None:
    """Remove what is kept beside a catalogue; none is fine.

    Raises:
        OSError: it could not be removed.
    """
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            os.remove(path_of(catalogue) + suffix)


@dataclass(frozen=True, slots=True)
class Living:
    """UIDs of messages that are there; of those from ``covered`` on all may be."""

    covered: int
    uids: frozenset[int]

    def __contains__(self, uid: object) -> bool:
        return uid in self.uids or (isinstance(uid, int) and uid >= self.covered)


class SQLiteTexts:
    """See `mailframe.store.text.interfaces.TextIndex`.

    Args:
        catalogue: the path of the account's catalogue, beside which it lies.
    """

    def __init__(self, catalogue: str) -> None:
        self._catalogue = catalogue
        try:
            self._connection = _opened(path_of(catalogue))
        except _DAMAGE as fault:
            log.warn("the texts beside {catalogue} are made again: {fault}", catalogue=catalogue, fault=fault)
            remove_texts(catalogue)
            self._connection = _opened(path_of(catalogue))

    def covered(self, mailbox: MailboxRow) -> int:
        """See `TextIndex.covered`."""
        with self._mending():
            return self._covered(mailbox)

    def add(self, mailbox: MailboxRow, texts: Sequence[MessageText], first: int, covered: int) -> None:
        """See `TextIndex.add`."""
        block = block_of(texts)
        with self._mending(), transaction(self._connection):
            if self._covered(mailbox) != first:
                return
            if first == 1:
                # Whatever there is is of another mailbox, or of a catalogue that somebody has put back.
                self._connection.execute("DELETE FROM blocks WHERE mailbox = ?", (mailbox.id,))
            self._connection.execute(
                "INSERT OR REPLACE INTO mailboxes VALUES (?, ?, ?, ?)",
                (mailbox.id, mailbox.mailbox_id, mailbox.uidvalidity, covered),
            )
            if texts:
                self._append(mailbox.id, block)

    def find(self, mailbox: MailboxRow, wanted: Wanted, first: int = 1) -> Found:
        """See `TextIndex.find`."""
        with self._mending():
            if first >= self._covered(mailbox):
                return Found((), (), None)
            return self._find(mailbox.id, wanted, first)

    def tidy(self, mailboxes: Sequence[MailboxRow], alive: Callable[[MailboxRow], Sequence[int]]) -> bool:
        """See `TextIndex.tidy`."""
        until = time.monotonic() + SLICE_SECONDS
        with self._mending():
            more = self._drop_mailboxes(mailboxes, until)
            for mailbox in mailboxes:
                if not more and self._is_stale(mailbox):
                    # In this order: what another process adds from now on is not known to be gone.
                    covered = self._covered(mailbox)
                    more = self._drop_messages(mailbox, Living(covered, frozenset(alive(mailbox))), until)
            return self._give_back() or more

    def size(self) -> TextSize:
        """See `TextIndex.size`."""
        with self._mending():
            messages = self._connection.execute("SELECT coalesce(sum(messages), 0) FROM blocks").get
        octets = 0
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                octets += os.stat(path_of(self._catalogue) + suffix).st_size
        return TextSize(int(messages), octets)

    def close(self) -> None:
        """See `TextIndex.close`."""
        close(self._connection)

    @contextmanager
    def _mending(self) -> Iterator[None]:
        """A damaged file is removed: whoever opens the account again makes a new one."""
        try:
            yield
        except _DAMAGE as fault:
            self.close()
            remove_texts(self._catalogue)
            raise OSError(f"{path_of(self._catalogue)} is damaged: {fault}") from fault

    def _covered(self, mailbox: MailboxRow) -> int:
        found = self._connection.execute(
            "SELECT covered FROM mailboxes WHERE id = ? AND mailbox_id = ? AND uidvalidity = ?",
            (mailbox.id, mailbox.mailbox_id, mailbox.uidvalidity),
        ).get
        # More than there ever were: the catalogue is an older one that was put back.
        return 1 if found is None or found > mailbox.uidnext else int(found)

    # Looking.

    def _find(self, mailbox: int, wanted: Wanted, first: int) -> Found:
        search = compiled(wanted)
        column = {InBody: "bodies", SentOn: "x''"}.get(type(wanted), "headers")
        uids: list[int] = []
        unsure: list[int] = []
        until = time.monotonic() + SLICE_SECONDS
        while (block := self._block(mailbox, first, column)) is not None:
            places, octets = block
            found = search(places, octets)
            uids.extend([places.uids[number] for number in found])
            if 0 in places.whole:
                lacking = {n for n, whole in enumerate(places.whole) if not whole}.difference(found)
                unsure.extend(places.uids[number] for number in sorted(lacking))
            first = places.uids[-1] + 1
            if time.monotonic() >= until:
                return Found(uids, unsure, first)
        return Found(uids, unsure, None)

    def _block(self, mailbox: int, first: int, column: str) -> tuple[Directory, bytes] | None:
        """The directory and one more column of the block that goes on at a UID."""
        row = self._connection.execute(
            f"SELECT last, directory, {column} FROM blocks WHERE id ="  # noqa: S608
            " (SELECT id FROM blocks WHERE mailbox = ? AND last >= ? ORDER BY last LIMIT 1)",
            (mailbox, first),
        ).fetchone()
        if row is None:
            return None
        last, directory, octets = row
        places = Directory.unpack(directory)
        ends = {"headers": places.header_ends, "bodies": places.body_ends}.get(column)
        if last not in places.uids[-1:] or (ends is not None and ends[-1] != len(octets)):
            raise ValueError(f"block {last} of texts does not fit its directory")
        return places, octets

    # Changing; in a transaction.

    def _append(self, mailbox: int, block: Block) -> None:
        last = self._connection.execute(
            "SELECT id, octets FROM blocks WHERE mailbox = ? ORDER BY last DESC LIMIT 1", (mailbox,)
        ).fetchone()
        if last is not None and last[1] + block.octets <= BLOCK_OCTETS:
            block = joined([self._read(last[0]), block])
            self._connection.execute("DELETE FROM blocks WHERE id = ?", (last[0],))
        self._write(mailbox, block)

    def _read(self, id_: int) -> Block:
        row: Any = self._connection.execute(
            "SELECT directory, headers, bodies FROM blocks WHERE id = ?", (id_,)
        ).fetchone()
        directory, headers, bodies = row
        return Block(Directory.unpack(directory), headers, bodies)

    def _write(self, mailbox: int, block: Block) -> None:
        places = block.directory
        self._connection.execute(
            "INSERT INTO blocks (mailbox, first, last, messages, octets, directory, headers, bodies)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                mailbox, places.uids[0], places.uids[-1], len(places.uids), block.octets,
                places.pack(), block.headers, block.bodies,
            ),
        )  # fmt: skip

    # Dropping.

    def _drop_mailboxes(self, mailboxes: Sequence[MailboxRow], until: float) -> bool:
        known = {(each.id, each.mailbox_id, each.uidvalidity) for each in mailboxes}
        for row in list(self._connection.execute("SELECT id, mailbox_id, uidvalidity FROM mailboxes")):
            if row not in known:
                # First nothing is covered any more; another process may begin anew at once.
                self._connection.execute(
                    "DELETE FROM mailboxes WHERE id = ? AND mailbox_id = ? AND uidvalidity = ?", row
                )
        while self._drop_blocks():
            if time.monotonic() >= until:
                return True
        return False

    def _give_back(self) -> bool:
        """Give some free pages back to the file system; True when there are more."""
        if not self._connection.pragma("freelist_count"):
            return False
        self._connection.execute(f"PRAGMA incremental_vacuum({_PAGES_GIVEN_BACK})").fetchall()
        if self._connection.pragma("freelist_count"):
            return True
        # The file becomes shorter only now.
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        return False

    def _drop_blocks(self) -> bool:
        self._connection.execute(
            "DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE mailbox NOT IN"
            " (SELECT id FROM mailboxes) LIMIT 8)"
        )
        return bool(self._connection.changes())

    def _is_stale(self, mailbox: MailboxRow) -> bool:
        kept = self._connection.execute(
            "SELECT coalesce(sum(messages), 0) FROM blocks WHERE mailbox = ?", (mailbox.id,)
        ).get
        gone = kept - mailbox.messages
        return bool(gone > _STALE_COUNT and gone > kept * _STALE_SHARE)

    def _drop_messages(self, mailbox: MailboxRow, alive: Living, until: float) -> bool:
        """Write blocks again that have lost a quarter of their messages, neighbours together; True: not all yet."""
        run: list[int] = []
        octets = 0
        for id_, messages, size in self._blocks(mailbox.id):
            living = sum(uid in alive for uid in self._uids(id_))
            left = size * living // messages
            if run and (living > messages * (1 - _STALE_SHARE) or octets + left > BLOCK_OCTETS):
                self._replace(mailbox.id, run, alive)
                run, octets = [], 0
                if time.monotonic() >= until:
                    return True
            if living <= messages * (1 - _STALE_SHARE):
                run.append(id_)
                octets += left
        if run:
            self._replace(mailbox.id, run, alive)
        return False

    def _blocks(self, mailbox: int) -> list[tuple[int, int, int]]:
        """Row id, messages and octets of each, in order."""
        rows: list[Any] = self._connection.execute(
            "SELECT id, messages, octets FROM blocks WHERE mailbox = ? ORDER BY last", (mailbox,)
        ).fetchall()
        return rows

    def _uids(self, id_: int) -> Sequence[int]:
        octets = self._connection.execute("SELECT directory FROM blocks WHERE id = ?", (id_,)).get
        return () if octets is None else Directory.unpack(octets).uids

    def _replace(self, mailbox: int, run: Sequence[int], alive: Living) -> None:
        with transaction(self._connection):
            marks = ", ".join("?" * len(run))
            there = [
                id_
                for (id_,) in self._connection.execute(
                    f"SELECT id FROM blocks WHERE id IN ({marks}) AND mailbox = ? ORDER BY last",  # noqa: S608
                    (*run, mailbox),
                )
            ]
            block = joined([self._read(id_) for id_ in there], alive)
            self._connection.executemany("DELETE FROM blocks WHERE id = ?", [(id_,) for id_ in there])
            if block.directory.uids:
                self._write(mailbox, block)


def _opened(path: str) -> apsw.Connection:
    new = not os.path.exists(path)
    connection = open_connection(
        path, synchronous="NORMAL", cache_octets=CACHE_OCTETS, page_octets=PAGE_OCTETS
    )
    try:
        # The log is given back at this size; SQLite's own thousand pages would be 64 MB an account.
        connection.pragma("wal_autocheckpoint", _LOG_PAGES)
        connection.pragma("journal_size_limit", _LOG_PAGES * PAGE_OCTETS)
        migrate(connection, ROOM)
        if new:
            # What messages say is nobody else's business; logs that SQLite makes later are as the file is.
            for suffix in _SUFFIXES:
                with suppress(FileNotFoundError):
                    os.chmod(path + suffix, FILE_MODE)
    except BaseException:
        close(connection)
        raise
    return connection
