"""Keywords as letters in names of files, as Dovecot has them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from mailframe.store.adoption import dovecot_keywords
from mailframe.store.maildir import look
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.values import FlagChange

from .fixture import MaildirCase, numbered


class LettersTests(MaildirCase):
    """Both programs see each other's keywords."""

    options = MaildirOptions(threads=0, mailboxes={"Sent": "\\Sent"}, keywords="dovecot")

    def setUp(self) -> None:
        super().setUp()
        self.patch(look, "UNSETTLED_SECONDS", 0.0)
        self.patch(look, "UNSETTLED_SHARE", 0)
        self.patch(look, "SHARE", 0)
        self.deliver(numbered(1))
        self.mailbox = self.opened()
        self.wait(self.mailbox.snapshot())

    def change(self, *words: str, how: FlagChange = FlagChange.REPLACE) -> None:
        self.wait(self.mailbox.store([1], how, frozenset(words)))

    def listed(self, *folder: str) -> dict[str, str]:
        with open(self.path(*folder, "dovecot-keywords"), "rb") as file:
            return dovecot_keywords.read(file.read())

    def info(self, *folder: str) -> str:
        (name,) = self.names(*folder, "cur")
        return name.partition(":")[2]

    def renamed(self, info: str) -> None:
        (name,) = self.names("cur")
        os.rename(self.path("cur", name), self.path("cur", name.partition(":")[0] + ":" + info))

    def test_written(self) -> None:
        """Keywords get letters, beside the flags and letters that nobody knows."""
        self.renamed("2,PZ")
        self.change("$Work", "Later", "\\Seen")
        self.assertEqual((self.info(), self.listed()), ("2,PSZab", {"a": "$Work", "b": "Later"}))
        self.change("later", "$Junk")
        self.assertEqual((self.info(), self.listed()["c"]), ("2,PZbc", "$Junk"))
        self.assertFalse(os.path.exists(self.path("dovecot-keywords.lock")))

    def test_read(self) -> None:
        """What another program writes there is a keyword here; what it takes away is none any more."""
        self.put("dovecot-keywords", octets=b"0 One\n1 Two\n")
        self.renamed("2,Sb")
        self.assertEqual(self.flags()[1], {"\\Seen", "Two"})
        self.renamed("2,a")
        self.assertEqual(self.flags()[1], {"One"})
        self.change("Three", how=FlagChange.ADD)
        self.assertEqual((self.info(), self.listed()), ("2,ac", {"a": "One", "b": "Two", "c": "Three"}))

    def test_no_letter(self) -> None:
        """The 27th keyword is kept here, whatever another program does to the name."""
        words = [f"Word{number:02}" for number in range(27)]
        self.change(*words)
        self.assertEqual(len(self.listed()), 26)
        self.renamed("2,S" + "".join(self.listed())[1:])
        self.assertEqual(self.flags()[1], frozenset(words[1:]) | {"\\Seen"})

    def test_letters_without_the_list(self) -> None:
        """Letters that the list does not tell of stay as they are."""
        self.renamed("2,x")
        self.change("New")
        self.assertEqual(self.info(), "2,ax")

    def test_copy_and_move(self) -> None:
        """In another mailbox keywords have that one's letters."""
        self.append(numbered(2), mailbox="Sent", flags=["Other"])
        self.wait(self.opened("Sent").remove([1]))
        self.change("Mine")
        self.wait(self.mailbox.copy([1], "Sent"))
        self.assertEqual((self.info(".Sent"), self.listed(".Sent")), ("2,b", {"a": "Other", "b": "Mine"}))
        self.wait(self.opened("Sent").remove([2]))
        self.wait(self.mailbox.move([1], "Sent"))
        self.assertEqual(self.info(".Sent"), "2,b")
        self.assertEqual(self.flags("Sent"), {3: {"Mine"}})

    def test_catalogue_lost(self) -> None:
        """When the catalogue is lost, names of files and the list tell keywords."""
        self.change("Mine", "\\Seen")
        self.wait(self.store.stop())
        for name in self.names():
            if name.startswith("catalogue"):
                os.unlink(self.path(name))
        self.store = self.started()
        self.assertEqual(list(self.flags().values()), [{"Mine", "\\Seen"}])

    def test_option_switched_on(self) -> None:
        """Keywords from before the option stay when another program changes a flag."""
        self.wait(self.store.stop())
        self.store = self.started(options=MaildirOptions(threads=0, mailboxes={}))
        self.mailbox = self.opened()
        self.change("Old")
        self.wait(self.store.stop())
        self.store = self.started()
        self.put("dovecot-keywords", octets=b"0 Old\n")
        self.renamed("2,F")
        self.assertEqual(self.flags()[1], {"\\Flagged", "Old"})

    def test_fault(self) -> None:
        """When the list cannot be written, nothing is changed."""
        self.files.break_on("create")
        self.fails(self.mailbox.store([1], FlagChange.ADD, frozenset({"New"})), Exception)
        self.files.mend()
        self.assertEqual((self.flags()[1], self.info()), (frozenset(), "2,"))

    @given(st.lists(st.tuples(st.booleans(), st.sets(st.sampled_from("abcd"))), max_size=8))
    def test_any_changes(self, turns: Iterable[tuple[bool, set[str]]]) -> None:
        """Whoever changes keywords, both have the same."""
        self.put("dovecot-keywords", octets=b"0 K-a\n1 K-b\n2 K-c\n3 K-d\n")
        for ours, letters in turns:
            words = frozenset(f"K-{letter}" for letter in letters)
            if ours:
                self.change(*words)
            else:
                self.renamed("2," + "".join(sorted(letters)))
            self.assertEqual(self.flags()[1], words)
            self.assertEqual(self.info(), "2," + "".join(sorted(letters)))
