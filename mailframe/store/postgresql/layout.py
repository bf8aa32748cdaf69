"""How an account lies in the database; see `mailframe.store.maildrop.layout.Layout`.

Rows and references to octets change in one transaction, so there is nothing to put right after a crash, and nobody
else writes here: what a layout does about other programs is nothing. `MessageRow.file` is the number of the content,
``info`` what the message has in front of it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from twisted.logger import Logger

from mailframe.database.postgres_session import DatabaseFault
from mailframe.store.catalogue.postgresql.catalogue import Catalogue
from mailframe.store.catalogue.rows import UID_MASK, MailboxRow, MessageRow, Packed, new_object_id, row_id
from mailframe.store.checking import Difference, Kind
from mailframe.store.journal.records import Entry
from mailframe.store.maildrop.arrival import Attempt
from mailframe.store.maildrop.layout import Arrival, Removed, Written
from mailframe.store.maildrop.maildrop import uids_of

from .contents import LARGE, Contents
from .writing import Latest, PostgresWritten, keep

log = Logger()


class PostgresLayout:
    """One open account's contents.

    Args:
        account: its name.
        catalogue: its catalogue.
        contents: the thread's.
        latest: the thread's.
    """

    def __init__(self, account: str, catalogue: Catalogue, contents: Contents, latest: Latest) -> None:
        self._account = account
        self._catalogue = catalogue
        self._contents = contents
        self._latest = latest

    # The account.

    def furnish(self) -> None:
        """See `Layout.furnish`: nothing."""

    def furnished(self) -> None:
        """See `Layout.furnished`: the commit was flushed."""

    def put_right(self) -> None:
        """See `Layout.put_right`: there is nothing."""

    def close(self) -> None:
        """See `Layout.close`."""

    def settle(self) -> None:
        """See `Layout.settle`: nothing is put back that was removed."""

    # Transactions.

    def begin(self) -> None:
        """See `Layout.begin`."""

    def undo(self) -> None:
        """See `Layout.undo`: the database does it all."""

    # Mailboxes.

    def make_mailbox(self, name: str) -> str:
        """See `Layout.make_mailbox`: no place of its own, so any name will do."""
        return new_object_id("L")

    def mailboxes_made(self) -> None:
        """See `Layout.mailboxes_made`: the commit is flushed."""

    def unknown_mailboxes(self) -> Sequence[tuple[str, str]]:
        """See `Layout.unknown_mailboxes`: there are none."""
        return ()

    def take_away(self, mailbox: MailboxRow) -> None:
        """See `Layout.take_away`: a trigger notes what octets it had."""

    def taken_away(self, mailbox: MailboxRow) -> None:
        """See `Layout.taken_away`: nothing is left."""

    def follow(self, mailbox_id: str) -> None:
        """See `Layout.follow`: nothing lies by a name."""

    # What others do.

    def look(self, mailbox: MailboxRow, force: bool = False) -> bool:
        """See `Layout.look`: nobody else writes here."""
        return False

    # Reading.

    def is_large(self, row: MessageRow) -> bool:
        """See `Layout.is_large`."""
        return row.size > LARGE

    def read(
        self, mailbox: MailboxRow, row: MessageRow, offset: int = 0, length: int | None = None
    ) -> bytes | None:
        """See `Layout.read`."""
        prefix, end = _prefix(row), row.size if length is None else min(row.size, offset + length)
        if row.disk_size > LARGE:
            first = max(0, offset - len(prefix))
            octets = self._contents.window(int(row.file), first, max(0, end - len(prefix) - first))
            return None if octets is None else prefix[offset:end] + octets
        octets = self._contents.read(int(row.file))
        if octets is None:
            return None
        whole = prefix + octets if prefix else octets
        return whole if offset == 0 and end == row.size else whole[offset:end]

    def pieces(self, mailbox: MailboxRow, row: MessageRow) -> Iterator[bytes] | None:
        """See `Layout.pieces`."""
        pieces = self._contents.pieces(int(row.file))
        return None if pieces is None else _with_prefix(_prefix(row), pieces)

    # Checking.

    def compare(self, mailbox: MailboxRow) -> Sequence[Difference]:
        """See `mailframe.store.maildrop.checking.Compares`.

        Octets without a message are none of an account: background rounds look for them.
        """
        missing = self._contents.missing(row_id(mailbox, 0), row_id(mailbox, UID_MASK))
        return [Difference(Kind.MISSING, mailbox.name, id_ & UID_MASK) for id_ in missing]

    def mend(self, mailbox: MailboxRow) -> bool:
        """See `mailframe.store.maildrop.checking.Compares`: there is nothing that could be put right."""
        return False

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
        """See `Layout.transfer`: rows say which content a message has, and no octets are touched."""

    def remove(self, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> Removed:
        """See `Layout.remove`."""
        self._contents.release(int(row.file) for row in rows)
        return Removed(uids_of(rows), ())

    # Arriving.

    def write(self, arrival: Arrival) -> PostgresWritten:
        """See `Layout.write`: octets go into the database at once, and have no message yet."""
        return keep(self._contents, arrival, self._latest)

    def begin_flush(self, written: Written) -> None:
        """See `Layout.begin_flush`: `flush_place` does it all."""

    def flush(self, written: Written) -> None:
        """See `Layout.flush`: `flush_place` does it, once for octets and rows of all accounts."""

    def arriving(self, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> AbstractContextManager[None]:
        """See `Layout.arriving`."""
        return nullcontext()

    def place(self, mailbox: MailboxRow, written: Written, row: MessageRow, flagged: bool) -> MessageRow:
        """See `Layout.place`."""
        assert isinstance(written, PostgresWritten)
        if not written.placeable(self._contents.started):
            raise DatabaseFault(
                errno.ESTALE, "the message was written too long ago, or by a server that stopped"
            )
        return row._replace(file=str(written.number), info=written.prefix.decode("latin-1"))

    def place_of(self, written: Written) -> str | None:
        """See `Layout.place_of`: the server's log, which is one for all, as long as the server goes on."""
        assert isinstance(written, PostgresWritten)
        return written.started

    def flush_place(self, place: str) -> None:
        """See `Layout.flush_place`."""
        self._catalogue.flush()
        if place != self._contents.started:
            # Something that another account committed meanwhile was flushed by a later start of the server.
            raise DatabaseFault(errno.ESTALE, "the server was started again after the message got its place")

    def abandon(self, written: Written) -> None:
        """See `Layout.abandon`: octets go some time later, when no message has them; its row is the caller's."""
        assert isinstance(written, PostgresWritten)
        if self._catalogue.in_transaction:
            # A failed one: a later round finds what is left.
            return
        try:
            self._contents.release([written.number])
        except DatabaseFault as fault:
            log.warn("octets for {account} are left for later: {fault}", account=self._account, fault=fault)

    def restore(self, mailbox: MailboxRow, entries: Sequence[Entry], distrusted: bool) -> int:
        """See `Layout.restore`: there is no delivery journal; the database has its own."""
        return 0


def _prefix(row: MessageRow) -> bytes:
    return (row.info or "").encode("latin-1")


def _with_prefix(prefix: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if prefix:
        yield prefix
    yield from pieces
