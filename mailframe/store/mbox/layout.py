"""How an account lies in mbox files; see `mailframe.store.maildrop.layout.Layout`.

The catalogue leads: flags and removals are done when it has them. Files follow: removed messages go out of them
before the answer, UIDs and flags are written within seconds (`MboxLayout.rest`), and when the account is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Final, TypeVar

import apsw
from twisted.logger import Logger

from mailframe.message.status import MailframeError
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, Packed
from mailframe.store.journal.records import Entry
from mailframe.store.maildrop.arrival import Attempt
from mailframe.store.maildrop.layout import Arrival, Removed, Written
from mailframe.store.maildrop.maildrop import Maildrop

from . import metrics
from .appending import Appending
from .look import look, take_in
from .octets import fingerprint
from .place import Place
from .reading import LARGE, LargeMessages, Misplaced, read_whole
from .rewriting import rewrite, sweep_copies
from .transferring import transfer
from .tree import BEHIND, HOLES, Tree
from .writing import MboxWritten, abandon, keep

REST_SECONDS: Final = 2.0
"""Flags are written no sooner than so long after they were changed: many change together."""
REST_SHARE: Final = 20
"""Nor sooner than this many times what the last writing took: 5 % of the time."""
_FAULTS = (OSError, apsw.Error, MailframeError)

T = TypeVar("T")
log = Logger()


class MboxLayout:
    """One open account's files.

    Args:
        drop: the account.
        place: what the backend lends.
        large: of this thread.
    """

    def __init__(self, drop: Maildrop, place: Place, large: LargeMessages) -> None:
        self._drop = drop
        self._files = place.files
        self._large = large
        self._appending: Appending | None = None
        self._not_before = 0.0
        self.tree = Tree(drop, place)

    # The account.

    def furnish(self) -> None:
        """See `Layout.furnish`."""
        self.tree.make_file(self.tree.file(None))

    def furnished(self) -> None:
        """See `Layout.furnished`."""
        self._files.flush_directory(self.tree.path)
        self._files.flush_directory(self.tree.path.rpartition("/")[0])
        self._files.flush_directory(self.tree.place.directory)

    def put_right(self) -> None:
        """See `Layout.put_right`."""
        sweep_copies(self.tree)
        self.tree.put_right()

    def close(self) -> None:
        """See `Layout.close`: what waits is written."""
        for mailbox_id in list(self.tree.behind):
            self._write_back(mailbox_id)

    def settle(self) -> None:
        """See `Layout.settle`: removed messages go out of their files.

        Where that cannot be, they are removed all the same for whoever asks us, and it is tried again.
        """
        for mailbox_id in list(self.tree.holes):
            self._write_back(mailbox_id)

    def rest(self) -> bool:
        """Write what waits; see `mailframe.store.maildrop.layout.WritesLater`."""
        now = self._files.monotonic()
        if now < self._not_before:
            return bool(self.tree.behind)
        due = [mailbox_id for mailbox_id, since in self.tree.behind.items() if now - since >= REST_SECONDS]
        for mailbox_id in due:
            self._write_back(mailbox_id)
        if due:
            ended = self._files.monotonic()
            self._not_before = ended + REST_SHARE * (ended - now)
        return bool(self.tree.behind)

    def _write_back(self, mailbox_id: str) -> None:
        self.tree.behind.pop(mailbox_id, None)
        self.tree.holes.discard(mailbox_id)
        mailbox = self._drop.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None:
            return
        try:
            with (
                metrics.REWRITE_SECONDS.time(),
                self._drop.writing(0),
                self.tree.locked(mailbox) as descriptor,
            ):
                if take_in(self.tree, mailbox_id, descriptor):
                    self._drop.changed.add(mailbox_id)
                rewrite(self.tree, self._drop.current(mailbox_id), descriptor)
            self.tree.behind.pop(mailbox_id, None)
            self.tree.holes.discard(mailbox_id)
        except _FAULTS as fault:
            # The catalogue has it all; it is tried again.
            self.tree.behind[mailbox_id] = self._files.monotonic()
            log.error(
                "{mailbox} of {account} cannot be written: {fault}",
                mailbox=mailbox.name, account=self._drop.account, fault=fault,
            )  # fmt: skip

    # Transactions.

    def begin(self) -> None:
        """See `Layout.begin`."""
        self.tree.undoing.clear()

    def undo(self) -> None:
        """See `Layout.undo`."""
        while self.tree.undoing:
            with suppress(OSError):
                self.tree.undoing.pop()()

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

    def take_away(self, mailbox: MailboxRow) -> None:
        """See `Layout.take_away`."""
        self.tree.take_away(mailbox)

    def taken_away(self, mailbox: MailboxRow) -> None:
        """See `Layout.taken_away`."""
        with suppress(FileNotFoundError):
            self._files.unlink(self.tree.aside(mailbox.mailbox_id))
        self.tree.remove_file(mailbox.folder)

    def follow(self, mailbox_id: str) -> None:
        """See `Layout.follow`."""
        self.tree.follow(mailbox_id)

    # What others do.

    def look(self, mailbox: MailboxRow, force: bool = False) -> bool:
        """See `Layout.look`."""
        return look(self.tree, mailbox, force)

    # Reading.

    def is_large(self, row: MessageRow) -> bool:
        """See `Layout.is_large`."""
        return row.disk_size > LARGE

    def read(
        self, mailbox: MailboxRow, row: MessageRow, offset: int = 0, length: int | None = None
    ) -> bytes | None:
        """See `Layout.read`."""
        if self.is_large(row):
            return self._found(mailbox, row, lambda path, row: self._window(path, row, offset, length))
        octets = self._found(mailbox, row, lambda path, row: read_whole(self._files, path, row))
        if octets is None or (offset == 0 and length is None):
            return octets
        return octets[offset : None if length is None else offset + length]

    def pieces(self, mailbox: MailboxRow, row: MessageRow) -> Iterator[bytes] | None:
        """See `Layout.pieces`."""
        if not self.is_large(row):
            octets = self.read(mailbox, row)
            return None if octets is None else iter((octets,))
        return self._found(
            mailbox, row, lambda path, row: self._large.get(self._drop.account, path, row).pieces()
        )

    def _window(self, path: str, row: MessageRow, offset: int, length: int | None) -> bytes:
        try:
            return self._large.get(self._drop.account, path, row).read(offset, length)
        except Misplaced:
            self._large.forget(self._drop.account, row)
            raise

    def _found(self, mailbox: MailboxRow, row: MessageRow, work: Callable[[str, MessageRow], T]) -> T | None:
        """What ``work`` makes of a message, wherever it lies by now; None when it is gone."""
        for attempt in range(3):
            try:
                return work(self.tree.file(mailbox), row)
            except (Misplaced, FileNotFoundError):
                pass
            # Written by another thread of ours meanwhile, or by another program: where is it now?
            if attempt and not self._drop.catalogue.in_transaction:
                self.look(mailbox, force=True)
            current = self._drop.catalogue.mailboxes.with_id(mailbox.mailbox_id)
            found = None if current is None else self._drop.catalogue.messages.row(current, row.uid)
            if current is None or found is None:
                return None
            mailbox, row = current, found
        return None

    # Changing messages.

    def claim(self, mailbox: MailboxRow, uids: Sequence[int]) -> None:
        """See `Layout.claim`: that they are old is written with whatever is written next."""

    def flag(
        self, mailbox: MailboxRow, changes: Sequence[tuple[MessageRow, Packed]]
    ) -> Mapping[int, str | None]:
        """See `Layout.flag`: the file follows."""
        self.tree.mark(mailbox.mailbox_id, BEHIND)
        return {row.id: row.info for row, _ in changes}

    def name(self, row: MessageRow, target: MailboxRow, flags: int) -> tuple[str, str | None]:
        """See `Layout.name`: the place is known only when it is copied."""
        return row.file, row.info

    def transfer(
        self,
        source: MailboxRow,
        target: MailboxRow,
        rows: Sequence[tuple[MessageRow, MessageRow]],
        move: bool,
    ) -> None:
        """See `Layout.transfer`."""
        transfer(self.tree, source, target, rows)
        if move:
            self.tree.mark(source.mailbox_id, HOLES)

    def remove(self, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> Removed:
        """See `Layout.remove`: `settle` takes them out of the file."""
        self.tree.mark(mailbox.mailbox_id, HOLES)
        return Removed([row.uid for row in rows], [])

    # Arriving.

    def write(self, arrival: Arrival) -> MboxWritten:
        """See `Layout.write`."""
        return keep(self.tree, arrival)

    def begin_flush(self, written: Written) -> None:
        """See `Layout.begin_flush`: nothing; messages are flushed in their mailbox."""

    def flush(self, written: Written) -> None:
        """See `Layout.flush`: nothing; messages are flushed in their mailbox."""

    def arriving(self, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> AbstractContextManager[None]:
        """See `Layout.arriving`: the file is locked, and everything is durable at the end."""
        return self._arriving(mailbox)

    @contextmanager
    def _arriving(self, mailbox: MailboxRow) -> Iterator[None]:
        with ExitStack() as locks:
            descriptor = locks.enter_context(self.tree.locked(mailbox))
            if take_in(self.tree, mailbox.mailbox_id, descriptor):
                self._drop.changed.add(mailbox.mailbox_id)
            appending = Appending(self.tree, self._drop.current(mailbox.mailbox_id), descriptor)
            self._appending = appending
            try:
                yield
                appending.finish()
            except BaseException:
                appending.give_up()
                raise
            finally:
                self._appending = None

    def place(self, mailbox: MailboxRow, written: Written, row: MessageRow, flagged: bool) -> MessageRow:
        """See `Layout.place`: at the end of the file."""
        assert isinstance(written, MboxWritten)
        assert self._appending is not None
        coming = written.coming
        spot = self._appending.add(coming, row)
        written.mailbox_id = mailbox.mailbox_id
        return row._replace(file=fingerprint(coming.header, coming.length), info=spot.info)

    def place_of(self, written: Written) -> str | None:
        """See `Layout.place_of`: all is flushed. What was kept in a file of its own is not needed any more."""
        assert isinstance(written, MboxWritten)
        abandon(self.tree, written)
        return None

    def flush_place(self, place: str) -> None:
        """See `Layout.flush_place`."""

    def abandon(self, written: Written) -> None:
        """See `Layout.abandon`: what is in a file already goes as removed messages do."""
        assert isinstance(written, MboxWritten)
        abandon(self.tree, written)
        if not written.mailbox_id:
            return
        try:
            if self._drop.catalogue.in_transaction:
                self.tree.mark(written.mailbox_id, BEHIND | HOLES)
            else:
                with self._drop.writing(0):
                    self.tree.mark(written.mailbox_id, BEHIND | HOLES)
        except _FAULTS as fault:
            log.error(
                "a message of {account} that is not wanted stays in its file: {fault}",
                account=self._drop.account, fault=fault,
            )  # fmt: skip

    def restore(self, mailbox: MailboxRow, entries: Sequence[Entry], distrusted: bool) -> int:
        """See `Layout.restore`: there is no journal."""
        return 0
