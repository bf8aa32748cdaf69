"""Texts in PostgreSQL, with the index of trigrams and without it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.postgresql.backend import session_of
from mailframe.store.text.interfaces import InBody, InField, InHeader
from mailframe.store.text.postgresql import index
from mailframe.store.text.postgresql.index import PostgresTexts
from mailframe.testing.text_index import TextIndexContract, mailbox_row, text
from tests.store.postgresql.fixture import database


class PostgresTextsTests(TextIndexContract, SynchronousTestCase):
    """As an index of texts must be."""

    def setUp(self) -> None:
        self.address = database(self)
        self.session = session_of(self.address)
        self.addCleanup(self.session.close)
        self.index = PostgresTexts(self.session, 1)

    def test_pages(self) -> None:
        """A long search is done in parts."""
        self.patch(index, "PAGE", 2)
        for uid in range(1, 6):
            self.index.add(mailbox_row(), [text(uid, "xx", whole=uid != 4)], uid, uid + 1)
        self.assertEqual(self.index.find(mailbox_row(), InBody("x")).next, 3)
        self.assertEqual(self.ask(InBody("x")), ([1, 2, 3, 4, 5], []))
        self.assertEqual(self.ask(InBody("y")), ([], [4]))

    def test_characters_that_cannot_be_kept(self) -> None:
        """What PostgreSQL cannot keep is no fault: the index says that it cannot tell."""
        odd = ["a\0b", "a\x02b", "a\ud800b", "plain"]
        texts = [text(uid, body, body) for uid, body in enumerate(odd, 1)]
        self.index.add(mailbox_row(), texts, 1, 5)
        self.assertEqual(self.ask(InBody("b")), ([], [1, 2, 3]))
        self.assertEqual(self.ask(InBody("a")), ([1, 2, 3, 4], []))
        for needle in ("\0", "\x02", "\ud800", "a\0b"):
            for wanted in (InBody(needle), InHeader(needle), InField("subject", needle)):
                self.assertEqual(self.ask(wanted), ([], [1, 2, 3]))

    def test_tidy_step_by_step(self) -> None:
        """Where time is up after each step, all that is gone is dropped all the same."""
        self.patch(index, "SLICE_SECONDS", -1)
        mailbox = mailbox_row(messages=500)
        for start in range(1, 2001, 250):
            self.index.add(mailbox, [text(uid, "x") for uid in range(start, start + 250)], start, start + 250)
        rounds = 1
        while self.index.tidy([mailbox], lambda mailbox: range(1, 501)):
            rounds += 1
        self.assertEqual((rounds, self.index.size().messages), (2, 500))

    def test_accounts(self) -> None:
        """Tidying up one account leaves the texts of another."""
        other = PostgresTexts(self.session, 2)
        one, two = mailbox_row(1, "F1"), mailbox_row(2, "F2")
        self.index.add(one, [text(1, "one")], 1, 2)
        other.add(two, [text(1, "two")], 1, 2)
        while self.index.tidy([], lambda mailbox: ()):
            pass
        self.assertEqual((self.index.size().messages, other.size().messages), (0, 1))
        self.assertEqual(other.find(two, InBody("two")).uids, [1])


class IndexedTextsTests(PostgresTextsTests):
    """The same as it is asked where there are indexes of trigrams: all of a mailbox at a time."""

    def setUp(self) -> None:
        super().setUp()
        self.index._indexed = True

    def test_at_once(self) -> None:
        """A needle that trigrams find is looked for in all messages at a time; a short one is not."""
        self.patch(index, "PAGE", 2)
        self.index.add(mailbox_row(), [text(uid, "xxx") for uid in range(1, 6)], 1, 6)
        self.assertIsNone(self.index.find(mailbox_row(), InBody("xxx")).next)
        self.assertEqual(self.index.find(mailbox_row(), InBody("xx")).next, 3)

    def test_noticed(self) -> None:
        """Both indexes must be there to be used."""
        found = []
        for name in ("mail_texts_body", "mail_texts_head"):
            self.session.run(f"CREATE INDEX {name} ON mail_texts (id)")
            self.addCleanup(self.session.run, f"DROP INDEX {name}")
            found.append(PostgresTexts(self.session, 1)._helps(InBody("xxx")))
        self.assertEqual(found, [False, True])
