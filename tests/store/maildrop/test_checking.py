"""Tests of checking and repairing accounts, in stores of several kinds."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from threading import Thread
from typing import Any

import apsw

from mailframe.store.checking import LISTED_LIMIT, Difference, Findings, Kind
from mailframe.store.maildrop.checking import Checking
from mailframe.store.sqlite import backend
from mailframe.store.sqlite.account import AccountFile
from mailframe.store.sqlite.backend import FILE
from mailframe.store.values import DELETED, INBOX, SEEN, FlagChange, Item
from tests.store.maildir.fixture import ALICE, MaildirCase, numbered
from tests.store.mbox.fixture import MboxCase
from tests.store.sqlite.fixture import SQLiteCase


def break_pages(path: str, *places: float) -> None:
    """Write nonsense over pages of a file, at these parts of it."""
    connection = apsw.Connection(path)
    size = connection.pragma("page_size")
    for _ in connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"):
        pass
    connection.close()
    with open(path, "r+b") as file:
        pages = os.path.getsize(path) // size
        for place in places:
            file.seek(int(pages * place) * size)
            file.write(b"\x5a" * size)


class CheckingTests:
    """What is wrong is found, and put right; for any store whose catalogue is an SQLite file."""

    def checked(self: Any, **arguments: bool) -> Findings:
        """A look at Alice's account."""
        checking = Checking(**arguments)
        while not self.wait(self.store.work(ALICE, checking.step)):
            pass
        return checking.found

    def execute(self: Any, statement: str) -> None:
        """Change the catalogue behind the store's back."""
        connection = apsw.Connection(self.store.file(ALICE).path)
        connection.execute(statement)
        connection.close()

    def fill(self: Any, count: int = 5) -> list[int]:
        """Some messages, described."""
        uids = self.append(*map(numbered, range(count)))
        self.wait(self.opened().fetch(uids, Item.ENVELOPE))
        return uids

    def mended(self: Any, kind: Kind, **arguments: bool) -> None:
        """This is wrong, is left alone by a look, and is put right."""
        found = self.checked(**arguments)
        self.assertEqual(set(found.wrong), {kind}, found)
        self.assertGreater(found.left, 0)
        mending = self.checked(mend=True, **arguments)
        self.assertEqual((set(mending.wrong), mending.left), ({kind}, 0), mending)
        self.assertFalse(self.checked(octets=True).wrong)

    def test_sound(self: Any) -> None:
        """Nothing is wrong with an account at work."""
        uids = self.fill()
        mailbox = self.opened()
        self.wait(mailbox.copy(uids[:2], "Sent"))
        self.wait(mailbox.store(uids[:3], FlagChange.ADD, frozenset({SEEN, DELETED, "word"})))
        self.wait(mailbox.expunge(uids[:1]))
        self.deliver(numbered(9))
        for octets in (False, True):
            found = self.checked(octets=octets)
            self.assertEqual((dict(found.wrong), found.messages, found.mailboxes), ({}, 7, 2))
        self.assertGreater(found.octets, 0)

    def test_figures(self: Any) -> None:
        """Counts of a mailbox are counted again."""
        self.fill()
        self.execute(
            "UPDATE mailboxes SET messages = 7, octets = 1, unseen = 9, deleted = 3 WHERE name = 'INBOX'"
        )
        self.mended(Kind.FIGURES)
        status = self.wait(self.account().status(INBOX))
        self.assertEqual((status.messages, status.unseen, status.deleted), (5, 5, 0))

    def test_numbers(self: Any) -> None:
        """UIDNEXT is above all UIDs, and HIGHESTMODSEQ not below any."""
        uids = self.fill()
        self.execute("UPDATE mailboxes SET uidnext = 2, modseq = 1 WHERE name = 'INBOX'")
        self.mended(Kind.NUMBERS)
        self.assertGreater(self.append(numbered(8))[0], uids[-1])

    def test_uids(self: Any) -> None:
        """The list of UIDs is made again."""
        uids = self.fill()
        self.execute("UPDATE uid_runs SET last = last - 2")
        self.mended(Kind.UIDS)
        self.assertEqual(list(self.messages()), uids)

    def test_leftovers(self: Any) -> None:
        """What is kept about nothing goes."""
        self.fill()
        self.execute("INSERT INTO uidls VALUES (77, 'x')")
        self.execute(
            "INSERT INTO descriptions SELECT 77, envelope, bodystructure, body, parts, NULL FROM descriptions LIMIT 1"
        )
        self.mended(Kind.LEFTOVERS)

    def test_keywords(self: Any) -> None:
        """A keyword without a name goes; others stay."""
        uids = self.fill()
        self.wait(self.opened().store(uids[:2], FlagChange.ADD, frozenset({"word"})))
        self.execute("UPDATE messages SET keywords = x'81' WHERE keywords IS NOT NULL")
        self.mended(Kind.KEYWORDS)
        self.assertEqual(sum("word" in flags for flags in self.flags().values()), 2)

    def test_size(self: Any) -> None:
        """A wrong size is found by reading, and told as it is."""
        uids = self.fill()
        self.execute(f"UPDATE messages SET size = size + 5 WHERE id & 0xFFFFFFFF = {uids[1]}")
        self.assertFalse(self.checked().wrong)
        self.mended(Kind.SIZE, octets=True)

    def test_description(self: Any) -> None:
        """What is kept about a content is what the content has."""
        self.fill()
        self.execute("UPDATE descriptions SET envelope = x'00'")
        self.assertFalse(self.checked().wrong)
        self.mended(Kind.DESCRIPTION, octets=True)
        (message, *_) = self.wait(self.opened().fetch([1], Item.ENVELOPE))
        self.assertEqual(message.description.envelope, b"(%d)" % len(numbered(0)))

    def test_damaged_file(self: Any) -> None:
        """A damaged file is made anew: what can be read keeps its UIDs, UIDVALIDITY and flags, and all mail is there."""
        uids = self.fill(300)
        self.wait(self.opened().store(uids, FlagChange.ADD, frozenset({SEEN})))
        before = self.wait(self.account().status(INBOX))
        octets = self.messages()
        self.wait(self.store.stop())
        path = self.store.file(ALICE).path
        break_pages(path, *self.damage)
        file = self.store.file(ALICE)
        self.assertTrue(file.is_damaged())
        salvaged = file.rebuild()
        self.assertTrue(salvaged.lost)
        self.assertFalse(file.is_damaged())
        self.assertTrue(os.path.exists(salvaged.aside))
        self.store = self.started()
        found = self.checked(mend=True, octets=True, expunge_missing=True)
        self.assertEqual(found.left, 0, found)
        self.assertFalse(self.checked(octets=True).wrong)
        after = self.wait(self.account().status(INBOX))
        self.assertEqual(
            (after.uidvalidity, after.mailbox_id), (before.uidvalidity, before.mailbox_id), salvaged
        )
        self.assertGreater(after.uidnext, before.uidnext)
        self.assertGreater(after.highestmodseq, before.highestmodseq)
        self.compare(octets)

    def test_any_damage(self: Any) -> None:
        """Whatever part of a file is damaged or cut off, the account works again afterwards, and is sound."""
        for seed in range(4):
            chance = random.Random(seed)
            self.wait(self.store.remove_account(ALICE))
            uids = self.fill(60)
            self.wait(self.opened().copy(uids[:20], "Sent"))
            before = self.messages()
            self.wait(self.store.stop())
            path = self.store.file(ALICE).path
            break_pages(path, *(chance.random() for _ in range(chance.choice([1, 3, 20]))))
            if seed % 3 == 0:
                os.truncate(path, int(os.path.getsize(path) * chance.uniform(0.4, 0.9)))
            self.store.file(ALICE).rebuild()
            self.store = self.started()
            found = self.checked(mend=True, octets=True, expunge_missing=True)
            self.assertEqual(found.left, 0, (seed, found))
            self.assertFalse(self.checked(octets=True).wrong, seed)
            self.assertLessEqual(set(self.contents()), set(before.values()), seed)
            self.deliver(numbered(77))
            self.assertEqual(self.contents()[-1], numbered(77))

    def test_not_a_database(self: Any) -> None:
        """Of a file that is none nothing is left, and an account begins anew."""
        self.fill()
        self.wait(self.store.stop())
        Path(self.store.file(ALICE).path).write_bytes(b"nonsense" * 10_000)
        file = self.store.file(ALICE)
        self.assertTrue(file.is_damaged())
        file.rebuild()
        self.store = self.started()
        self.assertEqual(self.checked(mend=True, octets=True).left, 0)

    def test_rebuilt_while_in_use(self: Any) -> None:
        """A store that has the account open goes on with the new file, and no UID is given twice."""
        before = self.messages() if self.fill() else {}
        mailbox = self.opened()
        self.store.file(ALICE).rebuild()
        self.deliver(numbered(7))
        after = self.messages()
        self.assertEqual({uid: after[uid] for uid in before}, before)
        self.assertEqual(len(after), 6)
        self.assertGreater(max(after), max(before) + 1000)
        self.assertEqual(list(self.wait(mailbox.snapshot()).uids), list(after))
        self.assertFalse(self.checked(octets=True).wrong)


class MaildirCheckingTests(CheckingTests, MaildirCase):
    """Maildir."""

    damage = (0.3, 0.5, 0.7)

    def compare(self, before: dict[int, bytes]) -> None:
        """All is there, since files are; what has its row has its UID."""
        after = self.messages()
        self.assertEqual(sorted(after.values()), sorted(before.values()))
        kept = [uid for uid in after if uid in before]
        self.assertGreater(len(kept), 0)
        for uid in kept:
            self.assertEqual(after[uid], before[uid])
        self.assertEqual(set(self.flags().values()), {frozenset({SEEN})})

    def test_missing(self) -> None:
        """A file that is gone without a sign is told, and expunged when it is put right."""
        self.fill()
        self.deliver(numbered(6))
        (name,) = self.names("new")[:1]
        os.unlink(self.path("new", name))
        self._hide()
        found = self.checked()
        self.assertEqual(dict(found.wrong), {Kind.MISSING: 1})
        self.assertEqual(self.checked(mend=True, expunge_missing=True).left, 0)
        self.assertEqual(len(self.messages()), 5)

    def test_extra(self) -> None:
        """A file that came without a sign is taken in."""
        self.fill()
        self.put("new", "1700000000.X.other")
        self._hide()
        self.mended(Kind.EXTRA)
        self.assertEqual(len(self.messages()), 6)

    def test_unreadable(self) -> None:
        """A file that cannot be read is told of; it is not taken for gone, and does not hide what else is wrong."""
        self.fill()
        path = self.path("new", self.names("new")[0])
        octets = Path(path).read_bytes()
        os.unlink(path)
        os.mkdir(path)
        self.execute("UPDATE messages SET size = size + 1 WHERE id & 3 = 3")
        found = self.checked(octets=True, mend=True, expunge_missing=True)
        self.assertEqual((found.wrong[Kind.UNREADABLE], found.mended[Kind.UNREADABLE]), (1, 0))
        self.assertEqual(found.mended[Kind.SIZE], 1)
        os.rmdir(path)
        Path(path).write_bytes(octets)
        self.assertEqual(self.contents(), [numbered(number) for number in range(5)])

    def test_unreadable_mailbox(self) -> None:
        """A mailbox whose directories cannot be listed is told of, and the others are checked."""
        self.fill()
        self.wait(self.account().create("Broken"))
        os.rmdir(self.path(".Broken", "cur"))
        Path(self.path(".Broken", "cur")).write_bytes(b"")
        self.execute("UPDATE messages SET size = size + 1 WHERE id & 3 = 3")
        found = self.checked(octets=True, mend=True)
        self.assertEqual((found.wrong[Kind.UNREADABLE], found.mended[Kind.SIZE], found.mailboxes), (1, 1, 3))

    def _hide(self) -> None:
        """The directories look as they did at the last look."""
        new, cur = (os.stat(self.path(name)).st_mtime_ns for name in ("new", "cur"))
        self.execute(
            f"UPDATE mailboxes SET settled = 3, new_time = {new}, cur_time = {cur} WHERE name = 'INBOX'"
        )


class MboxCheckingTests(CheckingTests, MboxCase):
    """mbox files."""

    damage = (0.3, 0.5, 0.7)

    def compare(self, before: dict[int, bytes]) -> None:
        """All is there, since files are."""
        self.assertEqual(sorted(self.messages().values()), sorted(before.values()))


class SQLiteCheckingTests(CheckingTests, SQLiteCase):
    """SQLite: contents are in the same file."""

    damage = (0.5,)

    def setUp(self) -> None:
        super().setUp()
        self.patch(backend, "SETTLE_SECONDS", 0.0)

    def test_nobody_writes_into_the_old_file(self) -> None:
        """Whoever waits while a file is made anew does not write into the old one: that would be lost."""
        self.patch(backend, "SETTLE_SECONDS", 0.4)
        self.fill()
        old = AccountFile(self.path(FILE), self.files)
        old.connection.set_busy_timeout(100)
        waited: list[type[BaseException]] = []

        def write() -> None:
            until = time.monotonic() + 8
            while not waited and time.monotonic() < until:
                try:
                    with old.writing():
                        pass
                except apsw.BusyError as fault:
                    waited.append(type(fault))

        writer = Thread(target=write)
        writer.start()
        self.store.file(ALICE).rebuild()
        writer.join(10)
        old.close()
        self.assertEqual(waited, [apsw.BusyError])
        self.assertFalse(self.checked(octets=True).wrong)

    def compare(self, before: dict[int, bytes]) -> None:
        """Only what was on the damaged page is lost."""
        after = self.messages()
        for uid in after.keys() & before.keys():
            self.assertEqual(after[uid], before[uid])
        boxes = [entry.name for entry in self.wait(self.account().mailboxes())]
        there = list(after.values()) + (self.contents("Recovered") if "Recovered" in boxes else [])
        self.assertGreater(len(set(there)), len(before) * 3 // 4)
        self.assertLessEqual(set(there), set(before.values()))

    def test_missing(self) -> None:
        """A message without octets is told; it stays for a backup, or is expunged when that is wanted."""
        uids = self.fill()
        self.execute("DELETE FROM pieces WHERE id >> 16 = 2")
        self.assertEqual(self.checked().listed, [Difference(Kind.MISSING, INBOX, uids[1])])
        self.assertEqual(self.checked(mend=True).left, 1)
        self.mended_missing()
        self.assertEqual(list(self.messages()), [uid for uid in uids if uid != uids[1]])

    def mended_missing(self) -> None:
        """It is expunged, and a session is told."""
        mailbox = self.opened()
        since = self.wait(mailbox.snapshot()).modseq
        self.assertEqual(self.checked(mend=True, expunge_missing=True).left, 0)
        self.assertEqual(list(self.wait(mailbox.changes(since)).vanished), [2])

    def test_extra(self) -> None:
        """Octets without a message come back as one, elsewhere."""
        self.fill()
        self.execute("INSERT INTO pieces VALUES (9 << 16, x'0d0a')")
        self.mended(Kind.EXTRA)
        self.assertEqual(self.contents("Recovered"), [b"\r\n"])

    def test_references(self) -> None:
        """Octets that several messages share are counted again."""
        uids = self.fill()
        self.wait(self.opened().copy(uids, "Sent"))
        self.execute("UPDATE shared_contents SET others = 5 WHERE id = 2")
        self.mended(Kind.REFERENCES)
        self.sound()


class FindingsTests(MaildirCase):
    """What was found."""

    def test_bounded(self) -> None:
        """Very many differences are counted, and the first of them listed."""
        found = Findings()
        found.add(Difference(Kind.MISSING, INBOX, uid, mended=uid % 2 == 0) for uid in range(1, 3001))
        self.assertEqual((found.wrong.total(), len(found.listed), found.left), (3000, LISTED_LIMIT, 1500))
