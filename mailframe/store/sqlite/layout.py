"""How an account lies in one SQLite file; see `mailframe.store.maildrop.layout.Layout`.

Octets and rows change in one transaction, so there is nothing to put right after a crash, and nobody else writes
here: what a layout does about other programs is nothing. `MessageRow.file` is the number of the content.
"""

from __future__ import annotations

import os
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import apsw
from twisted.logger import Logger

from mailframe.message.status import MailframeError
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, Packed, new_object_id
from mailframe.store.checking import Difference
from mailframe.store.journal.records import Entry
from mailframe.store.maildrop.arrival import Attempt
from mailframe.store.maildrop.layout import Arrival, Removed, Written
from mailframe.store.maildrop.maildrop import Maildrop, now, uids_of

from .account import AccountFile
from .comparing import compare, mend
from .contents import LARGE
from .place import Place
from .replay import note, restore
from .resting import rest
from .writing import SQLiteWritten, keep

RECENT_SECONDS = 900
"""Removals of older messages need no flush of their own: they are in no journal that a working disk has left."""
COMING_SECONDS = 24 * 3600
"""A large message that has been coming for so long never will: who wrote it was killed."""

log = Logger()


class SQLiteLayout:
    """One open account's contents.

    Args:
        drop: the account.
        file: its file, open.
        place: what the backend lends.

    Attributes:
        file: as given.
    """

    def __init__(self, drop: Maildrop, file: AccountFile, place: Place) -> None:
        self._drop = drop
        self.file = file
        self._place = place
        self._unsettled = False
        self._next = 0
        # Not held: an open account must not keep the octets of what came last.
        self._placed: list[weakref.ref[SQLiteWritten]] = []
        self._device: int | None = None

    # The account.

    def furnish(self) -> None:
        """See `Layout.furnish`: nothing."""

    def furnished(self) -> None:
        """See `Layout.furnished`."""
        directory = os.path.dirname(self.file.path)
        for path in (directory, os.path.dirname(directory), self._place.directory):
            self._place.files.flush_directory(path)

    def put_right(self) -> None:
        """See `Layout.put_right`: large messages whose writers were killed are given up."""
        if self.file.contents.abandoned(now() - COMING_SECONDS):
            with self._drop.writing(0):
                self.file.contents.give_up_before(now() - COMING_SECONDS)

    def close(self) -> None:
        """See `Layout.close`."""

    def settle(self) -> None:
        """Put copies on stable storage, and removals of what is recent: a delivery journal must not put it back.

        A fault is no reason to refuse what is done: until a flush succeeds, a lost power supply leaves all as it was
        before, and the numbers that were told are given to no other message.
        """
        if self._unsettled:
            self._unsettled = False
            try:
                self.file.flush()
            except OSError as fault:
                # It is tried again within a second.
                log.error(
                    "the file of {account} cannot be flushed: {fault}",
                    account=self._drop.account,
                    fault=fault,
                )

    def rest(self) -> bool:
        """See `WritesLater.rest`: octets of removed messages, and free pages, go bit by bit."""
        return rest(self._drop, self.file)

    # Transactions.

    def begin(self) -> None:
        """See `Layout.begin`."""
        self._placed.clear()

    def undo(self) -> None:
        """See `Layout.undo`: the file undoes all by itself, and nothing placed has a place any more."""
        for reference in self._placed:
            if (written := reference()) is not None:
                _displaced(written)
        self._placed.clear()

    # Mailboxes.

    def make_mailbox(self, name: str) -> str:
        """See `Layout.make_mailbox`: no place of its own, so any name will do that no other has."""
        return new_object_id("L")

    def mailboxes_made(self) -> None:
        """See `Layout.mailboxes_made`: the commit has flushed them."""

    def unknown_mailboxes(self) -> Sequence[tuple[str, str]]:
        """See `Layout.unknown_mailboxes`: there are none."""
        return ()

    def take_away(self, mailbox: MailboxRow) -> None:
        """See `Layout.take_away`."""
        self._release(self._drop.catalogue.messages.rows(mailbox))

    def taken_away(self, mailbox: MailboxRow) -> None:
        """See `Layout.taken_away`: nothing is left."""

    def follow(self, mailbox_id: str) -> None:
        """See `Layout.follow`: nothing lies by a name."""

    # What others do.

    def look(self, mailbox: MailboxRow, force: bool = False) -> bool:
        """See `Layout.look`: nobody else writes here."""
        return False

    def compare(self, mailbox: MailboxRow) -> Sequence[Difference]:
        """See `mailframe.store.maildrop.checking.Compares`."""
        return compare(self.file, mailbox)

    def mend(self, mailbox: MailboxRow) -> bool:
        """See `mailframe.store.maildrop.checking.Compares`."""
        return mend(self._drop, self.file)

    # Reading.

    def is_large(self, row: MessageRow) -> bool:
        """See `Layout.is_large`."""
        return row.size > LARGE

    def read(
        self, mailbox: MailboxRow, row: MessageRow, offset: int = 0, length: int | None = None
    ) -> bytes | None:
        """See `Layout.read`."""
        contents, number = self.file.contents, int(row.file)
        if self.is_large(row) and (offset or length is not None):
            rest = max(0, row.size - offset)
            return contents.window(number, offset, rest if length is None else min(length, rest))
        octets = contents.read(number)
        if octets is None or (offset == 0 and length is None):
            return octets
        return octets[offset : None if length is None else offset + length]

    def read_together(self, rows: Iterable[MessageRow]) -> Mapping[int, bytes]:
        """See `ReadsTogether.read_together`."""
        numbers = {row.id: int(row.file) for row in rows}
        found = self.file.contents.read_together(numbers.values())
        return {id_: found[number] for id_, number in numbers.items() if number in found}

    def pieces(self, mailbox: MailboxRow, row: MessageRow) -> Iterator[bytes] | None:
        """See `Layout.pieces`."""
        number = int(row.file)
        return self.file.contents.pieces(number) if self.file.contents.exists(number) else None

    # Changing messages.

    def claim(self, mailbox: MailboxRow, uids: Sequence[int]) -> None:
        """See `Layout.claim`: the catalogue's numbers say it."""

    def flag(
        self, mailbox: MailboxRow, changes: Sequence[tuple[MessageRow, Packed]]
    ) -> Mapping[int, str | None]:
        """See `Layout.flag`: the catalogue's columns say it."""
        return {row.id: row.info for row, _ in changes}

    def name(self, row: MessageRow, target: MailboxRow, flags: int) -> tuple[str, str | None]:
        """See `Layout.name`: the same content."""
        return row.file, row.info

    def transfer(
        self,
        source: MailboxRow,
        target: MailboxRow,
        rows: Sequence[tuple[MessageRow, MessageRow]],
        move: bool,
    ) -> None:
        """See `Layout.transfer`: no octets are touched."""
        self._unsettled = True
        if not move:
            self.file.contents.share(int(new.file) for _, new in rows)

    def remove(self, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> Removed:
        """See `Layout.remove`."""
        self._release(rows)
        self._note_removed(rows)
        return Removed(uids_of(rows), ())

    # Arriving.

    def write(self, arrival: Arrival) -> SQLiteWritten:
        """See `Layout.write`: small messages stay in memory until they have a place."""
        # A checkpoint of the journal flushes the store's own device only.
        same = arrival.journalled >= 0 and self._own_device() == arrival.device
        return keep(self._drop, self.file, arrival, arrival.journalled if same else -1)

    def begin_flush(self, written: Written) -> None:
        """See `Layout.begin_flush`: `flush_place` does it all."""

    def flush(self, written: Written) -> None:
        """See `Layout.flush`: `flush_place` does it, once for octets and rows."""

    def arriving(self, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> AbstractContextManager[None]:
        """See `Layout.arriving`."""
        self._next = self.file.contents.reserve(len(attempts))
        return nullcontext()

    def place(self, mailbox: MailboxRow, written: Written, row: MessageRow, flagged: bool) -> MessageRow:
        """See `Layout.place`: octets go into the file, or one more message has them."""
        assert isinstance(written, SQLiteWritten)
        parcel, contents = written.parcel, self.file.contents
        assert parcel is not None
        if not parcel.number:
            if parcel.octets is None:
                raise OSError("the message that this one shares its octets with could not be kept")
            contents.add(self._next, parcel.octets)
            parcel.number, self._next = self._next, self._next + 1
        elif parcel.uses:
            contents.share([parcel.number])
        else:
            contents.came(parcel.number)
        parcel.uses += 1
        written.mailbox, written.row = mailbox, row._replace(file=str(parcel.number), info="")
        written.noted = note(row)
        self._placed.append(weakref.ref(written))
        return written.row

    def place_of(self, written: Written) -> str | None:
        """See `Layout.place_of`: the account's file, whose flush flushes all that was committed to it."""
        return self.file.path

    def flush_place(self, place: str) -> None:
        """See `Layout.flush_place`."""
        self.file.flush()

    def abandon(self, written: Written) -> None:
        """See `Layout.abandon`; with its row, where it has one, so that no row is ever without its octets."""
        assert isinstance(written, SQLiteWritten)
        try:
            self._abandon(written)
        except (OSError, apsw.Error, MailframeError) as fault:
            log.error(
                "a message of {account} could not be taken back: {fault}",
                account=self._drop.account,
                fault=fault,
            )

    def restore(self, mailbox: MailboxRow, entries: Sequence[Entry], distrusted: bool) -> int:
        """See `Layout.restore`."""
        return restore(self._drop, self.file, mailbox, entries, distrusted)

    # Inside.

    def _abandon(self, written: SQLiteWritten) -> None:
        parcel, row, mailbox = written.parcel, written.row, written.mailbox
        if parcel is None or not parcel.number:
            return
        if row is not None and mailbox is not None:
            with self._writing():
                modseq = self._drop.catalogue.mailboxes.next_modseq(mailbox)
                self._drop.catalogue.messages.expunge(mailbox, [row.uid], modseq)
                self._release([row])
            _displaced(written)
            self._drop.changed.add(mailbox.mailbox_id)
        elif parcel.octets is None and not parcel.uses:
            with self._writing():
                self.file.contents.give_up(parcel.number)
            parcel.number = 0

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The open transaction, or one of its own."""
        if self.file.in_transaction:
            yield
            return
        with self._drop.writing(0):
            yield

    def _release(self, rows: Iterable[MessageRow]) -> None:
        sizes, times = {}, Counter[int]()
        for row in rows:
            number = int(row.file)
            sizes[number] = row.size
            times[number] += 1
        self.file.contents.release(sizes, times)

    def _note_removed(self, rows: Iterable[MessageRow]) -> None:
        """Messages go from where they were delivered: `settle` follows."""
        if self._place.journalled:
            begin = now() - RECENT_SECONDS
            self._unsettled |= any(row.save_date >= begin for row in rows)

    def _own_device(self) -> int:
        """Where the account's file lies, which may be another disk than the store's."""
        if self._device is None:
            self._device = self._place.files.device(self.file.path)
        return self._device


def _displaced(written: SQLiteWritten) -> None:
    """It has no place any more; what is left of its content goes when nobody else has it."""
    written.mailbox = written.row = None
    parcel = written.parcel
    assert parcel is not None
    parcel.uses -= 1
    if not parcel.uses and parcel.octets is not None:
        parcel.number = 0
