"""What a backend brings: where its accounts are, and how their mailboxes and messages lie. Blocking.

The catalogue knows mailboxes, UIDs and flags; a layout knows octets, and what other programs see of the rest. Rows
have columns for a layout's own use: ``folder``, ``new_time``, ``cur_time`` and ``settled`` of a mailbox, ``file``,
``info``, ``disk_size`` and ``form`` of a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mailframe.message.content import Content
from mailframe.store.catalogue.interfaces import Catalogue
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, Packed
from mailframe.store.files import Files
from mailframe.store.journal.records import Entry
from mailframe.store.values import Describe, Description

if TYPE_CHECKING:
    from .arrival import Attempt
    from .maildrop import Maildrop


@dataclass(slots=True, eq=False)
class Written:
    """A message that is kept, and that no mailbox has yet. Layouts add what they need.

    Attributes:
        size: with CRLF line ends.
        disk_size: octets that it takes.
        form: the row's.
        description: None for a large message, or under load: described when it is first asked for.
        shared: the octets are those of `Arrival.first`.
        octets: what goes into the delivery journal, where it makes the message durable; None: `Layout.flush` does.
        noted: what the journal keeps for `Layout.restore` in the place of the row's ``info``.
    """

    size: int
    disk_size: int
    form: int | None
    description: Description | None
    octets: bytes | None = None
    shared: bool = False
    noted: str | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What `Layout.remove` did: UIDs whose messages are gone, and those not where the catalogue has them."""

    uids: Sequence[int]
    missing: Sequence[int]


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a message is to be kept.

    Attributes:
        mailbox: where it goes; None for INBOX, which needs no look into the catalogue.
        content: its octets.
        describe: describes it; None: later.
        first: the same message as another account has it already: it may share its octets.
        journalled: messages of at most so many octets go into the delivery journal; -1: none.
        device: what journalled messages must lie on.
    """

    mailbox: MailboxRow | None
    content: Content
    describe: Describe | None
    first: Written | None = None
    journalled: int = -1
    device: int = -1


class Layout(Protocol):
    """How one open account lies. For one thread; may use the `Maildrop` it was made for."""

    # The account.

    def furnish(self) -> None:
        """Make what INBOX needs, around what another program may have put there. In a writing transaction."""

    def furnished(self) -> None:
        """An account was made: put its names on stable storage."""

    def put_right(self) -> None:
        """The account was opened: finish what a crash has left."""

    def close(self) -> None:
        """The account is closed."""

    def settle(self) -> None:
        """Messages were removed or moved, and it is about to be answered."""

    # Transactions.

    def begin(self) -> None:
        """A writing transaction has begun."""

    def undo(self) -> None:
        """It failed: take back what was done since `begin` that the catalogue knows nothing of."""

    # Mailboxes.

    def make_mailbox(self, name: str) -> str:
        """Make room for a mailbox; the row's ``folder``. In a writing transaction."""

    def mailboxes_made(self) -> None:
        """Put the names of new mailboxes on stable storage; once for all that one transaction made."""

    def unknown_mailboxes(self) -> Sequence[tuple[str, str]]:
        """Folders and names of mailboxes that other programs have made."""

    def take_away(self, mailbox: MailboxRow) -> None:
        """A mailbox is being deleted, whose rows are still there: put it out of sight. In a writing transaction."""

    def taken_away(self, mailbox: MailboxRow) -> None:
        """That was committed: remove what is left of it."""

    def follow(self, mailbox_id: str) -> None:
        """A mailbox was renamed, which is committed: let what lies there follow.

        Raises:
            OSError, apsw.Error: it could not; the catalogue knows where it lies, and `put_right` tries again.
        """

    # What others do.

    def look(self, mailbox: MailboxRow, force: bool = False) -> bool:
        """Take in what other programs did to a mailbox, where there is a sign of it.

        Args:
            force: look whether there is a sign or not.

        Returns:
            Whether the catalogue was changed; the caller reads its row again.
        """

    # Reading.

    def read(
        self, mailbox: MailboxRow, row: MessageRow, offset: int = 0, length: int | None = None
    ) -> bytes | None:
        """Octets of a message, with CRLF line ends; None when it is gone."""

    def pieces(self, mailbox: MailboxRow, row: MessageRow) -> Iterator[bytes] | None:
        """All octets of a message, in pieces; None when it is gone."""

    def is_large(self, row: MessageRow) -> bool:
        """Is it read in pieces, rather than whole?"""

    # Changing messages; all in a writing transaction.

    def claim(self, mailbox: MailboxRow, uids: Sequence[int]) -> None:
        """A session was told of these as ``\\Recent``."""

    def flag(
        self, mailbox: MailboxRow, changes: Sequence[tuple[MessageRow, Packed]]
    ) -> Mapping[int, str | None]:
        """Flags change: the new ``info`` of each row, by row id. All or none.

        Raises:
            OSError: it cannot be done; ``FileNotFoundError`` when one is not where the catalogue has it.
        """

    def name(self, row: MessageRow, target: MailboxRow, flags: int) -> tuple[str, str | None]:
        """``file`` and ``info`` for a copy of a message."""

    def transfer(
        self,
        source: MailboxRow,
        target: MailboxRow,
        rows: Sequence[tuple[MessageRow, MessageRow]],
        move: bool,
    ) -> None:
        """Copy or move messages, durably: pairs of rows as they are, and as they will be. All or none.

        Raises:
            OSError: it cannot be done; ``FileNotFoundError`` when one is not where the catalogue has it.
        """

    def remove(self, mailbox: MailboxRow, rows: Sequence[MessageRow]) -> Removed:
        """Remove messages, as many as can be.

        Raises:
            OSError: none could be removed.
        """

    # Arriving: `write`, then `flush` where there is no journal, then `place` in a writing transaction; then what
    # `place_of` names is flushed by `flush_place`.

    def write(self, arrival: Arrival) -> Written:
        """Keep a message's octets where no mailbox shows them.

        Raises:
            OSError: it could not be done; nothing is left of it.
        """

    def begin_flush(self, written: Written) -> None:
        """Several are about to be flushed: begin with this one."""

    def flush(self, written: Written) -> None:
        """Put the octets on stable storage.

        Raises:
            OSError: it could not be done.
        """

    def arriving(self, mailbox: MailboxRow, attempts: Sequence[Attempt]) -> AbstractContextManager[None]:
        """Around `place` for messages that come into one mailbox."""

    def place(self, mailbox: MailboxRow, written: Written, row: MessageRow, flagged: bool) -> MessageRow:
        """Let a mailbox have a message.

        Args:
            mailbox: the mailbox.
            written: the message.
            row: its row, without the layout's own columns.
            flagged: it comes with flags, so somebody has seen it.

        Returns:
            The row.

        Raises:
            OSError: it could not be done.
        """

    def place_of(self, written: Written) -> str | None:
        """What must be flushed for the message to last, now that it has its place; None: nothing."""

    def flush_place(self, place: str) -> None:
        """Flush it.

        Raises:
            OSError: it could not be done.
        """

    def abandon(self, written: Written) -> None:
        """Something failed: let the message be gone, whether it has a place or not."""

    def restore(self, mailbox: MailboxRow, entries: Sequence[Entry], distrusted: bool) -> int:
        """Put back what the delivery journal knows and the disk has lost; how many.

        Args:
            distrusted: write all of them again: what the system shows may not be on the disk.
        """


@runtime_checkable
class Adopting(Protocol):
    """A layout that takes over what another program counts and keeps beside its mailboxes."""

    def adopt(self, mailbox: MailboxRow) -> None:
        """A mailbox was made of a folder that may have been there before. In a writing transaction.

        Raises:
            OSError: what the other program has written cannot be read now.
        """

    def numbering(self, mailbox: MailboxRow) -> AbstractContextManager[object]:
        """Around giving out UIDs and adding rows: others may give them out too. In a writing transaction.

        Raises:
            OSError: their part cannot be read or written now.
        """

    def subscriptions(self) -> Sequence[str] | None:
        """Canonical names of mailboxes that were subscribed to; None where nobody kept a list."""


@runtime_checkable
class KeepsSubscriptions(Protocol):
    """A layout whose list of subscriptions other programs read and change."""

    def follow_subscriptions(self, limit: int) -> None:
        """Take over what they have changed; no more names than ``limit``."""

    def write_subscriptions(self) -> None:
        """Write the catalogue's. In a writing transaction.

        Raises:
            OSError: it cannot be written now.
        """


@runtime_checkable
class ReadsTogether(Protocol):
    """A layout that reads several messages in less time than one by one."""

    def read_together(self, rows: Iterable[MessageRow]) -> Mapping[int, bytes]:
        """The octets of messages that are not large, by row ids; without those that are gone."""


@runtime_checkable
class WritesLater(Protocol):
    """What a `Layout` is that does a part of its work some time after it was answered."""

    def rest(self) -> bool:
        """A second or so after something was changed: do what could wait.

        Returns:
            Whether there is more, so that it is to be called in another second.
        """


class Opener(Protocol):
    """Opens accounts for one thread."""

    def exists(self, account: str) -> bool:
        """Is there such an account?"""

    def catalogue(self, account: str) -> Catalogue:
        """Its catalogue, made where there is none."""

    def layout(self, drop: Maildrop) -> Layout:
        """How it lies."""

    def close(self) -> None:
        """The thread ends."""


class Backend(Protocol):
    """Where a store's accounts are."""

    @property
    def directory(self) -> str:
        """Where a delivery journal is kept; '' for none."""

    @property
    def files(self) -> Files:
        """Operations on files."""

    @property
    def journalled(self) -> bool:
        """Is there a delivery journal?"""

    def start(self) -> None:
        """Make what is missing, and see that it can be written.

        Raises:
            OSError: it cannot.
        """

    def opener(self) -> Opener:
        """For one more thread."""

    def accounts(self) -> Iterator[str]:
        """The names of all accounts that there are, in no order."""

    def remove(self, drop: Maildrop) -> None:
        """Delete an account for good, out of sight at once. Threads that have it open notice."""
