"""How an account lies in Maildir++ folders; see `mailframe.store.maildrop.layout.Layout`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

from twisted.logger import Logger

from mailframe.store.catalogue.rows import MailboxRow, MessageRow, Packed
from mailframe.store.checking import Difference
from mailframe.store.journal.records import Entry
from mailframe.store.line_ends import look as look_at_octets
from mailframe.store.line_ends import with_crlf
from mailframe.store.maildrop.arrival import Attempt
from mailframe.store.maildrop.layout import Arrival, Removed, Written
from mailframe.store.maildrop.maildrop import Maildrop, now

from . import changing, quota_file
from .adopting import adopt
from .beside import numbering
from .checking import compare
from .filenames import with_sizes
from .foreign import read_subscriptions
from .look import look, next_look
from .place import Place
from .reading import LARGE, LargeFile, LargeFiles, pieces_of, read_whole
from .replay import restore
from .subscription_file import SubscriptionFile
from .tree import IN_CUR, IN_NEW, Tree
from .writing import MaildirWritten, abandon, flush, keep

RECENT_SECONDS = 900
"""Removals of older messages need no flush of their own: they are in no journal that a working disk has left."""

T = TypeVar("T")
log = Logger()


class MaildirLayout:
    """One open account's files.

    Args:
        drop: the account.
        place: what the backend lends.
        large_files: of this thread.
    """

    def __init__(self, drop: Maildrop, place: Place, large_files: LargeFiles) -> None:
        self._drop = drop
        self._files = place.files
        self._large_files = large_files
        self._removed_recent = False
        self._changed = False
        self.tree = Tree(drop, place)
        self._subscriptions = (
            SubscriptionFile(self.tree, place.subscriptions) if place.subscriptions else None
        )

    # The account.

    def furnish(self) -> None:
        """See `Layout.furnish`."""
        self.tree.make_folder("")

    def furnished(self) -> None:
        """See `Layout.furnished`."""
        self._files.flush_directory(self.tree.path)
        self._files.flush_directory(os.path.dirname(self.tree.path))
        self._files.flush_directory(self.tree.place.directory)

    def put_right(self) -> None:
        """See `Layout.put_right`."""
        self.tree.put_right()

    def close(self) -> None:
        """See `Layout.close`."""
        if self._changed and self._drop.limit is not None:
            # Whoever had it open only to look knows nothing of the account's own limit.
            self.rest()

    def rest(self) -> bool:
        """See `WritesLater.rest`."""
        if self._changed and self.tree.place.quota_file:
            quota_file.keep(self.tree)
        self._changed = False
        return False

    def settle(self) -> None:
        """Put removals of recent messages on stable storage, so that a delivery journal does not put them back."""
        if self._removed_recent:
            self._removed_recent = False
            try:
                self._drop.catalogue.flush()
            except OSError as fault:
                # They are removed, and it is tried again within a second.
                log.error(
                    "the catalogue of {account} cannot be flushed: {fault}",
                    account=self._drop.account, fault=fault,
                )  # fmt: skip

    # Transactions.

    def begin(self) -> None:
        """See `Layout.begin`."""
        self._changed = True
        self.tree.undoing.clear()

    def undo(self) -> None:
        """See `Layout.undo`."""
        self.tree.undo()

    # Mailboxes.

    def make_mailbox(self, name: str) -> str:
        """See `Layout.make_mailbox`."""
        return self.tree.make_mailbox(name)

    def mailboxes_made(self) -> None:
        """See `Layout.mailboxes_made`."""
        self._files.flush_directory(self.tree.path)

    def unknown_mailboxes(self) -> Sequence[tuple[str, str]]:
        """See `Layout.unknown_mailboxes`."""
        return self.tree.unknown()

    def adopt(self, mailbox: MailboxRow) -> None:
        """See `Adopting.adopt`."""
        adopt(self.tree, mailbox)

    def numbering(self, mailbox: MailboxRow) -> AbstractContextManager[object]:
        """See `Adopting.numbering`."""
        return numbering(self.tree, mailbox)

    def subscriptions(self) -> Sequence[str] | None:
        """See `Adopting.subscriptions`."""
        place = self.tree.place
        if not place.adopts:
            return None
        return read_subscriptions(self._files, self.tree.path, place.subscription_separator)

    def follow_subscriptions(self, limit: int) -> None:
        """See `KeepsSubscriptions.follow_subscriptions`."""
        if self._subscriptions is not None:
            self._subscriptions.follow(limit)

    def write_subscriptions(self) -> None:
        """See `KeepsSubscriptions.write_subscriptions`."""
        if self._subscriptions is not None:
            self._subscriptions.write()

    def take_away(self, mailbox: MailboxRow) -> None:
        """Move the directory out of sight: into ``tmp/``, where it is swept if nobody comes back for it."""
        with suppress(FileNotFoundError):
            self.tree.take_away(mailbox)
            self._files.flush_directory(self.tree.path)

    def taken_away(self, mailbox: MailboxRow) -> None:
        """See `Layout.taken_away`."""
        self._files.remove_tree(self.tree.aside(mailbox))

    def follow(self, mailbox_id: str) -> None:
        """See `Layout.follow`."""
        self.tree.follow(mailbox_id)

    # What others do.

    def look(self, mailbox: MailboxRow, force: bool = False) -> bool:
        """See `Layout.look`."""
        return look(self.tree, mailbox, force)

    def compare(self, mailbox: MailboxRow) -> Sequence[Difference]:
        """See `mailframe.store.maildrop.checking.Compares`."""
        return compare(self.tree, mailbox)

    def mend(self, mailbox: MailboxRow) -> bool:
        """See `mailframe.store.maildrop.checking.Compares`: files come in, and those that are gone are expunged."""
        return self.look(mailbox, force=True)

    def next_look(self, mailbox: MailboxRow) -> float | None:
        """Seconds until a look may find more; see `mailframe.store.maildir.look.next_look`."""
        return next_look(self.tree, mailbox)

    def directories(self, mailbox: MailboxRow) -> tuple[str, ...]:
        """The directories that a mailbox's files are in."""
        folder = self.tree.folder(mailbox)
        return f"{folder}/new", f"{folder}/cur"

    # Reading.

    def is_large(self, row: MessageRow) -> bool:
        """See `Layout.is_large`."""
        return row.disk_size > LARGE

    def read(
        self, mailbox: MailboxRow, row: MessageRow, offset: int = 0, length: int | None = None
    ) -> bytes | None:
        """See `Layout.read`."""
        if self.is_large(row) and (offset or length is not None):
            return self._found(
                mailbox, row, lambda row, form: self._large(mailbox, row, form).read(offset, length)
            )
        octets = self._found(mailbox, row, lambda row, form: self._whole(mailbox, row, form))
        if octets is None or (offset == 0 and length is None):
            return octets
        return octets[offset : None if length is None else offset + length]

    def pieces(self, mailbox: MailboxRow, row: MessageRow) -> Iterator[bytes] | None:
        """See `Layout.pieces`."""
        if not self.is_large(row):
            octets = self.read(mailbox, row)
            return None if octets is None else iter((octets,))
        return self._found(mailbox, row, lambda row, form: self._large(mailbox, row, form).pieces())

    # Changing messages.

    def claim(self, mailbox: MailboxRow, uids: Sequence[int]) -> None:
        """See `Layout.claim`."""
        changing.claim(self.tree, mailbox, uids)

    def flag(
        self, mailbox: MailboxRow, changes: Sequence[tuple[MessageRow, Packed]]
    ) -> Mapping[int, str | None]:
        """See `Layout.flag`."""
        return changing.flag(self.tree, mailbox, changes)

    def name(self, row: MessageRow, target: MailboxRow, flags: int) -> tuple[str, str | None]:
        """See `Layout.name`."""
        return changing.name(self.tree, row, target, flags)

    def transfer(
        self,
        source: MailboxRow,
        target: MailboxRow,
        rows: Sequence[tuple[MessageRow, MessageRow]],
        move: bool,
    ) -> None:
        """See `Layout.transfer`: hard links, or renames."""
        changing.transfer(self.tree, source, target, rows, move)
        if move:
            self._note_removed(old for old, _ in rows)

    def remove(self, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> Removed:
        """See `Layout.remove`."""
        removed = changing.remove(self.tree, mailbox, rows)
        self._note_removed(rows)
        return removed

    # Arriving.

    def write(self, arrival: Arrival) -> MaildirWritten:
        """See `Layout.write`: a file in ``tmp/``."""
        return keep(self.tree, arrival)

    def begin_flush(self, written: Written) -> None:
        """See `Layout.begin_flush`."""
        assert isinstance(written, MaildirWritten)
        if written.descriptor >= 0:
            self._files.begin_flush(written.descriptor)

    def flush(self, written: Written) -> None:
        """See `Layout.flush`."""
        assert isinstance(written, MaildirWritten)
        flush(self._files, written)

    def arriving(self, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> AbstractContextManager[None]:
        """See `Layout.arriving`."""
        directories = 0
        for attempt in attempts:
            directories |= IN_CUR if attempt.delivery.message.flags else IN_NEW
        return self._arriving(mailbox, directories)

    def place(self, mailbox: MailboxRow, written: Written, row: MessageRow, flagged: bool) -> MessageRow:
        """See `Layout.place`: the file gets its name in the mailbox."""
        assert isinstance(written, MaildirWritten)
        # A message that comes with flags has been seen by somebody: it goes where files have an info.
        packed = (row.flags, row.keywords)
        info = changing.info_of(self.tree, mailbox, packed, self.tree.place.no_flags) if flagged else None
        file = with_sizes(written.path.rpartition("/")[2], written.disk_size, written.size)
        row = row._replace(file=file, info=info)
        # Other programs, and a look after the catalogue was lost, take the file's time for the internal date. It is
        # set for mail of this moment, too (2 us): a file's time is that of the kernel's last tick, so a second that
        # has just begun may be the one before there.
        self._files.set_time(written.path, row.internal_date)
        placed = self.tree.file(mailbox, row)
        self._files.rename(written.path, placed)
        written.placed = placed
        self.tree.undoing.append(lambda: self.abandon(written))
        return row

    def place_of(self, written: Written) -> str | None:
        """See `Layout.place_of`: its directory."""
        assert isinstance(written, MaildirWritten)
        return written.placed.rpartition("/")[0]

    def flush_place(self, place: str) -> None:
        """See `Layout.flush_place`."""
        self._files.flush_directory(place)

    def abandon(self, written: Written) -> None:
        """See `Layout.abandon`."""
        assert isinstance(written, MaildirWritten)
        descriptor, written.descriptor = written.descriptor, -1
        path, written.placed = written.placed or written.path, ""
        abandon(self._files, path, descriptor)

    def restore(self, mailbox: MailboxRow, entries: Sequence[Entry], distrusted: bool) -> int:
        """See `Layout.restore`."""
        return restore(self.tree, mailbox, entries, distrusted)

    # Inside.

    @contextmanager
    def _arriving(self, mailbox: MailboxRow, directories: int) -> Iterator[None]:
        with self.numbering(mailbox), self.tree.own_change(mailbox, directories):
            yield

    def _whole(self, mailbox: MailboxRow, row: MessageRow, form: int) -> bytes:
        return with_crlf(read_whole(self._files, self.tree.file(mailbox, row)), form)

    def _large(self, mailbox: MailboxRow, row: MessageRow, form: int) -> LargeFile:
        key = f"{self._drop.account}/{row.id}/{row.file}"
        return self._large_files.get(key, self.tree.file(mailbox, row), form)

    def _found(self, mailbox: MailboxRow, row: MessageRow, work: Callable[[MessageRow, int], T]) -> T | None:
        """What ``work`` makes of a message's file, wherever another program has put it; None when it is gone."""
        try:
            return work(row, self._form(mailbox, row))
        except FileNotFoundError:
            self.look(mailbox, force=True)
        again = self._drop.catalogue.messages.row(mailbox, row.uid)
        if again is None:
            return None
        try:
            return work(again, self._form(mailbox, again))
        except FileNotFoundError:
            # Gone between two system calls; the next look expunges it.
            return None

    def _form(self, mailbox: MailboxRow, row: MessageRow) -> int:
        """How the octets lie; looked at once, for a file that another program has put there.

        The size that its name told is checked on the way.
        """
        if row.form is not None:
            return row.form
        form, size = look_at_octets(pieces_of(self._files, self.tree.file(mailbox, row)))
        if self._drop.catalogue.in_transaction:
            return form
        with self._drop.writing(0):
            self._drop.catalogue.messages.set_form(row.id, form, size)
        return form

    def _note_removed(self, rows: Iterable[MessageRow]) -> None:
        """Messages go from where they were delivered: `settle` follows."""
        if self.tree.place.journalled:
            begin = now() - RECENT_SECONDS
            self._removed_recent |= any(row.save_date >= begin for row in rows)
