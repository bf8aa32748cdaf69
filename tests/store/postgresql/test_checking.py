"""Checking and repairing an account in PostgreSQL, as ``mailframe mailbox check`` and ``repair`` do."""

from __future__ import annotations

from mailframe.store.checking import Difference, Findings, Kind
from mailframe.store.maildrop.checking import Checking
from mailframe.store.values import INBOX, FlagChange, Item

from .fixture import ALICE, BOB, PostgresCase


class AccountCheckingTests(PostgresCase):
    """What is wrong is found, and put right; the mail of others is left alone."""

    def setUp(self) -> None:
        """Two accounts with five messages each, described."""
        super().setUp()
        for number in range(5):
            self.deliver(ALICE, BOB, octets=b"Subject: %d\r\n\r\nbody\r\n" % number)
        mailbox = self.opened()
        self.wait(mailbox.store([1, 2], FlagChange.ADD, frozenset({"word"})))
        self.wait(mailbox.copy([1], "Sent"))
        self.wait(mailbox.fetch([1, 2, 3, 4, 5], Item.ENVELOPE))
        self.outside = self.session()

    def checked(self, account: str = ALICE, **arguments: bool) -> Findings:
        """A look at an account."""
        checking = Checking(**arguments)
        while not self.wait(self.store.work(account, checking.step)):
            pass
        return checking.found

    def mended(self, kind: Kind, **arguments: bool) -> None:
        """This is wrong, is left alone by a look, and is put right; Bob's mail has never been wrong."""
        self.assertFalse(self.checked(BOB, octets=True).wrong)
        self.assertEqual(set(self.checked(**arguments).wrong), {kind})
        mending = self.checked(mend=True, **arguments)
        self.assertEqual((set(mending.wrong), mending.left), ({kind}, 0), mending)
        self.assertFalse(self.checked(octets=True).wrong)
        self.sound()

    def test_sound(self) -> None:
        """Nothing is wrong with an account at work."""
        for octets in (False, True):
            found = self.checked(octets=octets)
            self.assertEqual((dict(found.wrong), found.messages, found.mailboxes), ({}, 6, 2))
        self.assertGreater(found.octets, 0)

    def test_figures(self) -> None:
        """Counts of a mailbox are counted again."""
        self.outside.run(
            "UPDATE mail_mailboxes SET messages = 7, octets = 1, unseen = 9, deleted = 3"
            " WHERE name = 'Sent' AND messages > 0"
        )
        self.mended(Kind.FIGURES)

    def test_numbers(self) -> None:
        """UIDNEXT is above all UIDs, and HIGHESTMODSEQ not below any."""
        self.outside.run(
            "UPDATE mail_mailboxes SET uidnext = 2, modseq = 1 WHERE name = 'INBOX' AND account ="
            " (SELECT id FROM mail_accounts WHERE name = %s)",
            (ALICE,),
        )
        self.mended(Kind.NUMBERS)
        self.deliver(ALICE, octets=b"Subject: new\r\n\r\n")
        self.assertEqual(list(self.wait(self.opened().snapshot()).uids), [1, 2, 3, 4, 5, 6])

    def test_leftovers(self) -> None:
        """What is kept about nothing goes."""
        self.outside.run("INSERT INTO mail_uidls SELECT max(id::bigint) << 32 | 77, 'x' FROM mail_mailboxes"
                         " WHERE account = (SELECT id FROM mail_accounts WHERE name = %s)", (ALICE,))  # fmt: skip
        self.mended(Kind.LEFTOVERS)

    def test_keywords(self) -> None:
        """A keyword without a name goes; others stay."""
        self.outside.run(
            "UPDATE mail_messages SET keywords = '\\x81' WHERE keywords IS NOT NULL AND id & 1 = 0"
        )
        self.mended(Kind.KEYWORDS)
        (message,) = self.wait(self.opened().fetch([2], Item.FLAGS))
        self.assertIn("word", message.flags)

    def test_missing(self) -> None:
        """A message without octets is told; it stays for a backup, or is expunged when that is wanted."""
        self.outside.run(
            "UPDATE mail_messages SET file = 4711 WHERE id & 4294967295 = 3 AND mailbox IN (SELECT box.id"
            " FROM mail_mailboxes AS box JOIN mail_accounts ON mail_accounts.id = account"
            " WHERE mail_accounts.name = %s)",
            (ALICE,),
        )
        self.assertEqual(self.checked().listed, [Difference(Kind.MISSING, INBOX, 3)])
        self.assertEqual(self.checked(mend=True).left, 1)
        self.mended(Kind.MISSING, expunge_missing=True)
        self.assertEqual(list(self.wait(self.opened().snapshot()).uids), [1, 2, 4, 5])
