"""The delivery journal: what a lost power supply takes is put back, and what was removed is not."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from unittest import mock

import attrs

from mailframe.config.types import Size
from mailframe.message.content import Content
from mailframe.store.journal.journalling import CHECKPOINT_SECONDS
from mailframe.store.journal.slots import DIRECTORY
from mailframe.store.values import DELETED, INBOX, SEEN, Delivery, FlagChange, NewMessage
from mailframe.testing.store.fixture import in_file

from .fixture import ALICE, BOB, numbered
from .forgetful import ForgetfulCase


class JournalCase(ForgetfulCase):
    """Mail that is in the journal and nowhere else on the disk."""

    def setUp(self) -> None:
        super().setUp()
        # Accounts, their directories and catalogues are there, with a message each that is flushed.
        self.deliver(numbered(0))
        self.deliver(numbered(0), account=BOB)
        self.clock.advance(CHECKPOINT_SECONDS)
        self.clock.advance(1.0)

    def journals(self) -> list[str]:
        path = os.path.join(self.directory, DIRECTORY)
        return sorted(name for name in os.listdir(path) if name.endswith(".journal"))


class ReplayTests(JournalCase):
    """After a lost power supply everything that was answered is there."""

    def test_files_are_lost(self) -> None:
        """The disk really has lost the files of what was delivered last; they are put back."""
        self.deliver(numbered(1), numbered(2))
        with mock.patch("mailframe.store.maildir.store.MaildirStore._finish_journals", self.nothing):
            self.files.cut_power(self.directory)
            self.assertEqual(len(self.names("new")), 1)
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1), numbered(2)])

    def nothing(self, store: object) -> None:
        """No replay."""

    def test_rows_are_there(self) -> None:
        """Where the catalogue has not forgotten them, messages keep their UIDs and flags."""
        self.deliver(numbered(1), numbered(2))
        self.wait(self.opened().store([2], FlagChange.ADD, frozenset({SEEN})))
        before, flags = self.messages(), self.flags()
        self.cut_power(catalogues_too=False)
        self.assertEqual(self.messages(), before)
        self.assertEqual(self.flags(), flags)

    def test_names_without_octets(self) -> None:
        """Files whose names are on the disk and whose octets are not are filled."""
        self.deliver(numbered(1))
        self.files.flush_directory(self.path("new"))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])

    def test_again_and_again(self) -> None:
        """A machine that loses its power once more, at once, loses nothing and doubles nothing."""
        self.deliver(numbered(1))
        for _ in range(3):
            self.cut_power()
            self.assertEqual(self.contents(), [numbered(0), numbered(1)])

    def test_interrupted(self) -> None:
        """A replay that fails at any operation is done again, until it is done."""
        self.deliver(numbered(1), numbered(2))
        self.deliver(numbered(1), account=BOB)
        self.files.cut_power(self.directory)
        failed = number = 0
        while True:
            number += 1
            self.files.break_at(number)
            try:
                store = self.fails_to_start()
            finally:
                broken = self.files.count >= number
                self.files.mend()
            failed += store is None
            if store is not None:
                self.addCleanup(lambda store=store: self.wait(store.stop()))
            if not broken or store is not None:
                break
        self.assertGreater(failed, 10)
        self.store, old = self.started("boot-2"), self.store
        self.addCleanup(lambda: self.wait(old.stop()))
        self.assertEqual(sorted(self.contents()), [numbered(0), numbered(1), numbered(2)])
        self.assertEqual(self.contents(account=BOB), [numbered(0), numbered(1)])

    def fails_to_start(self) -> object:
        try:
            return self.started("boot-2")
        except self.failureException:
            return None

    def test_date(self) -> None:
        """A message that is put back without its row has the internal date it had."""
        message = NewMessage(Content.of(numbered(1)), internal_date=1_500_000_000)
        self.wait(self.store.deliver([Delivery(ALICE, message)]))
        self.cut_power()
        name = self.names("new")[-1]
        self.assertEqual(os.stat(self.path("new", name)).st_mtime, 1_500_000_000)

    def test_several_recipients(self) -> None:
        """A message for several is put back for each."""
        message = NewMessage(Content.of(numbered(5)))
        self.wait(self.store.deliver([Delivery(ALICE, message), Delivery(BOB, message)], atomic=True))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(5)])
        self.assertEqual(self.contents(account=BOB), [numbered(0), numbered(5)])

    def test_other_mailbox(self) -> None:
        """A message that came into a mailbox made a moment ago is put back into it, renamed or not."""
        self.wait(self.account().create("Lists"))
        self.deliver(numbered(1), mailbox="Lists")
        self.wait(self.account().rename("Lists", "Old"))
        self.cut_power(catalogues_too=False)
        self.assertEqual(self.contents("Old"), [numbered(1)])

    def test_new_mailbox(self) -> None:
        """A mailbox that was made a moment ago is there, with what came into it."""
        self.wait(self.account().create("Lists"))
        self.deliver(numbered(1), mailbox="Lists")
        self.cut_power()
        self.assertEqual(self.contents("Lists"), [numbered(1)])

    def test_large(self) -> None:
        """What is too large for the journal is flushed where it is."""
        octets = numbered(1) + b"x" * 60 + b"\r\n" * 200_000
        content = in_file(octets)
        self.addCleanup(content.body.discard)
        self.wait(self.store.deliver([Delivery(ALICE, NewMessage(content))]))
        self.deliver(octets, numbered(2))
        self.cut_power()
        self.assertEqual(
            sorted(map(len, self.contents())), [len(numbered(0)), len(numbered(2)), *[len(octets)] * 2]
        )


class RemovedTests(JournalCase):
    """What was removed, and answered for, does not come back."""

    def setUp(self) -> None:
        super().setUp()
        self.deliver(numbered(1), numbered(2))

    def test_expunged(self) -> None:
        """An expunged message stays expunged, whether the disk has lost its file or not."""
        for lost in (True, False):
            with self.subTest(lost=lost):
                self.deliver(numbered(3))
                if not lost:
                    self.files.flush_all(self.directory)
                mailbox = self.opened()
                uid = list(self.messages())[-1]
                self.wait(mailbox.store([uid], FlagChange.ADD, frozenset({DELETED})))
                self.wait(mailbox.expunge())
                self.cut_power()
                self.assertNotIn(numbered(3), self.contents())
                self.assertIn(numbered(2), self.contents())

    def test_removed(self) -> None:
        """What a POP3 client has deleted stays deleted."""
        uids = list(self.messages())
        self.wait(self.opened().remove(uids[1:]))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0)])

    def test_expunged_long_ago(self) -> None:
        """Nor where the catalogue's list of expunged messages does not reach back so far."""
        with mock.patch("mailframe.store.catalogue.sqlite.messages.VANISHED_LIMIT", 0):
            self.wait(self.opened().remove(list(self.messages())[1:]))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0)])

    def test_moved(self) -> None:
        """A moved message is where it was moved to, whole, and not where it was."""
        uids = list(self.messages())
        self.wait(self.opened().move(uids[1:], "Sent"))
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0)])
        self.assertEqual(self.contents("Sent"), [numbered(1), numbered(2)])

    def test_many_moved(self) -> None:
        """The same for more than are flushed one by one."""
        self.deliver(*map(numbered, range(3, 30)))
        self.wait(self.opened().move(list(self.messages()), "Sent"))
        self.cut_power()
        self.assertEqual(self.contents(), [])
        self.assertEqual(self.contents("Sent"), [numbered(number) for number in range(30)])

    def test_copied(self) -> None:
        """Copies are whole."""
        self.wait(self.opened().copy(list(self.messages()), "Sent"))
        self.cut_power()
        self.assertEqual(self.contents("Sent"), [numbered(0), numbered(1), numbered(2)])

    def test_deleted(self) -> None:
        """A deleted mailbox is gone with its mail."""
        self.wait(self.account().create("Lists"))
        self.deliver(numbered(5), mailbox="Lists")
        self.wait(self.account().delete("Lists"))
        self.cut_power()
        names = [entry.name for entry in self.wait(self.account().mailboxes())]
        self.assertEqual(sorted(names), [INBOX, "Sent"])
        self.assertEqual(self.contents(), [numbered(0), numbered(1), numbered(2)])

    def test_made_again(self) -> None:
        """Mail of a deleted mailbox does not come back with a new one of that name."""
        self.wait(self.account().create("Lists"))
        self.deliver(numbered(5), mailbox="Lists")
        self.wait(self.account().delete("Lists"))
        self.wait(self.account().create("Lists"))
        self.cut_power()
        self.assertEqual(self.contents("Lists"), [])

    def test_account_removed(self) -> None:
        """Mail of a removed account does not come back, nor does the account."""
        self.wait(self.store.remove_account(ALICE))
        self.cut_power(catalogues_too=False)
        self.assertFalse(os.path.exists(self.path()))
        self.assertEqual(self.contents(account=BOB), [numbered(0)])


class CheckpointTests(JournalCase):
    """The journal is emptied in time, and when it is full."""

    def test_in_time(self) -> None:
        """Some seconds after a delivery its file is flushed, and nothing is replayed."""
        self.deliver(numbered(1))
        self.clock.advance(CHECKPOINT_SECONDS)
        with mock.patch("mailframe.store.maildir.replay._Replay._write") as write:
            self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])
        self.assertEqual(write.call_count, 0)

    def test_full(self) -> None:
        """More than the journal holds goes through it; what does not fit is flushed at once."""
        size = 3000
        wanted = [numbered(number) + b"x" * size + b"\r\n" for number in range(200)]
        for octets in wanted:
            self.assertTrue(self.deliver(octets)[0].success)
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), *wanted])

    def test_clean_stop(self) -> None:
        """After a clean stop there is no journal, and all mail is on the disk."""
        self.deliver(numbered(1))
        self.assertEqual(len(self.journals()), 1)
        self.wait(self.store.stop())
        self.assertEqual(self.journals(), [])
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])

    def test_killed_process(self) -> None:
        """What a killed process has left is flushed by the next, and its journal removed."""
        self.deliver(numbered(1))
        self.files.held.clear()
        self.addCleanup(lambda store=self.store: self.wait(store.stop()))
        self.store = self.started("boot-1")
        self.assertEqual(self.journals(), [])
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])

    def test_living_process(self) -> None:
        """A journal that another process writes is left alone."""
        self.deliver(numbered(1))
        other = self.started("boot-1")
        self.addCleanup(lambda: self.wait(other.stop()))
        self.assertEqual(len(self.journals()), 1)
        self.wait(other.deliver([Delivery(ALICE, NewMessage(Content.of(numbered(2))))]))
        self.assertEqual(len(self.journals()), 2)
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1), numbered(2)])


class FaultTests(JournalCase):
    """A disk that fails under the journal."""

    def test_no_journal(self) -> None:
        """Where the journal cannot be made or written, the mail is flushed all the same."""
        for names in (["open_journal"], ["allocate"], ["write_at"], ["flush"], ["lock"]):
            with self.subTest(names=names):
                self.wait(self.store.stop())
                self.store = self.started(f"boot-{self.boots}")
                before = self.contents()
                self.files.break_on(*names, code=errno.ENOSPC)
                self.assertTrue(self.deliver(numbered(1))[0].success)
                self.files.mend()
                self.cut_power()
                self.assertEqual(self.contents(), [*before, numbered(1)])

    def test_checkpoint_fails(self) -> None:
        """Files that could not be flushed are written again at the next start, though they seem to be there."""
        self.deliver(numbered(1))
        self.files.break_on("flush_all")
        self.clock.advance(CHECKPOINT_SECONDS)
        self.wait(self.store.stop())
        self.files.mend()
        self.store = self.started("boot-1")
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])

    def test_after_a_fault(self) -> None:
        """A journal whose disk has failed is not used any more."""
        self.deliver(numbered(1))
        self.files.break_on("flush")
        self.assertTrue(self.deliver(numbered(2))[0].success)
        self.files.mend()
        with mock.patch.object(self.files.__class__, "write_at") as written:
            self.assertTrue(self.deliver(numbered(3))[0].success)
        self.assertEqual(written.call_count, 0)
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1), numbered(2), numbered(3)])

    def test_other_device(self) -> None:
        """A mailbox that lies on another file system is flushed there."""
        with mock.patch.object(
            self.files.__class__, "device", lambda files, path: int(path.endswith("/new"))
        ):
            self.restarted()
            self.deliver(numbered(1))
        self.assertEqual(self.journals(), [])
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])

    def test_torn(self) -> None:
        """A journal with a torn end puts back what is whole; the rest was never answered."""
        self.deliver(numbered(1))
        self.deliver(numbered(2))
        path = Path(self.directory, DIRECTORY, "0.journal")
        octets = bytearray(path.read_bytes())
        place = octets.rindex(b"This is message 2")
        octets[place : place + 4] = bytes(4)
        path.write_bytes(octets)
        self.files.octets_on_disk[path.stat().st_ino] = bytes(octets)
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])


class SwitchedOffTests(JournalCase):
    """A store without a journal."""

    def test_left_by_another(self) -> None:
        """What was journalled before the option was switched off is put back."""
        self.deliver(numbered(1))
        self.files.cut_power(self.directory)
        self.addCleanup(lambda store=self.store: self.wait(store.stop()))
        self.store = self.started("boot-2", attrs.evolve(self.options, journal=False))
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])
        self.deliver(numbered(2))
        self.assertEqual(self.journals(), [])

    def test_no_such_call(self) -> None:
        """Where a file system cannot be flushed as a whole there is no journal."""
        with mock.patch("mailframe.store.maildir.store.can_flush_file_systems", return_value=False):
            self.restarted()
        self.deliver(numbered(1))
        self.assertEqual(self.journals(), [])
        self.assertEqual(self.wait(self.account().status(INBOX)).messages, 2)

    def test_size(self) -> None:
        """A journal that another size was configured for is read all the same."""
        self.deliver(numbered(1))
        self.files.cut_power(self.directory)
        self.addCleanup(lambda store=self.store: self.wait(store.stop()))
        self.store = self.started("boot-2", attrs.evolve(self.options, journal_size=Size(512 * 1024)))
        self.assertEqual(self.contents(), [numbered(0), numbered(1)])
