"""Whatever operation fails, and wherever a crash comes: mail is there, once, whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import attrs
from twisted.internet.defer import Deferred

from mailframe.message.content import Content
from mailframe.message.status import MailframeError
from mailframe.store.mbox import reading, writing
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.values import FLAGGED, SEEN, Delivery, FlagChange, NewMessage

from .fixture import ALICE, FROM, MboxCase, numbered

MOST = 400


IN_PLACE = MboxOptions(threads=0, rewriting="in_place")


class FaultsCase(MboxCase):
    """Each operation on files fails once, or is the last."""

    def every(self, work: Callable[[], object], check: Callable[[bool], None], dead: bool) -> None:
        """Do the work with the first operation failing, with the second, and so on until none does."""
        for number in range(1, MOST):
            self.prepare()
            self.files.break_at(number, errno.EIO, dead)
            answered = bool(self.attempt(work))
            done = self.files.count < number
            if dead and not done:
                self.crashed()
            else:
                self.files.mend()
            check(answered)
            self.rest()
            check(answered)
            if done:
                self.assertTrue(answered)
                return
        self.fail("there is no end")

    def attempt(self, work: Callable[[], object]) -> object:
        try:
            return work()
        except (MailframeError, OSError):
            return False
        except self.failureException as failure:
            if "MailframeError" in str(failure) or "OSError" in str(failure):
                return False
            raise

    def prepare(self) -> None:
        """Three messages in INBOX, none in Sent."""
        self.wait(self.store.remove_account("alice@example.test"))
        self.uids = self.append(*map(numbered, range(3)))
        self.opened()
        self.rest()


class FaultsTests(FaultsCase):
    """Messages that come, change, and go from one mailbox to another."""

    def deliveries(self, dead: bool) -> None:
        def check(answered: bool) -> None:
            expected = [numbered(number) for number in range(5)]
            found = self.contents()
            self.assertEqual(found[:3], expected[:3])
            if answered or not dead:
                self.assertEqual(found, expected if answered else expected[:3])
            else:
                self.assertIn(found, (expected[:3], expected[:4], expected))

        def work() -> bool:
            deliveries = [Delivery(ALICE, NewMessage(Content.of(numbered(number)))) for number in (3, 4)]
            statuses = self.wait(self.store.deliver(deliveries, atomic=True))
            self.assertTrue(all(status.success or status.temporary for status in statuses))
            return all(status.success for status in statuses)

        self.every(work, check, dead)

    def test_deliveries(self) -> None:
        """A delivery whose fault is told is not there; one that was answered is."""
        self.deliveries(False)

    def test_crashed_deliveries(self) -> None:
        """After a crash a delivery is there, or not, never a part of it, and always when it was answered."""
        self.deliveries(True)

    def changes(self, dead: bool) -> None:
        def work() -> bool:
            self.wait(self.opened().store(self.uids[2:], FlagChange.ADD, frozenset({FLAGGED, SEEN, "$Work"})))
            self.wait(self.opened().remove(self.uids[:1]))
            self.rest()
            return True

        def check(answered: bool) -> None:
            found = self.contents()
            expected = [numbered(number) for number in range(3)]
            self.assertIn(found, (expected, expected[1:]))
            self.assertIn(self.flags()[self.uids[2]], (frozenset(), {FLAGGED, SEEN, "$Work"}))

        self.every(work, check, dead)

    def test_changes(self) -> None:
        """Flags and removals that fail on the way leave all other messages as they are."""
        self.changes(False)

    def test_crashed_changes(self) -> None:
        """A crash while a file is written leaves the old or the new one."""
        self.changes(True)

    def moves(self, dead: bool) -> None:
        def work() -> bool:
            return bool(self.wait(self.opened().move(self.uids[:2], "Sent")).target)

        def check(answered: bool) -> None:
            here, there = self.contents(), self.contents("Sent")
            expected = [numbered(number) for number in range(3)]
            if answered:
                self.assertEqual((here, there), (expected[2:], expected[:2]))
            else:
                self.assertEqual(here, expected)
                self.assertTrue(there in ([], expected[:1], expected[:2]) if dead else there == [], there)

        self.every(work, check, dead)

    def test_moves(self) -> None:
        """A move that fails moved nothing."""
        self.moves(False)

    def test_crashed_moves(self) -> None:
        """A message that is being moved in a crash is in one of the mailboxes at least."""
        self.moves(True)


class DeletionsTests(FaultsCase):
    """Mailboxes that go."""

    def deletions(self, dead: bool) -> None:
        expected = [numbered(number) for number in range(3)]

        def work() -> bool:
            if not any(entry.name == "Old" for entry in self.wait(self.account().mailboxes())):
                self.wait(self.account().create("Old"))
            self.append(*expected, mailbox="Old")
            self.begun = True
            self.wait(self.account().delete("Old"))
            return True

        def check(answered: bool) -> None:
            names = [entry.name for entry in self.wait(self.account().mailboxes())]
            self.assertFalse(answered and "Old" in names)
            if self.begun and "Old" in names:
                self.assertEqual(self.contents("Old"), expected)
            self.begun = False
            left = [
                name
                for name in os.listdir(os.path.dirname(os.path.dirname(self.path())))
                if "deleted" in name
            ]
            self.assertEqual(left if dead else [], [])

        self.begun = False
        self.every(work, check, dead)

    def test_deletions(self) -> None:
        """A mailbox whose deletion fails is there, with its messages."""
        self.deletions(False)

    def test_crashed_deletions(self) -> None:
        """After a crash a mailbox is there with its messages, or it is deleted, and nothing is left of it."""
        self.deletions(True)


class InPlaceFaultsTests(FaultsTests):
    """The same where files are written in their place."""

    options = attrs.evolve(FaultsTests.options, rewriting="in_place")


class LargeFaultsTests(FaultsTests):
    """The same with messages that are kept in files on their way."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(reading, "LARGE", 10)
        self.patch(writing, "LARGE", 10)


class LeftoversTests(MboxCase):
    """What a crash has left in a file."""

    def test_unfinished_message(self) -> None:
        """What was cut off while we wrote it goes; what is whole, but for its first octet, is mail."""
        self.append(numbered(1))
        self.contents()
        known = self.file()
        whole = b"\0" + FROM[1:] + b"X-UID: 2\nContent-Length: 4\n\ntwo\n\n"
        self.put(known + whole)
        self.assertEqual(self.contents(), [numbered(1), b"\r\ntwo\r\n"])
        known = self.file()
        self.put(known + whole[:-6])
        self.assertEqual(len(self.contents()), 2)
        self.assertEqual(self.file().rstrip(b"\n"), known.rstrip(b"\n"))

    def test_zeros(self) -> None:
        """Octets of zero at the end, where a file was made longer, go."""
        self.append(numbered(1))
        known = self.file()
        self.put(known + bytes(5000))
        self.assertEqual(self.contents(), [numbered(1)])
        self.assertEqual(self.file(), known)

    def test_appended_during_a_crash(self) -> None:
        """What another program appended between a crash and its repair is kept."""
        self.restarted(options=MboxOptions(threads=0, rewriting="in_place"))
        uids, crashes = self.append(*map(numbered, range(8))), 0
        for number in range(1, 40):
            words = frozenset({f"word{number % 7}"})
            self.wait(self.opened().store(uids, FlagChange.REPLACE, words))
            self.files.break_at(number, dead=True)
            self.rest()
            self.crashed()
            self.add(FROM + b"Subject: between\n\n%d\n\n" % number)
            crashes += 1
            self.restarted(options=MboxOptions(threads=0, rewriting="in_place"))
            found = self.contents()
            self.assertEqual(found[:8], [numbered(number) for number in range(8)])
            self.assertEqual(found[-1], b"Subject: between\r\n\r\n%d\r\n" % number)
        self.assertEqual(len(found), 8 + crashes)

    def test_changed_meanwhile(self) -> None:
        """A message that another program edits, while one that we removed cannot go out of the file, is kept."""
        uids = self.append(*map(numbered, range(3)))
        self.patch(type(self.files), "make", _full)
        self.wait(self.opened().remove(uids[:1]))
        self.assertIn(b"message 0", self.file())
        self.put(self.file().replace(b"message 2", b"a longer message 2"))
        self.assertEqual(
            self.contents(), [numbered(1), numbered(2).replace(b"message 2", b"a longer message 2")]
        )

    def test_blank_lines(self) -> None:
        """Blank lines at the end, however many, belong to no message and change none."""
        messages = self.append(numbered(1), b"Subject: x\r\n\r\nblank\r\n\r\n\r\n\r\n\r\n\r\n")
        before = self.messages()
        self.add(b"\n" * 300_000)
        self.assertEqual(self.messages(), before)
        self.add(FROM + b"Subject: y\n\nother\n\n")
        self.assertEqual(self.contents(), [*before.values(), b"Subject: y\r\n\r\nother\r\n"])
        self.assertEqual(list(self.messages())[:2], messages)

    def test_work_after_a_crash(self) -> None:
        """What is done after a crash in the middle of writing is not undone when that is finished."""
        self.restarted(options=IN_PLACE)
        number, broken = 0, True
        while broken or number % 2:
            number += 1
            uids = self.box(f"Box{number}")
            opened, operation = self.opened(f"Box{number}"), (number + 1) // 2
            self.files.break_at(operation, dead=True)
            Deferred.fromCoroutine(opened.remove(uids[:1])).addErrback(lambda _: None)
            broken = self.files.count >= operation
            self.after_a_crash(number, uids)
        self.assertGreater(number, 60)

    def box(self, mailbox: str) -> list[int]:
        """Four messages in a new mailbox, and nothing left to write."""
        self.wait(self.account().create(mailbox))
        uids: list[int] = self.append(*map(numbered, range(4)), mailbox=mailbox)
        self.rest()
        return uids

    def after_a_crash(self, number: int, uids: list[int]) -> None:
        """Others and we go on with the mailbox; then all is looked at anew."""
        mailbox = f"Box{number}"
        self.crashed()
        if number % 2:
            self.add(FROM + b"Subject: between\n\nbetween\n\n", mailbox=mailbox)
        self.restarted(options=IN_PLACE)
        self.append(numbered(4), mailbox=mailbox)
        self.wait(self.opened(mailbox).remove(uids[1:2]))
        # Any sign of another program makes all be looked at; the clock of file systems is a slow one.
        path = self.path(mailbox)
        changed = os.stat(path).st_ctime_ns
        while os.stat(path).st_ctime_ns == changed:
            os.utime(path)
        self.restarted(options=IN_PLACE)
        found = self.contents(mailbox)
        if number % 2:
            self.assertEqual(found.pop(-2), b"Subject: between\r\n\r\nbetween\r\n")
        wanted = [*map(numbered, (2, 3, 4))], [*map(numbered, (0, 2, 3, 4))]
        self.assertIn(found, wanted, f"operation {(number + 1) // 2}: {found}")
        # Copies without a note stay for a day, and would make operations more and more.
        for left in Path(self.directory).rglob("rewriting-*"):
            left.unlink()

    def test_full_disk(self) -> None:
        """On a full disk mail is refused for now, and a mailbox can still be emptied."""
        uids = self.append(*map(numbered, range(5)))
        self.patch(type(self.files), "make", _full)
        self.patch(type(self.files), "write_at", _full)
        self.assertTrue(self.deliver(numbered(9))[0].temporary)
        self.assertEqual(self.contents(), [numbered(number) for number in range(5)])
        self.wait(self.opened().remove(uids))
        self.assertEqual((self.contents(), self.file()), ([], b""))


def _full(*arguments: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
