"""One account, open in one thread: its catalogue, its layout, and the rules that span several mailboxes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from mailframe.message.status import Status
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, new_object_id
from mailframe.store.names import canonical
from mailframe.store.quota import Limit
from mailframe.store.refusals import NONEXISTENT, refuse
from mailframe.store.values import INBOX, SEPARATOR

from .layout import Adopting, KeepsSubscriptions, Opener
from .promises import Promises
from .remembered import Remembered
from .surroundings import Surroundings


class Maildrop:
    """One open account; for one thread.

    Args:
        account: its name.
        surroundings: the store's.
        opener: of this thread.
        remembered: flags of mailboxes, in this thread; None: none are.

    Attributes:
        catalogue: its catalogue, open.
        layout: how it lies.
        limit: how much the account may hold, where it has a limit of its own; whoever runs a unit of work sets it.
        own_limits: what its owner has set, by MAILBOXID, "" for all; None: not read yet in this unit of work.
        promises: what makes appended messages durable, where a journal does; whoever runs a unit of work sets it.
        wrote: something was written since the layout's `WritesLater.rest`; the shelf clears it.
        unflushed: places of messages that came over from elsewhere and could not be flushed yet.
        changed: MAILBOXIDs that something happened in; whoever runs a unit of work publishes and clears them.
    """

    def __init__(
        self, account: str, surroundings: Surroundings, opener: Opener, remembered: Remembered | None = None
    ) -> None:
        self.account = account
        self.remembered = remembered
        self.surroundings = surroundings
        self.limit: Limit | None = None
        self.own_limits: Mapping[str, Limit] | None = None
        self.promises: Promises | None = None
        self.changed: set[str] = set()
        self.unflushed: set[str] = set()
        self.wrote = False
        self.catalogue = opener.catalogue(account)
        try:
            self.layout = opener.layout(self)
            self._adopting = self.layout if isinstance(self.layout, Adopting) else None
            if self.catalogue.mailboxes.named(INBOX) is None:
                self._furnish()
            self.layout.put_right()
        except BaseException:
            self.catalogue.close()
            raise

    def close(self, clean: bool = False) -> None:
        """Close it; see `mailframe.store.catalogue.interfaces.Catalogue.close`."""
        self.layout.close()
        self.catalogue.close(clean)

    @contextmanager
    def writing(self, numbers: int = 1) -> Iterator[None]:
        """A writing transaction; what it changed in memory and in the layout is undone when it fails."""
        self.layout.begin()
        self.wrote = True
        try:
            with self.catalogue.writing(numbers):
                yield
        except BaseException:
            self.catalogue.mailboxes.forget_keywords()
            self.layout.undo()
            raise

    # Mailboxes.

    def find(self, name: str, missing: Status = NONEXISTENT) -> MailboxRow:
        """The mailbox of this name, also one that another program has made meanwhile.

        Raises:
            MailframeError: ``missing``.
        """
        name = canonical(name)
        mailbox = self.catalogue.mailboxes.named(name)
        if mailbox is None and self.adopt_mailboxes():
            mailbox = self.catalogue.mailboxes.named(name)
        if mailbox is None:
            raise refuse(missing)
        return mailbox

    def find_now(self, name: str) -> MailboxRow:
        """The same without a look for new ones; within a reading transaction."""
        mailbox = self.catalogue.mailboxes.named(canonical(name))
        if mailbox is None:
            raise refuse(NONEXISTENT)
        return mailbox

    def current(self, mailbox_id: str) -> MailboxRow:
        """The mailbox of this MAILBOXID as it is now.

        Raises:
            MailframeError: ``NONEXISTENT``.
        """
        mailbox = self.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None:
            raise refuse(NONEXISTENT)
        return mailbox

    def add_mailbox(self, name: str, special_use: str | None = None) -> MailboxRow:
        """Make a mailbox and its row. Needs a writing transaction.

        The caller calls `Layout.mailboxes_made`, once for all it makes.
        """
        folder = self.layout.make_mailbox(name)
        mailbox = self.catalogue.mailboxes.add(name, folder, new_object_id("F"), special_use)
        self._inherit(mailbox)
        return mailbox

    def _inherit(self, mailbox: MailboxRow) -> None:
        """Who has rights on the mailbox above has them on a new one, too (RFC 4314 section 3)."""
        above = mailbox.name.rpartition(SEPARATOR)[0]
        superior = self.catalogue.mailboxes.named(above) if above else None
        if superior is not None:
            for identifier, rights in self.catalogue.access.of(superior.mailbox_id).items():
                self.catalogue.access.put(mailbox.mailbox_id, identifier, rights)

    def adopt_mailboxes(self) -> bool:
        """Take in mailboxes that other programs have made; True when there were any."""
        if not self.layout.unknown_mailboxes():
            return False
        with self.writing():
            # Asked again: another process of ours may have made one since the catalogue was read, and deleted it.
            for folder, name in sorted(self.layout.unknown_mailboxes()):
                if self.catalogue.mailboxes.named(name) is None:
                    self._adopt(self.catalogue.mailboxes.add(name, folder, new_object_id("F")))
        return True

    def follow_subscriptions(self) -> None:
        """Take over what other programs have subscribed to."""
        if isinstance(self.layout, KeepsSubscriptions):
            self.layout.follow_subscriptions(self.surroundings.mailboxes_limit)

    def subscribe(self, name: str, subscribed: bool) -> None:
        """Change the list of subscriptions, other programs' too. Needs a writing transaction."""
        self.catalogue.mailboxes.subscribe(name, subscribed)
        if isinstance(self.layout, KeepsSubscriptions):
            self.layout.write_subscriptions()

    def numbering(self, mailbox: MailboxRow) -> AbstractContextManager[object]:
        """Around giving out UIDs and adding rows; see `Adopting.numbering`."""
        return nullcontext() if self._adopting is None else self._adopting.numbering(mailbox)

    def expunge_row(self, mailbox: MailboxRow, row: MessageRow) -> None:
        """Take a row back that was just added; within the open transaction, or else in one of its own."""
        if self.catalogue.in_transaction:
            self.catalogue.messages.expunge(mailbox, [row.uid], row.modseq)
            return
        with self.writing():
            modseq = self.catalogue.mailboxes.next_modseq(mailbox)
            self.catalogue.messages.expunge(mailbox, [row.uid], modseq)
        self.changed.add(mailbox.mailbox_id)

    def _furnish(self) -> None:
        """Make INBOX and the default folders, around what another program may have put there already."""
        with self.writing():
            if self.catalogue.mailboxes.named(INBOX) is not None:
                return
            self.layout.furnish()
            there = {name for _, name in self.layout.unknown_mailboxes()}
            self._adopt(self.catalogue.mailboxes.add(INBOX, "", new_object_id("F")))
            for name, special_use in self.surroundings.mailboxes.items():
                self._adopt(self.add_mailbox(name, special_use))
            self._subscribe(there | {INBOX})
        self.adopt_mailboxes()
        self.layout.furnished()

    def _adopt(self, mailbox: MailboxRow) -> None:
        if self._adopting is not None:
            self._adopting.adopt(mailbox)

    def _subscribe(self, there: set[str]) -> None:
        """Subscribe to what an account begins with, or to what another program's list has.

        Args:
            there: mailboxes that may be on such a list, or left out of it on purpose.
        """
        listed = self._adopting.subscriptions() if self._adopting is not None else None
        for name in (INBOX, *self.surroundings.mailboxes):
            if listed is None or name not in there:
                self.catalogue.mailboxes.subscribe(name, True)
        for name in (listed or ())[: self.surroundings.mailboxes_limit]:
            self.catalogue.mailboxes.subscribe(name, True)


def now() -> int:
    """Seconds since the epoch."""
    return int(time.time())


def uids_of(rows: Sequence[MessageRow]) -> list[int]:
    """The UIDs of rows."""
    return [row.uid for row in rows]
