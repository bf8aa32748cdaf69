"""Octets in the account's file: shared, large, given back, and never without their rows."""

from __future__ import annotations

import os
import tracemalloc
from itertools import repeat
from unittest import mock

import apsw
import attrs

from mailframe.message.content import Content, FileBody
from mailframe.message.status import MailframeError
from mailframe.store.sqlite import layout, resting
from mailframe.store.sqlite.backend import FILE
from mailframe.store.sqlite.contents import PIECE
from mailframe.store.values import Delivery, NewMessage, Span
from mailframe.testing.store.fixture import in_file
from tests.store.maildir.fixture import ALICE, BOB, numbered

from .fixture import OPTIONS, SQLiteCase

LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * (3 * PIECE // 17)


class SharingTests(SQLiteCase):
    """One copy of the octets for all messages of an account that have them."""

    def test_copies(self) -> None:
        """COPY and MOVE touch no octets, and each message can be read until it goes."""
        uids = self.append(numbered(1), numbered(2))
        self.wait(self.opened().copy(uids, "Sent"))
        self.wait(self.opened().copy(uids, "INBOX"))
        self.wait(self.opened("Sent").move([1], "INBOX"))
        self.assertEqual(self.rows("pieces"), 2)
        self.sound()
        self.wait(self.opened().remove(uids))
        self.assertEqual(self.contents(), [numbered(1), numbered(2), numbered(1)])
        self.wait(self.opened().remove([3, 4, 5]))
        self.assertEqual(self.rows("pieces"), 1)
        self.assertEqual(self.contents("Sent"), [numbered(2)])
        self.sound()

    def test_one_delivery_for_two_mailboxes(self) -> None:
        """A message that is delivered to several mailboxes of an account is there once, and once in another's."""
        for octets in (numbered(1), LARGE):
            message = NewMessage(Content.of(octets))
            deliveries = [Delivery(ALICE, message, name) for name in ("Sent", "INBOX", "Sent")]
            statuses = self.wait(self.store.deliver([*deliveries, Delivery(BOB, message)]))
            self.assertTrue(all(status.success for status in statuses))
        self.assertEqual(self.contents("Sent"), [numbered(1)] * 2 + [LARGE] * 2)
        self.assertEqual(self.contents(account=BOB), [numbered(1), LARGE])
        self.assertEqual(self.rows("pieces"), 1 + -(-len(LARGE) // PIECE))
        self.sound()
        self.sound("bob")

    def test_deleted_mailbox(self) -> None:
        """Octets go with their mailbox, but for those that another mailbox has too."""
        self.wait(self.account().create("Work"))
        uids = self.append(numbered(1), numbered(2), mailbox="Work")
        self.wait(self.opened("Work").copy(uids[:1], "Sent"))
        self.wait(self.account().delete("Work"))
        self.assertEqual(self.contents("Sent"), [numbered(1)])
        self.assertEqual(self.rows("pieces"), 1)
        self.sound()


class LargeTests(SQLiteCase):
    """Large messages go in and out piece by piece."""

    def test_windows(self) -> None:
        """A large message is read by windows."""
        message = NewMessage(in_file(LARGE))
        (uid,) = self.wait(self.account().append("INBOX", [message])).uids
        opened = self.opened()
        for offset, length in ((0, 100), (PIECE - 10, 20), (len(LARGE) - 5, 100), (len(LARGE) + 5, 1)):
            (octets,) = self.wait(opened.read([Span(uid, offset, length)]))
            self.assertEqual(octets, LARGE[offset : offset + length])
        (octets,) = self.wait(opened.read([Span(uid, PIECE + 3)]))
        self.assertEqual(octets, LARGE[PIECE + 3 :])
        self.assertEqual(self.rows("coming_contents"), 0)

    def test_one_piece_at_a_time(self) -> None:
        """Of a large message no more than a few pieces are in memory while it comes in."""
        block = b"0123456789abcde\r\n" * 4000
        body = mock.Mock(spec=FileBody, size=len(block) * 250, head=block, chunks=lambda: repeat(block, 250))
        tracemalloc.start()
        try:
            (status,) = self.wait(self.store.deliver([Delivery(ALICE, NewMessage(Content(body)))]))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertTrue(status.success)
        self.assertLess(most, 4 * PIECE)
        self.assertEqual(self.rows("pieces"), -(-len(block) * 250 // PIECE))

    def test_cannot_be_read(self) -> None:
        """When the octets of a large message cannot be read, it is refused for now, and nothing is left of it."""

        def chunks() -> object:
            yield LARGE[:PIECE]
            raise OSError("the temporary file is broken")

        body = mock.Mock(spec=FileBody, size=len(LARGE), head=LARGE[:100], chunks=chunks)
        (status,) = self.wait(self.store.deliver([Delivery(ALICE, NewMessage(Content(body)))]))
        self.assertTrue(status.temporary)
        self.rested()
        self.assertEqual(self.rows("pieces") + self.rows("coming_contents"), 0)
        self.sound()

    def test_given_up(self) -> None:
        """Of a large message that does not come in after all nothing is left."""
        self.deliver(numbered(1))
        with mock.patch.object(layout.SQLiteLayout, "place", side_effect=OSError("no")):
            (status,) = self.deliver(LARGE)
        self.assertTrue(status.temporary)
        self.rested()
        self.assertEqual(self.rows("pieces"), 1)
        self.sound()

    def test_killed_writer(self) -> None:
        """What a killed process has written of a large message goes a day later."""
        self.deliver(numbered(1))
        file = self.file()
        with file.writing():
            number = file.contents.reserve(1)
            file.contents.begin(number, 1000)
            file.contents.add(number, b"half of it")
        self.restarted()
        self.deliver(numbered(2))
        self.rested()
        self.assertEqual(self.rows("pieces"), 2)
        self.sound()

    def rested(self) -> None:
        for _ in range(3):
            self.clock.advance(1)


class SpaceTests(SQLiteCase):
    """Space of removed messages is given back."""

    def test_smaller(self) -> None:
        """The file becomes smaller within some seconds, in steps; a little stays for the mail that comes next."""
        uids = [self.append(numbered(n) + LARGE)[0] for n in range(8)]
        kept = self.append(numbered(99))
        with mock.patch.object(resting, "SECONDS", 0.0):
            before = self.size()
            self.wait(self.opened().remove(uids))
            sizes = []
            for _ in range(60):
                self.clock.advance(1)
                sizes.append(self.size())
        self.assertGreater(len(set(sizes)), 3)
        self.assertLess(sizes[-1], before / 3)
        self.assertEqual(list(self.messages()), kept)
        self.sound()

    def test_while_the_disk_is_full(self) -> None:
        """When space cannot be given back, mail goes on, and it is tried again after the next change."""
        uids = self.append(LARGE, LARGE, LARGE, LARGE, LARGE, LARGE)
        with mock.patch.object(resting, "_step", side_effect=apsw.FullError("full")):
            self.wait(self.opened().remove(uids))
            self.clock.advance(5)
        self.deliver(numbered(1))
        for _ in range(60):
            self.clock.advance(1)
        self.assertEqual(self.rows("unused_contents"), 0)
        self.assertEqual(self.contents(), [numbered(1)])

    def size(self) -> int:
        file = self.file()
        pages = file.pages()
        file.close()
        return pages


class FaultTests(SQLiteCase):
    """What fails is as if it had never been tried."""

    def test_deliveries(self) -> None:
        """Whatever operation on files fails: a message is there when it was answered for, and else it is not."""
        number = 0
        answered: list[bytes] = []
        while number < 40:
            number += 1
            self.files.break_at(number)
            octets = numbered(number)
            for status in self.deliver(octets):
                self.assertFalse(status.permanent)
                if status.success:
                    answered.append(octets)
            self.files.mend()
            self.assertEqual(self.contents(), answered)
        self.sound()

    def test_appends(self) -> None:
        """The same with APPEND, which takes all of several messages or none."""
        answered: list[bytes] = []
        for number in range(1, 40):
            self.files.break_at(number)
            octets = [numbered(number), numbered(1000 + number)]
            try:
                self.append(*octets)
            except self.failureException:
                pass
            else:
                answered.extend(octets)
            self.files.mend()
            self.assertEqual(self.contents(), answered)
        self.sound()

    def test_no_flush(self) -> None:
        """Where nothing can be flushed, nothing is answered for, and nothing is left."""
        self.deliver(numbered(1))
        self.files.break_on("flush", "flush_all")
        self.opened()
        with mock.patch(
            "mailframe.store.catalogue.sqlite.catalogue.flush_log", side_effect=OSError("broken")
        ):
            (status,) = self.deliver(numbered(2))
            account = self.account()
            refused = self.fails(
                account.append("INBOX", [NewMessage(Content.of(numbered(3)))]), MailframeError
            )
        self.assertTrue(status.temporary)
        self.assertTrue(refused.status.temporary)
        self.files.mend()
        self.assertEqual(self.contents(), [numbered(1)])
        self.sound()

    def test_atomic(self) -> None:
        """A message for two accounts, one of which is broken, is in none; what both share is not left behind."""
        self.deliver(numbered(1), account=BOB)
        message = NewMessage(Content.of(numbered(2)))
        wanted = [Delivery(ALICE, message), Delivery(ALICE, message, "Sent"), Delivery(BOB, message)]
        path = self.path(FILE, account="bob")
        with mock.patch.object(layout.SQLiteLayout, "place", _refusing(path)):
            statuses = self.wait(self.store.deliver(wanted, atomic=True))
        self.assertFalse(any(status.success for status in statuses))
        self.assertEqual(self.contents() + self.contents("Sent"), [])
        self.assertEqual(self.rows("pieces"), 0)
        self.sound()

    def test_removed_account(self) -> None:
        """A removed account is gone with its log and its texts, and begins anew."""
        self.deliver(numbered(1))
        self.wait(self.store.remove_account(ALICE))
        self.assertFalse(os.path.exists(self.path()))
        self.deliver(numbered(2))
        self.assertEqual(self.contents(), [numbered(2)])
        self.assertEqual(self.wait(self.store.accounts()), [ALICE])


class UnjournalledFaultTests(FaultTests):
    """The same without a journal."""

    options = attrs.evolve(OPTIONS, journal=False)


def _refusing(path: str) -> object:
    real = layout.SQLiteLayout.place

    def place(self: layout.SQLiteLayout, *arguments: object) -> object:
        if self.file.path == path:
            raise OSError("this account is broken")
        return real(self, *arguments)  # type: ignore[arg-type]

    return place


class CheckTests(SQLiteCase):
    """Octets without messages, and the other way round, are found and put right."""

    def test_damage(self) -> None:
        """Whatever is wrong is told, and right afterwards, but for octets that nobody has any more."""
        uids = self.append(*map(numbered, range(4)))
        self.wait(self.opened().copy(uids[:2], "Sent"))
        file = self.file()
        with file.writing():
            orphan = file.contents.reserve(1)
            file.contents.add(orphan, b"nobody's")
            file.contents.share([3])
            file.contents.rewrite(4, b"")
        connection = apsw.Connection(file.path)
        connection.execute("DELETE FROM pieces WHERE id >> 16 = 4")
        connection.execute("DELETE FROM shared_contents WHERE id = 1")
        connection.execute("INSERT INTO unused_contents VALUES (2)")
        connection.close()
        found = file.check(repair=True)
        self.assertEqual(found.missing, (4,))
        self.assertEqual(found.orphans, (orphan,))
        self.assertEqual(found.doomed, (2,))
        self.assertEqual(sorted(found.miscounted), [(1, 2), (3, 1)])
        again = file.check()
        self.assertEqual((again.missing, again.orphans, again.doomed, again.miscounted), ((4,), (), (), ()))
        self.assertEqual(self.contents("Sent"), [numbered(0), numbered(1)])
