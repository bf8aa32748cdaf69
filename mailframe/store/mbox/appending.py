"""Putting messages at the end of an mbox file, durably. Blocking; in a writing transaction, with the file locked.

Each message is written with another first octet than it is to have (`UNFINISHED`), flushed, and then gets the right
one. A crash in between leaves something at the end of the known part of the file that nobody but us can have written:
the next look makes whole messages right, which somebody may have been told of, and cuts off the rest.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from mailframe.store.catalogue.rows import MailboxRow, MessageRow

from .marking import Marking
from .octets import Spot
from .tree import BEHIND, HOLES, Tree
from .wire import fields, separator
from .wire.scanning import UNFINISHED

_GROUP = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Coming:
    """What a message is made of.

    Attributes:
        sender: for the separator.
        header: as it is to lie there, without a block.
        body: octets of it, where they are in memory.
        length: how many there are.
        source: else an open file that has them.
        source_offset: and where.
    """

    sender: bytes
    header: bytes
    body: bytes | None
    length: int
    source: int = -1
    source_offset: int = 0


NOTHING = Coming(b"", b"", b"", 0)


class Appending:
    """Messages that come into one mailbox together.

    Args:
        tree: the account's.
        mailbox: the mailbox as it is now, taken in.
        descriptor: its file, locked for writing.
    """

    def __init__(self, tree: Tree, mailbox: MailboxRow, descriptor: int) -> None:
        self._tree = tree
        self._mailbox = mailbox
        self._descriptor = descriptor
        self._marking = Marking(tree, mailbox)
        self._old_size = tree.files.status_of(descriptor).st_size
        self._at = self._old_size
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._begun: list[int] = []
        self._behind = False
        self._bits = mailbox.settled & (BEHIND | HOLES)
        self._separate()

    def add(self, coming: Coming, row: MessageRow) -> Spot:
        """Write one more message, or keep it to be written with others.

        Raises:
            OSError: it could not be written.
        """
        first = self._at == 0
        line = separator.compose(coming.sender, row.internal_date)
        marks = self._marking.marks(row, coming.length, first)
        block = fields.compose(marks)
        spot = Spot(
            self._at,
            len(line),
            len(block),
            len(block) + len(coming.header),
            coming.length,
            row.uid,
            marks.state,
        )
        self._begun.append(self._at)
        self._put(UNFINISHED + line[1:] + block + coming.header)
        if coming.body is not None:
            self._put(coming.body)
        else:
            self._write()
            files = self._tree.files
            files.copy(coming.source, coming.source_offset, self._descriptor, self._at, coming.length)
            self._at += coming.length
        self._put(b"\n")
        return spot

    def finish(self) -> None:
        """Make everything durable, and let others see it.

        Raises:
            OSError: it could not be done; nothing is there.
        """
        files = self._tree.files
        self._write()
        self._tell_last_uid()
        files.flush(self._descriptor)
        for offset in self._begun:
            files.write_at(self._descriptor, [b"F"], offset)
        status = files.status_of(self._descriptor)
        self._tree.note(self._mailbox.mailbox_id, status, self._bits | (BEHIND if self._behind else 0))
        path, size, mailbox = self._tree.file(self._mailbox), self._old_size, self._mailbox
        self._tree.undoing.append(lambda: _take_back(self._tree, mailbox, path, status.st_size, size))

    def give_up(self) -> None:
        """Something failed: the file becomes as it was."""
        with suppress(OSError):
            self._tree.files.resize(self._descriptor, self._old_size)

    def _separate(self) -> None:
        """A blank line goes before a separator."""
        tail = (
            self._tree.files.read(self._descriptor, 2, max(0, self._old_size - 2))
            if self._old_size
            else b"\n\n"
        )
        if tail != b"\n\n":
            self._put(b"\n" if tail.endswith(b"\n") else b"\n\n")

    def _put(self, octets: bytes) -> None:
        self._pieces.append(octets)
        self._waiting += len(octets)
        self._at += len(octets)
        if self._waiting > _GROUP:
            self._write()

    def _write(self) -> None:
        pieces, self._pieces = self._pieces, []
        start, self._waiting = self._at - self._waiting, 0
        if pieces:
            self._tree.files.write_at(self._descriptor, pieces, start)

    def _tell_last_uid(self) -> None:
        """The first message tells the last UID: ten digits in their place."""
        files = self._tree.files
        head = files.read(self._descriptor, separator.LENGTH_LIMIT + 64, 0)
        block = head[head.find(b"\n") + 1 :]
        place = fields.last_uid_place(block)
        base = self._marking.base()
        if place is None or not block[place - 11 :].startswith(b"%010d " % base.uidvalidity):
            self._behind = True
            return
        files.write_at(
            self._descriptor, [fields.last_uid_digits(base.last_uid)], len(head) - len(block) + place
        )


def _take_back(tree: Tree, mailbox: MailboxRow, path: str, size: int, old_size: int) -> None:
    """The transaction failed: messages that nobody was told of go again, where nobody came behind them."""
    with tree.place.locks.hold(path) as descriptor:
        if tree.files.status_of(descriptor).st_size == size:
            tree.files.resize(descriptor, old_size)
