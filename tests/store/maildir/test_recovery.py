"""After crashes: of the process, of the machine, in the middle of things."""

from __future__ import annotations

import os
from unittest import mock

from mailframe.database.sqlite import open_connection
from mailframe.message.status import MailframeError
from mailframe.store.catalogue.sqlite.catalogue import JUMP, Catalogue
from mailframe.store.maildir.folders import CATALOGUE
from mailframe.store.maildir.tree import Tree
from mailframe.store.maildrop import shelf as shelf_module
from mailframe.store.values import FLAGGED, INBOX, SEEN, FlagChange, Item

from .fixture import ALICE, MaildirCase, numbered


class Crash(Exception):
    """The process ends here."""


class RecoveryTests(MaildirCase):
    """Nothing that was answered is lost, no number comes back, nobody has to repair anything."""

    def crashed(self, boot: str = "") -> None:
        """Forget the store without stopping it, as a killed process does."""
        # Its connections stay open: what they had committed is in the file, as after a kill.
        self.addCleanup(lambda store=self.store: self.wait(store.stop()))
        self.store = self.started(boot)

    def status(self):
        return self.wait(self.account().status(INBOX))

    def test_restart(self) -> None:
        """After a clean stop everything is as it was, also under another boot."""
        self.deliver(numbered(1), numbered(2))
        before = self.status(), self.messages()
        self.restarted()
        self.assertEqual((self.status(), self.messages()), before)
        self.restarted("boot-2")
        self.assertEqual((self.status(), self.messages()), before)

    def test_killed_process(self) -> None:
        """A killed process loses nothing, and numbers go on."""
        self.deliver(numbered(1))
        before = self.status()
        self.crashed()
        self.assertEqual(self.status(), before)

    def test_lost_power(self) -> None:
        """After an unclean stop of the machine numbers jump past all that may have been handed out."""
        self.deliver(numbered(1))
        before, messages = self.status(), self.messages()
        self.crashed("boot-2")
        after = self.status()
        self.assertEqual(after.uidnext, before.uidnext + JUMP)
        self.assertGreaterEqual(after.highestmodseq, before.highestmodseq + JUMP)
        self.assertEqual(after.uidvalidity, before.uidvalidity)
        self.assertEqual(self.messages(), messages)
        self.deliver(numbered(2))
        self.assertEqual(list(self.messages())[-1], before.uidnext + JUMP)
        self.crashed("boot-2")
        self.assertEqual(self.status().uidnext, before.uidnext + JUMP + 1)

    def test_rows_lost_with_the_power(self) -> None:
        """Messages whose rows were lost come back under new UIDs."""
        self.deliver(numbered(1))
        uids = list(self.messages())
        self.wait(self.store.stop())
        connection = open_connection(self.path(CATALOGUE))
        connection.execute("DELETE FROM messages; DELETE FROM uid_runs; UPDATE mailboxes SET uidnext = 1")
        connection.execute("UPDATE meta SET value = 'boot-1' WHERE key = 'boot'")
        connection.close()
        self.store = self.started("boot-2")
        self.assertEqual(self.contents(), [numbered(1)])
        self.assertNotEqual(list(self.messages()), uids)

    def test_many_numbers_are_flushed(self) -> None:
        """No more numbers are handed out between two flushes than the jump covers."""
        self.deliver(numbered(1))
        flushed = []
        flush = Catalogue.flush
        with mock.patch.object(Catalogue, "flush", lambda self: flushed.append(1) or flush(self)):
            mailbox = self.opened()
            for _ in range(3):
                with mock.patch("mailframe.store.catalogue.sqlite.catalogue.JUMP", 4):
                    self.wait(mailbox.store([1], FlagChange.ADD, frozenset({SEEN})))
                    self.wait(mailbox.store([1], FlagChange.REMOVE, frozenset({SEEN})))
        self.assertGreaterEqual(len(flushed), 1)

    def test_clean_stop_while_another_writes(self) -> None:
        """One process that stops cleanly does not make another's unflushed numbers pass for flushed ones."""
        self.deliver(numbered(1))
        other = self.started()
        self.store, kept = other, self.store
        self.addCleanup(lambda: self.wait(kept.stop()))
        self.wait(self.store.stop())
        self.store = kept
        self.deliver(numbered(2))
        before = self.status()
        self.crashed("boot-2")
        self.assertEqual(self.status().uidnext, before.uidnext + JUMP)

    def test_flushed_within_a_second(self) -> None:
        """What was committed is on stable storage a second later."""
        self.deliver(numbered(1))
        flushed = []
        with mock.patch("mailframe.store.maildrop.threads.flush_log", flushed.append):
            self.deliver(numbered(2))
            self.clock.advance(1.0)
        self.assertEqual(flushed, [self.path(CATALOGUE)])

    def test_flush_that_fails(self) -> None:
        """A flush that failed is tried again."""
        self.deliver(numbered(1))
        with mock.patch("mailframe.store.maildrop.threads.flush_log", side_effect=OSError("broken")):
            self.clock.advance(1.0)
        flushed = []
        with mock.patch("mailframe.store.maildrop.threads.flush_log", flushed.append):
            self.deliver(numbered(2), account="bob@example.test")
            self.clock.advance(1.0)
        self.assertIn(self.path(CATALOGUE), flushed)

    def test_between_rename_and_row(self) -> None:
        """A message that was renamed into new/ before a crash is there afterwards; it was not answered yet."""
        self.deliver(numbered(1))
        self.contents()
        (name,) = self.names("new")
        os.rename(self.path("new", name), self.path("new", "1700000000.M1P1Q1.here,S=10,W=12"))
        self.crashed()
        self.assertEqual(len(self.contents()), 1)

    def test_in_the_middle_of_a_rename(self) -> None:
        """A crash between the rename of a folder and its row leaves the mailbox with its messages."""
        self.append(numbered(1), mailbox="Sent")
        for stage in ("before", "after"):
            with self.subTest(stage=stage):
                account = self.account()
                old, new = ("Sent", "Gone") if stage == "before" else ("Gone", "Again")
                if stage == "before":
                    with mock.patch.object(Tree, "follow", side_effect=OSError("crash")):
                        self.wait(account.rename(old, new))
                else:
                    self.wait(account.rename(old, new))
                    connection = open_connection(self.path(CATALOGUE))
                    connection.execute("UPDATE mailboxes SET folder = '.Gone' WHERE name = 'Again'")
                    connection.close()
                self.restarted()
                self.assertEqual(self.contents(new), [numbered(1)])
                names = [entry.name for entry in self.wait(self.account().mailboxes()) if entry.selectable]
                self.assertEqual(names, [INBOX, new])
                self.assertEqual(
                    self.names("." + new, "cur") + self.names("." + new, "new"), self.all_files(new)
                )

    def all_files(self, mailbox: str) -> list[str]:
        connection = open_connection(self.path(CATALOGUE))
        try:
            rows = connection.execute(
                "SELECT file || coalesce(info, '') FROM messages JOIN mailboxes ON mailbox = mailboxes.id"
                " WHERE name = ?",
                (mailbox,),
            )
            return [name for (name,) in rows]
        finally:
            connection.close()

    def test_in_the_middle_of_a_deletion(self) -> None:
        """A mailbox whose deletion was not committed when the process was killed is there, with all its mail."""
        self.wait(self.account().create("old"))
        self.append(numbered(1), numbered(2), mailbox="old")
        before, status = self.messages("old"), self.wait(self.account().status("old"))
        os.rename(self.path(".old"), self.path("tmp", f"deleted-{status.mailbox_id}"))
        self.crashed()
        self.assertEqual(self.messages("old"), before)
        self.wait(self.account().delete("old"))
        self.crashed()
        self.assertNotIn("old", [entry.name for entry in self.wait(self.account().mailboxes())])

    def test_another_was_in_the_middle_of_a_deletion(self) -> None:
        """A process that has the account open brings the mailbox back, too, and makes none that was deleted."""
        self.wait(self.account().create("old"))
        self.append(numbered(1), numbered(2), mailbox="old")
        before, mailbox = self.messages("old"), self.opened("old")
        os.rename(self.path(".old"), self.path("tmp", f"deleted-{mailbox.mailbox_id}"))
        self.assertEqual(self.messages("old"), before)
        self.wait(self.account().delete("old"))
        self.fails(mailbox.changes(0), MailframeError)
        self.assertFalse(os.path.exists(self.path(".old")))

    def test_folder_that_cannot_follow(self) -> None:
        """When a renamed mailbox's directory cannot follow, a new mailbox of the old name is another one."""
        self.append(numbered(1), mailbox="Sent")
        account = self.account()
        with mock.patch.object(Tree, "follow", side_effect=OSError("broken")):
            self.wait(account.rename("Sent", "Old"))
        self.wait(account.create("Sent"))
        self.append(numbered(2), mailbox="Sent")
        self.assertEqual(self.contents("Old"), [numbered(1)])
        self.assertEqual(self.contents("Sent"), [numbered(2)])
        self.restarted()
        self.assertEqual(self.contents("Old"), [numbered(1)])
        self.assertEqual(self.contents("Sent"), [numbered(2)])

    def test_in_the_middle_of_flags(self) -> None:
        """Flags that were in the file's name before a crash are the message's flags."""
        self.append(numbered(1), flags=[SEEN])
        mailbox = self.opened()

        def crash(*_: object) -> None:
            # A process that ends takes nothing back.
            self.files.break_on("rename")
            raise Crash

        with mock.patch.object(Catalogue, "commit", side_effect=crash), self.assertRaises(Crash):
            raise self.fails(mailbox.store([1], FlagChange.ADD, frozenset({FLAGGED})), Crash)
        self.files.mend()
        self.crashed()
        self.assertEqual(self.flags(), {1: frozenset({SEEN, FLAGGED})})

    def test_catalogue_put_back(self) -> None:
        """An account that was removed and made again by another process is not confused with the old one."""
        self.deliver(numbered(1))
        mailbox = self.opened()
        other = self.started()
        self.wait(other.remove_account(ALICE))
        self.wait(other.stop())
        self.assertEqual(self.contents(), [])
        self.assertEqual(self.wait(mailbox.fetch([1], Item.FLAGS)), [])
        self.deliver(numbered(2))
        self.assertEqual(self.contents(), [numbered(2)])

    def test_open_accounts_are_bounded(self) -> None:
        """More accounts than may stay open are served, each with what it has."""
        accounts = [f"user{number}@example.test" for number in range(30)]
        for account in accounts:
            self.deliver(numbered(1), account=account)
        for account in accounts:
            self.assertEqual(self.contents(account=account), [numbered(1)])
        shelves = [worker._shelf for worker in (*self.store._delivering, *self.store._working)]
        self.assertTrue(all(len(shelf._open) <= shelf._limit for shelf in shelves))

    def test_flushed_after_it_was_closed(self) -> None:
        """An account that is closed to make room for others is flushed with those that stay open, and at the end."""
        flushed: list[str] = []
        shelf = self.store._delivering[0]._shelf
        self.patch(shelf, "_limit", 2)
        for number in range(5):
            self.deliver(numbered(1), account=f"user{number}@example.test")
        self.assertEqual(len(shelf._left), 3)
        self.assertEqual(len(set(shelf.take_dirty())), 5)
        self.assertEqual(shelf._left, set())
        for number in range(3):
            self.deliver(numbered(2), account=f"user{number}@example.test")
        (left,) = shelf._left
        self.patch(shelf_module, "flush_log", flushed.append)
        self.wait(self.store.stop())
        self.assertEqual(flushed, [left])
        self.assertIn("/user0/", left)
