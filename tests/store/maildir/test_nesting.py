"""Mailboxes as directories in directories, and accounts in many directories."""

from __future__ import annotations

import os
import shutil

from hypothesis import given
from hypothesis import strategies as st

from mailframe.store.maildir.nesting import folder_of, mailbox_of
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.names import canonical
from mailframe.store.values import FlagChange

from . import test_store
from .fixture import ALICE, BOB, MaildirCase, numbered, quick_directory


class NameTests(MaildirCase):
    """Names of mailboxes and directories."""

    def test_names(self) -> None:
        """Levels are directories, and no name is taken for something else."""
        self.assertEqual(folder_of("INBOX"), "")
        self.assertEqual(folder_of("Work/2026.1"), "Work/2026.1")
        self.assertEqual(folder_of("Tür/cur"), "T&APw-r/\\63ur")
        self.assertEqual(folder_of("catalogue.sqlite"), "\\63atalogue.sqlite")
        self.assertEqual([mailbox_of(name) for name in ("cur", "a/new", ".x", "a//b")], [None] * 4)

    @given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1), min_size=1))
    def test_back(self, levels: list[str]) -> None:
        """A directory's name tells the mailbox's."""
        name = canonical("/".join(levels))
        folder = folder_of(name)
        if name != "INBOX" and not folder.startswith(".long-"):
            self.assertEqual(mailbox_of(folder), name)


class NestedTests(MaildirCase):
    """The file-system layout, as Dovecot's ``LAYOUT=fs`` has it."""

    options = MaildirOptions(threads=0, mailboxes={}, layout="fs")
    plusplus = MaildirOptions(threads=0, mailboxes={})

    def setUp(self) -> None:
        super().setUp()
        self.wait(self.account().create("Work/2026"))
        self.append(numbered(1), mailbox="Work")
        self.append(numbered(2), mailbox="Work/2026")

    def listed(self) -> set[str]:
        return {entry.name for entry in self.wait(self.account().mailboxes()) if entry.selectable}

    def test_place(self) -> None:
        """Messages lie in directories of their mailboxes' names."""
        self.assertEqual(len(self.names("Work", "2026", "new")), 1)
        self.assertEqual(self.contents("Work/2026"), [numbered(2)])

    def test_other_programs_mailbox(self) -> None:
        """A directory that another program makes is a mailbox."""
        for name in ("cur", "new", "tmp"):
            os.makedirs(self.path("Work", "old", "deep", name))
        self.put("Work", "old", "deep", "new", "1700000000.1.other")
        self.assertEqual(self.listed(), {"INBOX", "Work", "Work/2026", "Work/old/deep"})
        self.assertEqual(len(self.contents("Work/old/deep")), 1)

    def test_links(self) -> None:
        """Directories that are links in a circle are gone through once."""
        for name in ("a", "b", "c"):
            os.symlink(self.path(), self.path("Work", name))
        names = {"INBOX", "Work", "Work/2026", "Work/a", "Work/b", "Work/c"}
        listed = []
        names_of = type(self.files).names
        self.patch(
            type(self.files), "names", lambda files, path: listed.append(path) or names_of(files, path)
        )
        self.assertEqual(self.listed(), names)
        self.assertLess(len(listed), 50)

    def test_rename(self) -> None:
        """What is below a mailbox is renamed with it, with UIDs and messages."""
        self.wait(self.account().rename("Work", "Done/now"))
        self.assertEqual(self.listed(), {"INBOX", "Done", "Done/now", "Done/now/2026"})
        self.assertEqual(self.messages("Done/now/2026"), {1: numbered(2)})
        self.assertEqual(self.names("Done", "now", "2026"), ["cur", "maildirfolder", "new", "tmp"])
        self.restarted()
        self.assertEqual(self.messages("Done/now"), {1: numbered(1)})

    def test_delete(self) -> None:
        """What is below a mailbox that is deleted stays."""
        self.wait(self.account().delete("Work"))
        self.assertEqual(self.listed(), {"INBOX", "Work/2026"})
        self.assertEqual(self.contents("Work/2026"), [numbered(2)])
        self.assertEqual(self.names("Work"), ["2026"])
        self.wait(self.account().create("Work"))
        self.assertEqual(self.contents("Work"), [])
        self.wait(self.account().delete("Work/2026"))
        self.assertEqual(self.listed(), {"INBOX", "Work"})

    def test_change_over(self) -> None:
        """An account changes from one layout to the other and back when it is opened; UIDs stay."""
        for options, place in ((self.plusplus, ".Work.2026"), (self.options, "Work/2026")):
            self.wait(self.store.stop())
            self.store = self.started(options=options)
            self.assertEqual(self.messages("Work/2026"), {1: numbered(2)})
            self.assertEqual(self.messages("Work"), {1: numbered(1)})
            self.assertEqual(len(self.names(place, "new") + self.names(place, "cur")), 1)
            self.assertEqual(self.listed(), {"INBOX", "Work", "Work/2026"})

    def test_catalogue_lost(self) -> None:
        """When the catalogue is lost, the directories tell what there is."""
        self.wait(self.store.stop())
        for name in self.names():
            if name.startswith("catalogue"):
                os.unlink(self.path(name))
        self.store = self.started()
        self.assertEqual(self.listed(), {"INBOX", "Work", "Work/2026"})
        self.assertEqual(self.contents("Work/2026"), [numbered(2)])


class NestedStoreTests(test_store.MaildirStoreTests):
    """The contract of all stores, in the file-system layout, with all that is kept for Dovecot."""

    options = MaildirOptions(threads=2, layout="fs", keywords="dovecot", subscriptions="dovecot", spread=True)


class SeparatorTests(MaildirCase):
    """On a file system that knows no colons."""

    options = MaildirOptions(threads=0, mailboxes={}, info_separator="!")

    def test_written(self) -> None:
        """Flags come behind the sign that is configured; files with a colon are read, and keep it."""
        self.append(numbered(1), flags=["\\Seen"])
        self.put("cur", "1700000000.1.other:2,F")
        mailbox = self.opened()
        self.wait(mailbox.snapshot())
        self.wait(mailbox.store([1, 2], FlagChange.ADD, frozenset({"\\Answered"})))
        infos = sorted(name[-5:] for name in self.names("cur"))
        self.assertEqual(infos, ["!2,RS", ":2,FR"])


class IndexTests(MaildirCase):
    """Catalogues on a disk of their own."""

    def setUp(self) -> None:
        self.index = quick_directory(self)
        self.options = MaildirOptions(threads=0, mailboxes={}, index=self.index, journal=False, watches=0)
        super().setUp()
        self.deliver(numbered(1))

    def test_place(self) -> None:
        """The account's directory has mail only."""
        self.assertEqual(os.listdir(f"{self.index}/example.test"), ["alice"])
        self.assertEqual(self.names(), ["cur", "new", "tmp"])
        self.restarted()
        self.assertEqual((self.messages(), self.wait(self.store.accounts())), ({1: numbered(1)}, [ALICE]))

    def test_lost(self) -> None:
        """When the disk with the catalogues is lost, the mail is still there."""
        self.wait(self.store.stop())
        shutil.rmtree(self.index)
        self.store = self.started()
        self.assertEqual(self.contents(), [numbered(1)])

    def test_removed_account(self) -> None:
        """An account that is removed leaves nothing in either place."""
        self.wait(self.store.remove_account(ALICE))
        self.assertEqual(
            (os.listdir(f"{self.index}/example.test"), self.wait(self.store.accounts())), ([], [])
        )
        self.assertFalse(os.path.exists(self.path()))

    def test_two_stores(self) -> None:
        """Two processes of the host see each other's mail and flags."""
        other = self.started()
        self.addCleanup(lambda: self.wait(other.stop()))
        account = self.wait(other.account(ALICE))
        theirs = self.wait(account.open("INBOX"))
        self.wait(theirs.store([1], FlagChange.ADD, frozenset({"\\Seen"})))
        self.assertEqual(self.flags(), {1: {"\\Seen"}})
        self.deliver(numbered(2))
        self.assertEqual(list(self.wait(theirs.snapshot()).uids), [1, 2])


class SpreadTests(MaildirCase):
    """Accounts in 256 directories of their domain's."""

    options = MaildirOptions(threads=0, mailboxes={}, spread=True)

    def test_place(self) -> None:
        """An account lies where the first byte of its name's hash says, and is found there."""
        self.deliver(numbered(1))
        self.deliver(numbered(2), account=BOB)
        self.assertEqual(len(os.listdir(f"{self.directory}/example.test/2b/alice/new")), 1)
        self.restarted()
        self.assertEqual(self.wait(self.store.accounts()), [ALICE, BOB])
        self.wait(self.store.remove_account(ALICE))
        self.assertEqual(self.wait(self.store.accounts()), [BOB])
