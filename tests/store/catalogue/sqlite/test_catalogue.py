"""The catalogue file of an account."""

from __future__ import annotations

import os
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.database.sqlite import UnusableDatabase, open_connection
from mailframe.message.status import MailframeError
from mailframe.store.catalogue.rows import LAST_UID, MailboxRow, MessageRow, row_id
from mailframe.store.catalogue.sqlite import catalogue as module
from mailframe.store.catalogue.sqlite import messages
from mailframe.store.catalogue.sqlite.catalogue import JUMP, Catalogue, boot_id
from mailframe.store.values import DELETED, FLAGGED, SEEN, SYSTEM_FLAGS, Description
from tests.store.maildir.fixture import quick_directory

KEYWORD = st.sampled_from(["$Junk", "$junk", "work", "Later", "a", "B"])
FLAGS = st.frozensets(st.sampled_from(sorted(SYSTEM_FLAGS)) | KEYWORD)


class CatalogueCase(SynchronousTestCase):
    """Opens a catalogue with one mailbox."""

    keywords_limit = 128

    def setUp(self) -> None:
        self.path = os.path.join(quick_directory(self), "catalogue.sqlite")
        self.catalogue = self.opened()
        with self.catalogue.writing():
            self.catalogue.mailboxes.add("INBOX", "", "F1")

    def opened(self, boot: str = "boot-1") -> Catalogue:
        opened = Catalogue(self.path, boot, self.keywords_limit)
        self.addCleanup(opened.close)
        return opened

    @property
    def inbox(self) -> MailboxRow:
        inbox = self.catalogue.mailboxes.named("INBOX")
        assert inbox is not None
        return inbox

    def add(self, count: int, flags: int = 0) -> list[int]:
        """Put messages in; returns their UIDs."""
        with self.catalogue.writing(count):
            uid, modseq = self.catalogue.mailboxes.take_uids(self.inbox, count)
            self.catalogue.messages.add(
                MessageRow(
                    row_id(self.inbox, uid + n), self.inbox.id, modseq, flags, None, 0, 10, 0, "M", "",
                    f"{uid + n}", None, 9, 0,
                )
                for n in range(count)
            )  # fmt: skip
        return list(range(uid, uid + count))

    def remove(self, uids: list[int]) -> None:
        with self.catalogue.writing():
            modseq = self.catalogue.mailboxes.next_modseq(self.inbox)
            self.catalogue.messages.expunge(self.inbox, uids, modseq)


class CatalogueTests(CatalogueCase):
    """Opening, numbers, and what an unclean stop does to them."""

    def test_figures_follow(self) -> None:
        """Counts are right after messages came, changed and went."""
        uids = self.add(5)
        self.add(2, flags=1 | 8)
        with self.catalogue.writing():
            row = row_id(self.inbox, uids[0])
            self.catalogue.messages.set_flags(9, [(row, (1, None), ":2,S")])
        self.remove(uids[1:3])
        inbox = self.inbox
        self.assertEqual((inbox.messages, inbox.unseen, inbox.deleted, inbox.octets), (5, 2, 2, 50))
        self.assertEqual(self.catalogue.messages.first_unseen(inbox), uids[3])
        self.assertEqual(self.catalogue.mailboxes.totals()[1], 50)

    def test_uids_do_not_read_rows(self) -> None:
        """The list of UIDs is there without any row of a message."""
        uids = self.add(3)
        connection = open_connection(self.path)
        self.addCleanup(connection.close)
        connection.execute("DELETE FROM messages")
        self.assertEqual(list(self.catalogue.messages.uids(self.inbox)), uids)

    def test_newer_file(self) -> None:
        """A catalogue of a later version is refused, not damaged."""
        connection = open_connection(self.path)
        self.addCleanup(connection.close)
        connection.pragma("user_version", 99)
        self.assertRaises(UnusableDatabase, self.opened)

    def test_jump_once(self) -> None:
        """Numbers jump at the first opening after an unclean stop, and only then."""
        self.add(1)
        uidnext = self.inbox.uidnext
        self.assertTrue(self.opened("boot-2").recovered)
        self.assertFalse(self.opened("boot-2").recovered)
        self.assertEqual(self.inbox.uidnext, uidnext + JUMP)
        self.catalogue.close(clean=True)

    def test_clean(self) -> None:
        """After a clean stop there is no jump, and the first commit afterwards is flushed."""
        self.add(1)
        self.catalogue.close(clean=True)
        self.catalogue = self.opened("boot-2")
        self.assertFalse(self.catalogue.recovered)
        flushed = []
        with mock.patch.object(module, "flush_log", flushed.append):
            self.add(1)
            self.add(1)
        self.assertEqual(flushed, [self.path])
        self.assertTrue(self.catalogue.dirty)
        self.catalogue.flush()
        self.assertFalse(self.catalogue.dirty)

    def test_uids_are_used_up(self) -> None:
        """At the end of all UIDs a mailbox refuses instead of beginning again."""
        with self.catalogue.writing():
            self.catalogue.mailboxes.jump(LAST_UID - 2)
        self.add(1)
        error = self.assertRaises(MailframeError, self.add, 5)
        self.assertEqual(error.status.word, "LIMIT")

    def test_boot_id(self) -> None:
        """The machine's boot has a name, on Linux and elsewhere."""
        self.assertTrue(boot_id())
        with mock.patch("builtins.open", side_effect=OSError):
            self.assertIn("process", boot_id())

    def test_vanished_are_bounded(self) -> None:
        """When too many were expunged to remember, changes name everything that is not there."""
        self.patch(messages, "VANISHED_LIMIT", 10)
        uids = self.add(60)
        since = self.inbox.modseq
        for start in range(0, 50, 5):
            self.remove(uids[start : start + 5])
        latest = self.inbox.modseq
        self.remove(uids[50:51])
        self.assertEqual(list(self.catalogue.messages.vanished_since(self.inbox, since)), uids[:51])
        self.assertEqual(list(self.catalogue.messages.vanished_since(self.inbox, latest)), uids[50:51])
        self.assertGreater(self.inbox.vanished_from, since)

    def test_sparse_rows(self) -> None:
        """Single messages far apart are found like ranges."""
        uids = self.add(300)
        wanted = [uids[0], uids[150], uids[299], 999_999, 0, -5]
        found = [row.uid for row in self.catalogue.messages.rows(self.inbox, wanted)]
        self.assertEqual(found, [uids[0], uids[150], uids[299]])
        self.assertEqual(list(self.catalogue.messages.rows(self.inbox, [])), [])

    def test_description_of_what_is_gone(self) -> None:
        """A description that comes too late is not kept, and goes with its message."""
        (uid,) = self.add(1)
        description = Description(b"e", b"s", b"b", b"p")
        with self.catalogue.writing():
            self.catalogue.descriptions.add([(row_id(self.inbox, n), description) for n in (uid, uid + 1)])
        self.assertEqual(self.catalogue.descriptions.one(row_id(self.inbox, uid)), description)
        self.assertIsNone(self.catalogue.descriptions.one(row_id(self.inbox, uid + 1)))
        self.remove([uid])
        self.assertIsNone(self.catalogue.descriptions.one(row_id(self.inbox, uid)))


class KeywordsTests(CatalogueCase):
    """Flags in columns."""

    keywords_limit = 4

    @given(st.lists(FLAGS, max_size=8))
    def test_there_and_back(self, many: list[frozenset[str]]) -> None:
        """Flags packed and read again by another process are the same, in the spelling first used."""
        for flags in many:
            with self.catalogue.writing():
                keywords = self.catalogue.mailboxes.keywords(self.inbox)
                try:
                    spelled = keywords.spell(flags)
                except MailframeError as error:
                    self.assertEqual(error.status.word, "LIMIT")
                    continue
                packed = keywords.pack(spelled)
            self.assertEqual({flag.lower() for flag in spelled}, {flag.lower() for flag in flags})
            other = Catalogue(self.path, "boot-1", self.keywords_limit)
            try:
                inbox = other.mailboxes.named("INBOX")
                assert inbox is not None
                self.assertEqual(other.mailboxes.keywords(inbox).unpack(*packed), spelled)
            finally:
                other.close()

    def test_known(self) -> None:
        """Of flags to take away only those that exist here matter."""
        with self.catalogue.writing():
            keywords = self.catalogue.mailboxes.keywords(self.inbox)
            keywords.spell(["Later", SEEN])
        found = self.catalogue.mailboxes.keywords(self.inbox).known(["later", "never", "\\deleted", FLAGGED])
        self.assertEqual(found, {"Later", DELETED, FLAGGED})
