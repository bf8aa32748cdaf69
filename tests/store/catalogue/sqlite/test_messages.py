"""Tests of what the catalogue in SQLite keeps of messages beside their rows: runs of UIDs, and expunged ones."""

from __future__ import annotations

from importlib.resources import files

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.database.migrations import migrate
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, row_id
from mailframe.store.catalogue.sqlite import messages as messages_module
from mailframe.store.catalogue.sqlite.catalogue import ROOM, Catalogue
from mailframe.store.catalogue.sqlite.keywords import SQLiteKeywords
from mailframe.store.catalogue.sqlite.messages import Messages
from mailframe.store.values import Description

STEPS = st.lists(
    st.tuples(st.sampled_from(["come", "back", "go"]), st.sets(st.integers(1, 40), min_size=1, max_size=12)),
    max_size=12,
)


def message(mailbox: MailboxRow, uid: int, modseq: int = 2, keywords: bytes | None = None) -> MessageRow:
    """A row."""
    return MessageRow(
        row_id(mailbox, uid), mailbox.id, modseq, 0, keywords, 0, 10, 0, f"M{uid}", "", str(uid), "", 10, 0
    )


class CatalogueCase(SynchronousTestCase):
    """A catalogue with two mailboxes."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.catalogue = Catalogue(self.path)
        self.addCleanup(self.catalogue.close)
        with self.catalogue.writing():
            for name in ("INBOX", "Sent"):
                self.catalogue.mailboxes.add(name, name, f"F{name}")

    def mailbox(self, name: str = "INBOX") -> MailboxRow:
        """One of them as it is now."""
        found = self.catalogue.mailboxes.named(name)
        assert found is not None
        return found

    def come(self, *uids: int, name: str = "INBOX", keywords: bytes | None = None) -> None:
        """Messages come."""
        with self.catalogue.writing():
            mailbox = self.mailbox(name)
            self.catalogue.messages.add([message(mailbox, uid, keywords=keywords) for uid in uids])
            self.catalogue.mailboxes.advance(mailbox, max(uids) + 1, 2)

    def go(self, *uids: int, name: str = "INBOX") -> int:
        """Messages are expunged; the modseq."""
        with self.catalogue.writing():
            mailbox = self.mailbox(name)
            modseq = self.catalogue.mailboxes.next_modseq(mailbox)
            self.catalogue.messages.expunge(mailbox, uids, modseq)
        return modseq

    def in_rows(self, name: str = "INBOX") -> list[int]:
        """UIDs by the rows of messages."""
        return [row.uid for row in self.catalogue.messages.rows(self.mailbox(name))]


class UIDsTests(CatalogueCase):
    """Runs of UIDs are those of the rows."""

    @settings(deadline=None, max_examples=60)
    @given(STEPS)
    def test_any_order(self, steps: list[tuple[str, set[int]]]) -> None:
        """Whatever comes, goes, and comes back between others, the list of UIDs is that of the messages."""
        connection = apsw.Connection(":memory:")
        migrate(connection, ROOM)
        messages = Messages(connection)
        mailbox = self.mailbox()._replace(id=7)
        other = mailbox._replace(id=8)
        messages.add([message(other, 1)])
        there: set[int] = set()
        for modseq, (what, uids) in enumerate(steps, 2):
            if what == "go":
                messages.expunge(mailbox, sorted(uids), modseq)
                there -= uids
            else:
                coming = sorted(uids - there, reverse=what == "back")
                messages.add(message(mailbox, uid) for uid in coming)
                there |= uids
            found = messages.uids(mailbox)
            self.assertEqual(list(found), sorted(there))
            self.assertEqual([one[0] for one in found.runs], [u for u in sorted(there) if u - 1 not in there])
            self.assertEqual(list(messages.uids(other)), [1])
            self.assertEqual(messages.uids_from(mailbox, 20, 3), [u for u in sorted(there) if u >= 20][:3])

    def test_rolled_back(self) -> None:
        """What is rolled back was never there."""
        self.come(1, 2, 3)
        self.catalogue.begin()
        self.catalogue.messages.add([message(self.mailbox(), 4)])
        self.catalogue.messages.expunge(self.mailbox(), [2], 5)
        self.catalogue.roll_back()
        self.assertEqual(list(self.catalogue.messages.uids(self.mailbox())), [1, 2, 3])

    def test_removed_mailbox(self) -> None:
        """A mailbox takes its UIDs along, and no other's."""
        self.come(1, 2)
        self.come(5, name="Sent")
        with self.catalogue.writing():
            self.catalogue.mailboxes.remove(self.mailbox())
        sent = self.mailbox("Sent")
        self.assertEqual(list(self.catalogue.messages.uids(sent)), [5])
        gone = sent._replace(id=1)
        self.assertEqual(list(self.catalogue.messages.uids(gone)), [])

    def test_older_file(self) -> None:
        """A file of an older version has its runs after the first start."""
        connection = apsw.Connection(self.mktemp())
        directory = files(ROOM) / "migrations"
        steps = sorted(step.name for step in directory.iterdir() if step.name[:4].isdigit())
        for name in steps[:4]:
            connection.execute((directory / name).read_text("utf-8"))
        connection.pragma("user_version", 4)
        mailbox = self.mailbox()
        for uid in (1, 2, 3, 7, 8, 11):
            connection.execute(
                f"INSERT INTO messages VALUES ({', '.join('?' * len(MessageRow._fields))})",
                message(mailbox, uid),
            )
        connection.executemany(
            "INSERT INTO vanished VALUES (?, ?, ?)",
            [(mailbox.id, modseq, uid) for modseq, uid in ((3, 4), (3, 5), (4, 6), (4, 10))],
        )
        migrate(connection, ROOM)
        messages = Messages(connection)
        self.assertEqual(messages.uids(mailbox).runs, ((1, 3), (7, 8), (11, 11)))
        self.assertEqual(list(messages.vanished_since(mailbox, 3)), [6, 10])
        self.assertEqual(messages.vanished_since(mailbox, 2).runs, ((4, 6), (10, 10)))


class CountedTests(CatalogueCase):
    """The figures of a mailbox, which are counted once for all messages that come or go together."""

    def figures(self, name: str = "INBOX") -> tuple[int, int, int, int]:
        """Messages, octets, unseen ones and those marked as deleted."""
        mailbox = self.mailbox(name)
        return mailbox.messages, mailbox.octets, mailbox.unseen, mailbox.deleted

    def test_come_and_go(self) -> None:
        """Figures are those of the messages that are there; descriptions go with their messages."""
        with self.catalogue.writing():
            boxes = [self.mailbox("INBOX"), self.mailbox("Sent")]
            for box in boxes:
                self.catalogue.mailboxes.advance(box, 20, 2)
            rows = [
                message(box, uid)._replace(flags=flags, size=10 * uid)
                for box in boxes
                for uid, flags in ((1, 0), (2, 1), (3, 8), (4, 9), (6, 1))
            ]
            self.catalogue.messages.add(rows)
            self.catalogue.descriptions.add((row.id, Description(b"e", b"s", b"b", b"p")) for row in rows)
        self.assertEqual([self.figures(), self.figures("Sent")], [(5, 160, 2, 2)] * 2)
        # One that is not there counts for nothing.
        self.go(1, 2, 4, 5)
        self.assertEqual([self.figures(), self.figures("Sent")], [(2, 90, 1, 1), (5, 160, 2, 2)])
        box = self.mailbox()
        self.assertEqual(
            sorted(self.catalogue.descriptions.of(row_id(box, 0), row_id(box, 20))),
            [row_id(box, 3), row_id(box, 6)],
        )
        with self.catalogue.writing():
            self.catalogue.mailboxes.remove(self.mailbox("Sent"))
        self.assertEqual(list(self.catalogue.differences()), [])


class VanishedTests(CatalogueCase):
    """What was expunged, since when."""

    def test_exact(self) -> None:
        """From each modseq on, exactly what went afterwards."""
        self.come(*range(1, 21))
        went = [(self.go(*uids), uids) for uids in ((2, 3, 4), (20,), (1, 5, 10), (6, 7))]
        before = 0
        for modseq, _ in went:
            wanted = sorted(uid for when, uids in went if when > before for uid in uids)
            self.assertEqual(list(self.catalogue.messages.vanished_since(self.mailbox(), before)), wanted)
            before = modseq
        self.assertEqual(len(self.catalogue.messages.vanished_since(self.mailbox(), before)), 0)

    def test_bound(self) -> None:
        """Of too many the oldest are forgotten; who asks for those is told of all that is not there."""
        self.patch(messages_module, "VANISHED_LIMIT", 3)
        self.come(*range(1, 21))
        modseqs = [self.go(uid) for uid in (2, 4, 6, 8, 10, 12)]
        self.go(14)
        mailbox = self.mailbox()
        self.assertGreater(mailbox.vanished_from, modseqs[0])
        messages = self.catalogue.messages
        missing = [2, 4, 6, 8, 10, 12, 14]
        self.assertEqual(list(messages.vanished_since(mailbox, modseqs[0])), missing)
        self.assertEqual(list(messages.vanished_since(mailbox, modseqs[4])), [12, 14])

    def test_far_away(self) -> None:
        """A mailbox whose UIDs are large answers at once, whatever it is asked."""
        self.come(4_000_000_000)
        with self.catalogue.writing():
            self.catalogue.mailboxes.advance(self.mailbox(), 0, 9, vanished_from=9)
        vanished = self.catalogue.messages.vanished_since(self.mailbox(), 1)
        self.assertEqual(vanished.runs, ((1, 3_999_999_999),))

    def test_is_expunged(self) -> None:
        """A message without a row that came and was expunged is told from one that was lost."""
        self.come(1, 2, 3, 4)
        self.go(2, 3)
        messages, mailbox = self.catalogue.messages, self.mailbox()
        self.assertEqual([messages.is_expunged(mailbox, uid, 2) for uid in (2, 3, 5)], [True, True, False])


class KeywordsTests(CatalogueCase):
    """Keywords in use."""

    def test_in_use(self) -> None:
        """Those that some message of the mailbox has."""
        with self.catalogue.writing():
            keywords = self.catalogue.mailboxes.keywords(self.mailbox())
            keywords.spell({f"k{number}" for number in range(10)})
        self.come(1, 2, keywords=b"\x01")
        self.come(3, keywords=b"\x00\x02")
        self.come(4, keywords=b"\x05")
        self.come(1, keywords=b"\x08", name="Sent")
        found = self.catalogue.mailboxes.keywords(self.mailbox())
        assert isinstance(found, SQLiteKeywords)
        by_number = found.spellings()
        self.assertEqual(found.in_use(), {by_number[0], by_number[2], by_number[9]})
