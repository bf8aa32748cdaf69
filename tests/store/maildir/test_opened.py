"""Opened mailboxes while another process works on the same account."""

from __future__ import annotations

from typing import Any

import apsw

from mailframe.message.status import MailframeError
from mailframe.store.catalogue.sqlite.catalogue import Catalogue
from mailframe.store.values import SEEN, FlagChange

from .fixture import MaildirCase, numbered


class RecentTests(MaildirCase):
    """``\\Recent`` is for one session."""

    def deliver_in_between(self) -> None:
        """From now on, another process delivers once, just before a transaction that only reads begins."""
        other = self.started()
        self.addCleanup(lambda: self.wait(other.stop()))
        reading, mine = Catalogue.reading, self.store
        waiting = [numbered(1)]

        def late(catalogue: Catalogue) -> Any:
            if waiting:
                self.store = other
                self.deliver(waiting.pop())
                self.store = mine
            return reading(catalogue)

        self.patch(Catalogue, "reading", late)

    def test_select_while_mail_comes(self) -> None:
        """A message that comes in the middle of SELECT is recent there, and for nobody after it."""
        mailbox = self.opened()
        self.deliver_in_between()
        self.assertEqual(self.wait(mailbox.snapshot()).recent, {1})
        self.assertEqual(self.wait(self.opened().snapshot()).recent, set())
        self.assertEqual((self.names("new"), len(self.names("cur"))), ([], 1))
        self.assertEqual(self.contents(), [numbered(1)])

    def test_noop_while_mail_comes(self) -> None:
        """The same for one that comes while a session looks for changes."""
        mailbox = self.opened()
        self.deliver(numbered(0))
        before = self.wait(mailbox.snapshot())
        self.append(numbered(0), flags=["\\Seen"])
        self.wait(self.opened().snapshot())
        self.deliver_in_between()
        self.assertEqual(self.wait(mailbox.changes(before.modseq)).recent, {3})
        self.assertEqual(self.wait(self.opened().snapshot()).recent, set())


class FullDiskTests(MaildirCase):
    """The disk takes nothing more."""

    def fill_disk(self) -> None:
        """From now on no transaction can be committed."""

        def full(catalogue: Catalogue, numbers: int = 1) -> None:
            raise apsw.FullError("database or disk is full")

        self.patch(Catalogue, "commit", full)

    def test_reading(self) -> None:
        """Mail that is there can be selected and read, by who only reads and by who would write."""
        self.deliver(numbered(1))
        self.fill_disk()
        self.assertEqual(self.contents(), [numbered(1)])
        mailbox = self.opened()
        self.assertEqual(self.wait(mailbox.snapshot()).recent, {1})
        self.assertEqual(self.wait(mailbox.changes(0)).recent, {1})
        self.assertEqual(self.contents(), [numbered(1)])
        self.assertEqual((len(self.names("new")), self.names("cur")), (1, []))

    def test_flags_that_cannot_be_kept(self) -> None:
        """Flags that were refused are not in the names of files either, where a later look would find them."""
        uids = self.append(numbered(1), flags=["\\Flagged"])
        before = self.names("cur")
        self.fill_disk()
        error = self.fails(self.opened().store(uids, FlagChange.ADD, frozenset({SEEN})), MailframeError)
        self.assertTrue(error.status.temporary)
        self.assertEqual(self.names("cur"), before)
