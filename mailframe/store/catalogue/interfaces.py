"""What a catalogue does. Blocking; for one thread at a time; one object is one account's.

`mailframe.store.catalogue.sqlite` is the first one. A store's rules (`mailframe.store.maildrop`) stand on these
protocols, so a catalogue in another database brings all of IMAP and POP3 with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from mailframe.store.sharing.rights import Rights
from mailframe.store.text.interfaces import TextIndex
from mailframe.store.threads import Threads
from mailframe.store.uid_runs import UIDRuns
from mailframe.store.values import Description

from .keywords import Keywords
from .rows import Facts, FileRow, MailboxRow, MessageRow, Packed


class Mailboxes(Protocol):
    """The mailboxes of an account, their figures and numbers, and the subscription list.

    Whatever changes something needs a writing transaction.
    """

    def all(self) -> list[MailboxRow]:
        """All mailboxes, in no order."""

    def named(self, name: str) -> MailboxRow | None:
        """The mailbox of this (canonical) name."""

    def with_id(self, mailbox_id: str) -> MailboxRow | None:
        """The mailbox of this MAILBOXID; it may have another name by now."""

    def add(self, name: str, folder: str, mailbox_id: str, special_use: str | None = None) -> MailboxRow:
        """A new mailbox, with a UIDVALIDITY higher than any this account ever had."""

    def identify(
        self, mailbox: MailboxRow, mailbox_id: str, uidvalidity: int, special_use: str | None
    ) -> MailboxRow:
        """An empty mailbox becomes another.

        With another UIDVALIDITY its numbers begin anew, and what was expunged is forgotten. No mailbox that is made
        later has this UIDVALIDITY.
        """

    def advance(self, mailbox: MailboxRow, uidnext: int, modseq: int, vanished_from: int = 0) -> None:
        """Raise its numbers to these, where they are lower; none is ever lowered."""

    def remove(self, mailbox: MailboxRow) -> None:
        """Forget a mailbox and all its messages."""

    def rename(self, mailbox: MailboxRow, name: str) -> None:
        """Give another name; the folder stays as it is."""

    def set_folder(self, mailbox: MailboxRow, folder: str) -> None:
        """Note where it lies now."""

    def set_times(self, mailbox: MailboxRow, new_time: int, cur_time: int, settled: int) -> None:
        """Note what the layout's last look at the mailbox found; the numbers are the layout's own."""

    def claim_recent(self, mailbox: MailboxRow) -> None:
        """From now on no message that is here now is ``\\Recent`` for another session."""

    def take_uids(self, mailbox: MailboxRow, count: int) -> tuple[int, int]:
        """The first of ``count`` new UIDs, and the new modseq.

        Raises:
            MailframeError: the mailbox has used up all UIDs there are.
        """

    def next_modseq(self, mailbox: MailboxRow) -> int:
        """A new modseq: one for each change, however many messages it touches."""

    def totals(self) -> tuple[int, int]:
        """How many messages the account has, and their octets; what was expunged and is kept does not count."""

    def count(self) -> int:
        """How many mailboxes there are."""

    def keywords(self, mailbox: MailboxRow) -> Keywords:
        """The keywords of a mailbox, kept in memory until another process changes them."""

    def forget_keywords(self) -> None:
        """What was rolled back must not be remembered."""

    def subscribed(self) -> set[str]:
        """Names on the subscription list."""

    def subscribe(self, name: str, subscribed: bool) -> None:
        """Put a name on the list or take it off."""


class Messages(Protocol):
    """The messages of an account's mailboxes: rows by UID, what changed since a modseq, what vanished.

    Whatever changes something needs a writing transaction.
    """

    def uids(self, mailbox: MailboxRow) -> Sequence[int]:
        """All UIDs, ascending; best `mailframe.store.uid_runs.UIDRuns`, kept so that no row of a message is read."""

    def uids_from(self, mailbox: MailboxRow, uid: int, limit: int | None = None) -> list[int]:
        """UIDs from this one on, ascending; no more than the limit."""

    def first_unseen(self, mailbox: MailboxRow) -> int | None:
        """The first UID without ``\\Seen``."""

    def recent(self, mailbox: MailboxRow) -> Sequence[int]:
        """UIDs no session was told of as ``\\Recent`` yet."""

    def row(self, mailbox: MailboxRow, uid: int) -> MessageRow | None:
        """One message."""

    def rows(self, mailbox: MailboxRow, uids: Sequence[int] | None = None) -> Iterator[MessageRow]:
        """Messages, UIDs ascending; those of ``uids`` that exist, or all."""

    def facts(self, mailbox: MailboxRow, uids: Sequence[int]) -> Iterable[Facts]:
        """Of those of ``uids`` that exist, ascending, the columns that most questions are about."""

    def deleted(self, mailbox: MailboxRow, uids: Sequence[int] | None) -> list[int]:
        """UIDs that have ``\\Deleted``, among ``uids`` where given, ascending."""

    def unseen(self, mailbox: MailboxRow) -> list[int]:
        """UIDs without ``\\Seen``, ascending."""

    def highest_modseq(self, mailbox: MailboxRow, unseen: bool = False) -> int:
        """The highest of its messages, or of those without ``\\Seen``; 0 where there are none."""

    def changed_since(self, mailbox: MailboxRow, modseq: int) -> list[MessageRow]:
        """Messages that came or changed after a modseq, UIDs ascending."""

    def vanished_since(self, mailbox: MailboxRow, modseq: int) -> UIDRuns:
        """UIDs expunged after a modseq; all that are not there where that is not known any more."""

    def is_expunged(self, mailbox: MailboxRow, uid: int, modseq: int) -> bool:
        """Was a message without a row, which came with this UID and modseq, expunged since?"""

    def files(self, mailbox: MailboxRow, in_new: bool = False) -> Iterator[FileRow]:
        """File names of all messages, or of those whose ``info`` is None; UIDs ascending."""

    def add(self, rows: Iterable[MessageRow]) -> None:
        """Put rows in."""

    def set_flags(self, modseq: int, changes: Iterable[tuple[int, Packed, str | None]]) -> None:
        """Change flags and the file's info: row id, the packed flags, the info."""

    def set_infos(self, infos: Iterable[tuple[int, str | None]]) -> None:
        """Note that files have another name; nothing a client sees."""

    def set_threads(self, threads: Iterable[tuple[int, str]]) -> None:
        """Note THREADIDs, by row ids; nothing that clients are told of."""

    def set_form(self, id_: int, form: int, size: int) -> None:
        """Note how the octets lie, and the message's size as it really is."""

    def expunge(self, mailbox: MailboxRow, uids: Sequence[int], modseq: int) -> None:
        """Take messages out, and remember that they were there."""


class Descriptions(Protocol):
    """Descriptions of messages: what IMAP answers with, kept since it was first made. They go with their messages."""

    def add(self, described: Iterable[tuple[int, Description]]) -> None:
        """Keep descriptions, by row ids; of messages that are gone meanwhile nothing is kept."""

    def of(self, first: int, last: int) -> dict[int, Description]:
        """Descriptions of row ids in a range."""

    def octets(self, first: int, last: int) -> Iterable[tuple[int, int]]:
        """How large they are, with their row ids, ascending; without reading them."""

    def previews(self, first: int, last: int) -> dict[int, str]:
        """What messages begin with, of row ids in a range."""

    def set_previews(self, previews: Iterable[tuple[int, str]]) -> None:
        """Keep what messages begin with, by row ids, where they are described."""

    def copy(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Give copies the description of their sources: pairs of source and target row ids."""


class SortKeys(Protocol):
    """What messages are sorted and threaded by, packed (`mailframe.message.sort_keys`), since somebody first asked.

    They go with their messages. Whatever changes something needs a writing transaction.
    """

    def add(self, made: Iterable[tuple[int, bytes]]) -> None:
        """Keep keys, by row ids; of messages that are gone meanwhile nothing is kept."""

    def of(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Keys of row ids in a range, with the ids."""

    def copy(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Give copies the keys of their sources: pairs of source and target row ids."""


class Uidls(Protocol):
    """What POP3 calls messages that another server has named; they go with their messages, and copies have none."""

    def add(self, named: Iterable[tuple[int, str]]) -> None:
        """Keep names, by row ids. Needs a writing transaction."""

    def of(self, first: int, last: int) -> dict[int, str]:
        """Names of row ids in a range."""


class Access(Protocol):
    """Who may do what with the account's mailboxes. Whatever changes something needs a writing transaction."""

    def of(self, mailbox_id: str) -> dict[str, Rights]:
        """Rights on a mailbox, by identifier."""

    def put(self, mailbox_id: str, identifier: str, rights: Rights | None) -> None:
        """Give an identifier these rights, instead of others; None: forget it."""

    def identifiers(self) -> set[str]:
        """Who has rights on any mailbox of the account."""


class Annotations(Protocol):
    """Annotations of mailboxes, and of the account. Whatever changes something needs a writing transaction."""

    def of(self, mailbox_id: str, user: str) -> dict[str, bytes]:
        """Entries of a mailbox ("" for the account), a user's private ones among them."""

    def put(self, mailbox_id: str, user: str, entry: str, value: bytes | None) -> None:
        """Set an entry; None: remove it.

        Args:
            user: whose private entry it is; "" for a shared one.
        """

    def counts(self, mailbox_id: str) -> dict[str, int]:
        """How many entries of a mailbox everybody has; "" for shared ones."""


class Catalogue(Protocol):
    """One open catalogue.

    A commit survives the process at once. Whether it survives a lost power supply at once too is the catalogue's
    business: while ``dirty`` it may not, and `flush` sees to it.
    """

    @property
    def path(self) -> str:
        """What `mailframe.store.maildrop.threads` flushes by; '' where nothing is ever dirty."""

    @property
    def dirty(self) -> bool:
        """Something was committed and is not on stable storage yet."""

    @property
    def mailboxes(self) -> Mailboxes:
        """Its mailboxes."""

    @property
    def messages(self) -> Messages:
        """Its messages."""

    @property
    def descriptions(self) -> Descriptions:
        """Its descriptions."""

    @property
    def sort_keys(self) -> SortKeys:
        """What its messages are sorted by."""

    @property
    def uidls(self) -> Uidls:
        """What POP3 calls its messages."""

    @property
    def texts(self) -> TextIndex | None:
        """Texts of its messages for SEARCH, opened when it is first asked for; None: none are kept.

        Raises:
            OSError, apsw.Error: they cannot be reached; messages can be searched all the same.
        """

    def forget_texts(self) -> None:
        """Close what `texts` gave; something is wrong with it. It is opened again when it is asked for again."""

    @property
    def threads(self) -> Threads:
        """Threads of its messages; adding needs a writing transaction."""

    @property
    def access(self) -> Access:
        """Rights on its mailboxes."""

    @property
    def annotations(self) -> Annotations:
        """Annotations of its mailboxes."""

    @property
    def in_place(self) -> bool:
        """Is it still the account's? Another process may have removed the account."""

    @property
    def in_transaction(self) -> bool:
        """Is a transaction open?"""

    def setting(self, key: str) -> int:
        """A number that rules of the store keep for the account; 0 where it was never set."""

    def settings(self, prefix: str) -> Mapping[str, int]:
        """All settings that begin so (ASCII), without that beginning."""

    def set_setting(self, key: str, value: int) -> None:
        """Set it, or forget it where ``value`` is 0. Needs a writing transaction."""

    def reading(self) -> AbstractContextManager[None]:
        """All that is read inside is of one moment."""

    def writing(self, numbers: int = 1) -> AbstractContextManager[None]:
        """A transaction that writes, committed at the end and rolled back on an exception.

        Args:
            numbers: UIDs it may hand out.
        """

    def begin(self) -> None:
        """Begin to write; others wait."""

    def commit(self, numbers: int = 1) -> None:
        """End what `begin` began."""

    def roll_back(self) -> None:
        """Undo what was done since `begin`; harmless when there is nothing."""

    def flush(self) -> None:
        """Put everything committed on stable storage.

        Raises:
            OSError: it could not be done; the catalogue stays dirty.
        """

    def flushed(self) -> None:
        """Note that somebody flushes, or is about to flush, what was committed so far."""

    def close(self, clean: bool = False) -> None:
        """Flush and close; twice is fine.

        Args:
            clean: the service is being stopped: note that all is on stable storage.
        """
