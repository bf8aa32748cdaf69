"""Disks that are full or broken, at every single operation on files."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from typing import Any
from unittest import mock

import apsw
import attrs
from twisted.internet.defer import Deferred

from mailframe.message.content import Content
from mailframe.message.status import STORAGE_FULL, UNAVAILABLE, UNKNOWN_FAULT, MailframeError
from mailframe.store.catalogue.sqlite.catalogue import Catalogue
from mailframe.store.maildir import layout
from mailframe.store.maildrop import delivery
from mailframe.store.values import (
    DELETED,
    FLAGGED,
    INBOX,
    SEEN,
    Delivery,
    FlagChange,
    NewMessage,
    Span,
    TakenMailbox,
    TakenMessage,
)

from .fixture import ALICE, BOB, FaultyFiles, MaildirCase, numbered


class DeliveryFaultTests(MaildirCase):
    """A delivery that fails says so, leaves nothing behind, and the next one works."""

    flushing = ("allocate", "write_at", "flush_all")
    """What must fail so that nothing can be flushed."""

    def setUp(self) -> None:
        super().setUp()
        self.deliver(numbered(0))
        self.deliver(numbered(0), account=BOB)

    def for_both(self, number: int) -> list[Delivery]:
        content = Content.of(numbered(number))
        for_bob = content.with_prefix(b"Delivered-To: bob\r\n")
        return [Delivery(ALICE, NewMessage(content)), Delivery(BOB, NewMessage(for_bob))]

    def test_atomic_at_every_operation(self) -> None:
        """Whatever operation fails, an atomic delivery is in both mailboxes or in none."""
        number, failed, broken = 0, 0, True
        while broken:
            number += 1
            before = self.contents(), self.contents(account=BOB)
            self.files.break_at(number)
            statuses = self.wait(self.store.deliver(self.for_both(number), atomic=True))
            broken = self.files.count >= number
            self.files.mend()
            after = self.contents(), self.contents(account=BOB)
            if statuses[0].success:
                self.assertEqual([len(each) for each in after], [len(each) + 1 for each in before])
            else:
                failed += 1
                self.assertEqual(statuses, [UNAVAILABLE, UNAVAILABLE])
                self.assertEqual(after, before)
                self.assertEqual(self.names("tmp"), [])
        self.assertGreater(failed, 8)

    def test_each_on_its_own_at_every_operation(self) -> None:
        """Without «all or none» what is answered with success is there, and what is not is not."""
        for number in range(1, 40):
            before = len(self.contents()), len(self.contents(account=BOB))
            self.files.break_at(number)
            statuses = self.wait(self.store.deliver(self.for_both(number)))
            self.files.mend()
            after = len(self.contents()), len(self.contents(account=BOB))
            came = tuple(new - old for new, old in zip(after, before, strict=True))
            self.assertEqual(came, tuple(int(status.success) for status in statuses))
            self.assertTrue(all(status.success or status.temporary for status in statuses))

    def test_full_disk(self) -> None:
        """A full disk is told as such, as temporary; when there is room again it goes on."""
        for operations in (["create"], ["write"], ["rename"], self.flushing):
            for code in (errno.ENOSPC, errno.EDQUOT):
                self.files.break_on(*operations, code=code)
                self.assertEqual(self.deliver(numbered(1)), [STORAGE_FULL])
                self.files.mend()
        self.assertEqual(self.contents(), [numbered(0)])
        self.assertTrue(self.deliver(numbered(2))[0].success)

    def test_full_disk_for_a_new_account(self) -> None:
        """An account that could not be made for want of room is made when there is some."""
        for number in range(1, 30):
            self.files.break_at(number, errno.ENOSPC)
            status = self.deliver(numbered(1), account=f"new{number}@example.test")[0]
            self.files.mend()
            self.assertTrue(status.success or status is STORAGE_FULL, status)
            self.deliver(numbered(2), account=f"new{number}@example.test")
            found = self.contents(account=f"new{number}@example.test")
            self.assertEqual(found, [numbered(1), numbered(2)] if status.success else [numbered(2)])

    def test_links_that_do_not_work(self) -> None:
        """Where hard links are not possible, each recipient gets a file of its own."""
        self.files.break_on("link", code=errno.EPERM)
        message = NewMessage(Content.of(numbered(5)))
        statuses = self.wait(self.store.deliver([Delivery(ALICE, message), Delivery(BOB, message)]))
        self.assertTrue(all(status.success for status in statuses))
        self.assertEqual(self.contents()[-1], numbered(5))
        self.assertEqual(self.contents(account=BOB)[-1], numbered(5))

    def test_link_to_what_was_not_flushed(self) -> None:
        """When the one copy for many recipients cannot be flushed, it counts for none of them."""
        message = NewMessage(Content.of(numbered(5)))
        self.files.break_on(*self.flushing)
        statuses = self.wait(self.store.deliver([Delivery(ALICE, message), Delivery(BOB, message)]))
        self.assertEqual(statuses, [UNAVAILABLE, UNAVAILABLE])
        self.files.mend()
        self.assertEqual(self.contents(account=BOB), [numbered(0)])

    def test_database_faults(self) -> None:
        """A catalogue that is busy, full or broken is a temporary fault at each of its steps."""
        cases = ((apsw.FullError, STORAGE_FULL), (apsw.BusyError, UNAVAILABLE), (apsw.IOError, UNAVAILABLE))
        for fault, status in cases:
            for step in ("begin", "commit"):
                with mock.patch.object(Catalogue, step, side_effect=fault("broken")):
                    answers = self.wait(self.store.deliver(self.for_both(1), atomic=True))
                self.assertEqual(answers, [status, status])
                self.assertEqual(self.contents(), [numbered(0)])
        self.assertTrue(self.deliver(numbered(2))[0].success)

    def test_commit_of_the_second_fails(self) -> None:
        """When the first account has committed and the second cannot, both are taken back."""
        commit = Catalogue.commit

        def second_fails(catalogue: Catalogue, numbers: int = 1) -> None:
            if "/bob/" in catalogue.path:
                raise apsw.FullError("full")
            commit(catalogue, numbers)

        with mock.patch.object(Catalogue, "commit", second_fails):
            answers = self.wait(self.store.deliver(self.for_both(1), atomic=True))
        self.assertEqual(answers, [STORAGE_FULL, STORAGE_FULL])
        self.assertEqual(self.contents(), [numbered(0)])
        self.assertEqual(self.contents(account=BOB), [numbered(0)])

    def test_suspects_go_first(self) -> None:
        """An account that failed is tried before others the next time, so that nobody sees mail come and go again."""
        begin, asked, broken = Catalogue.begin, [], True

        def noted(catalogue: Catalogue) -> None:
            asked.append("bob" if "/bob/" in catalogue.path else "alice")
            if broken and asked[-1] == "bob":
                raise apsw.ReadOnlyError("read only")
            begin(catalogue)

        with mock.patch.object(Catalogue, "begin", noted):
            self.wait(self.store.deliver(self.for_both(1), atomic=True))
            self.assertEqual(asked[:2], ["alice", "bob"])
            asked.clear()
            self.wait(self.store.deliver(self.for_both(1), atomic=True))
            self.assertEqual(asked, ["bob"])
            broken = False
            for order in (["bob", "alice"], ["alice", "bob"]):
                asked.clear()
                self.wait(self.store.deliver(self.for_both(2), atomic=True))
                self.assertEqual(asked, order)

    def test_mistake_of_ours(self) -> None:
        """A bug is logged, and answered as temporary."""
        with mock.patch.object(layout, "keep", side_effect=KeyError("bug")):
            self.assertEqual(self.deliver(numbered(1)), [UNKNOWN_FAULT])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        with mock.patch.object(delivery.Group, "deliver", side_effect=KeyError("bug")):
            self.assertEqual(self.deliver(numbered(1), numbered(2)), [UNKNOWN_FAULT, UNKNOWN_FAULT])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_description_that_fails(self) -> None:
        """A message that cannot be described is delivered all the same."""
        with mock.patch.object(self, "describe", side_effect=KeyError("bug")):
            self.store = self.started()
            self.assertTrue(self.deliver(numbered(1))[0].success)
        self.flushLoggedErrors(KeyError)
        self.assertEqual(self.contents()[-1], numbered(1))


class DirectDeliveryFaultTests(DeliveryFaultTests):
    """The same without a delivery journal."""

    options = attrs.evolve(DeliveryFaultTests.options, journal=False)
    flushing = ("flush",)


class SessionFaultTests(MaildirCase):
    """What a session does is done whole or not at all, whatever operation fails."""

    def at_every_operation(self, work: Callable[[], Any], state: Callable[[], Any]) -> None:
        """Do something with each of its operations failing in turn, the state being as before each time."""
        number = 0
        while True:
            number += 1
            before = state()
            self.files.break_at(number)
            error = None
            try:
                work()
            except MailframeError as fault:
                error = fault
            broken = self.files.count >= number
            self.files.mend()
            if not broken:
                break
            if error is not None:
                self.assertTrue(error.status.temporary)
                self.assertEqual(state(), before)
            else:
                self.undo()
        self.assertGreater(number, 1)

    def undo(self) -> None:
        """Make things as they were before some work that succeeded in spite of a fault."""

    def work(self, awaitable: Any) -> Any:
        outcome: list[Any] = []
        Deferred.fromCoroutine(awaitable).addBoth(outcome.append)
        if isinstance(outcome[0], BaseException) or hasattr(outcome[0], "raiseException"):
            outcome[0].raiseException()
        return outcome[0]

    def everything(self) -> Any:
        entries = self.wait(self.account().mailboxes())
        names = [entry.name for entry in entries if entry.selectable]
        return {name: sorted(self.contents(name)) for name in names}

    def test_append(self) -> None:
        """APPEND of several messages."""
        messages = [NewMessage(Content.of(numbered(n)), frozenset({SEEN})) for n in range(3)]
        account = self.account()
        self.at_every_operation(lambda: self.work(account.append(INBOX, messages)), self.everything)

    def test_take_over(self) -> None:
        """Messages that come over from elsewhere: all of them or none; when they come again, all, under their UIDs."""
        taken = TakenMailbox(1600000000)
        wanted = {10 + number: numbered(number) for number in range(3)}
        messages = [TakenMessage(Content.of(octets), uid) for uid, octets in wanted.items()]
        account, number, broken = self.account(), 0, True
        while broken:
            number += 1
            self.wait(account.take_over(f"There/{number}", taken))
            self.files.break_at(number)
            with contextlib.suppress(MailframeError):
                self.work(account.take_over(f"There/{number}", taken, messages))
            broken = self.files.count >= number
            self.files.mend()
            self.assertIn(self.messages(f"There/{number}"), ({}, wanted))
            self.wait(account.take_over(f"There/{number}", taken, messages))
            self.assertEqual(self.messages(f"There/{number}"), wanted)
        self.assertGreater(number, 5)

    def test_copy(self) -> None:
        """COPY of several messages."""
        uids = self.append(numbered(1), numbered(2), numbered(3))
        mailbox = self.opened()
        self.at_every_operation(lambda: self.work(mailbox.copy(uids, "Sent")), self.everything)
        self.assertEqual(len(self.contents("Sent")), 3)

    def test_move(self) -> None:
        """MOVE of several messages; nothing is ever in no mailbox."""
        uids = self.append(numbered(1), numbered(2), numbered(3))
        mailbox = self.opened()
        self.at_every_operation(lambda: self.work(mailbox.move(uids, "Sent")), self.everything)
        self.assertEqual(self.contents(), [])
        self.assertEqual(len(self.contents("Sent")), 3)

    def other_file_system(self) -> None:
        """Each mailbox is a link to another file system's directory."""

        def failing(work: Any) -> Any:
            def operation(files: Any, source: str, target: str) -> None:
                if os.path.dirname(os.path.dirname(source)) != os.path.dirname(os.path.dirname(target)):
                    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), target)
                work(files, source, target)

            return operation

        for name in ("link", "rename"):
            self.patch(FaultyFiles, name, failing(getattr(FaultyFiles, name)))

    def test_copy_without_links(self) -> None:
        """COPY where hard links are not possible: messages are copied, all or none, with their dates."""
        self.patch(FaultyFiles, "link", mock.Mock(side_effect=OSError(errno.EPERM, "no links")))
        uids = self.append(numbered(1), numbered(2), numbered(3))
        for name in self.names("new"):
            os.utime(self.path("new", name), (1_500_000_000, 1_500_000_000))
        mailbox = self.opened()
        self.at_every_operation(lambda: self.work(mailbox.copy(uids, "Sent")), self.everything)
        self.assertEqual(sorted(self.contents("Sent")), [numbered(1), numbered(2), numbered(3)])
        times = {os.stat(self.path(".Sent", "new", name)).st_mtime for name in self.names(".Sent", "new")}
        self.assertEqual((times, self.names(".Sent", "tmp")), ({1_500_000_000}, []))

    def test_other_file_system(self) -> None:
        """COPY and MOVE between mailboxes on two file systems; nothing is ever in no mailbox."""
        self.other_file_system()
        uids = self.append(numbered(1), numbered(2), numbered(3))
        mailbox = self.opened()
        self.at_every_operation(lambda: self.work(mailbox.copy(uids[:1], "Sent")), self.everything)
        self.at_every_operation(lambda: self.work(mailbox.move(uids, "Sent")), self.everything)
        self.assertEqual(self.contents(), [])
        expected = [numbered(1), numbered(1), numbered(2), numbered(3)]
        self.assertEqual(sorted(self.contents("Sent")), expected)

    def test_move_elsewhere_whose_commit_fails(self) -> None:
        """The same, when the catalogue cannot be written: the files are put back."""
        self.other_file_system()
        self.test_move_whose_commit_fails()

    def test_move_whose_commit_fails(self) -> None:
        """When the catalogue cannot be written, the files are put back."""
        uids = self.append(numbered(1), numbered(2))
        mailbox, before = self.opened(), self.everything()
        with mock.patch.object(Catalogue, "commit", side_effect=apsw.FullError("full")):
            self.assertRaises(MailframeError, self.work, mailbox.move(uids, "Sent"))
        self.assertEqual(self.everything(), before)
        self.assertEqual(list(self.messages()), uids)

    def test_store(self) -> None:
        """STORE of flags that go into file names."""
        uids = self.append(numbered(1), numbered(2), numbered(3))
        mailbox = self.opened()
        self.at_every_operation(
            lambda: self.work(mailbox.store(uids, FlagChange.ADD, frozenset({FLAGGED}))), self.flags
        )
        self.assertEqual(set(self.flags().values()), {frozenset({FLAGGED})})

    def test_expunge(self) -> None:
        """EXPUNGE when a file cannot be removed: the message stays."""
        self.append(numbered(1), flags=[DELETED])
        mailbox = self.opened()
        self.files.break_on("unlink")
        self.assertRaises(MailframeError, self.work, mailbox.expunge())
        self.files.mend()
        self.assertEqual(self.contents(), [numbered(1)])
        self.wait(mailbox.expunge())
        self.assertEqual(self.contents(), [])

    def test_expunge_some(self) -> None:
        """When only some files can be removed, exactly those messages are gone."""
        uids = self.append(numbered(1), numbered(2), flags=[DELETED])
        mailbox = self.opened()
        unlink, calls = self.files.unlink, []

        def second_fails(files: Any, path: str) -> None:
            calls.append(path)
            if len(calls) == 2:
                raise OSError(errno.EIO, "broken")
            unlink(path)

        with mock.patch.object(type(self.files), "unlink", second_fails):
            self.assertEqual(self.wait(mailbox.expunge()), uids[:1])
        self.assertEqual(list(self.messages()), uids[1:])

    def test_create(self) -> None:
        """CREATE with superiors."""
        account = self.account()
        self.at_every_operation(lambda: self.work(account.create("a/b/c")), self.everything)

    def test_delete(self) -> None:
        """DELETE of a mailbox with messages."""
        account = self.account()
        self.wait(account.create("old"))
        self.append(numbered(1), mailbox="old")
        self.at_every_operation(lambda: self.work(account.delete("old")), self.everything)
        self.assertNotIn("old", self.everything())

    def test_read(self) -> None:
        """A file that cannot be read is a temporary refusal, not a message that is gone."""
        self.deliver(numbered(1))
        mailbox = self.opened()
        self.files.break_on("read")
        error = self.fails(mailbox.read([Span(1)]), MailframeError)
        self.assertIs(error.status, UNAVAILABLE)
        self.files.mend()
        self.assertEqual(self.wait(mailbox.read([Span(1)])), [numbered(1)])
