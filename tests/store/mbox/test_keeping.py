"""Expunged mail that is kept, where a mailbox is a plain file."""

from __future__ import annotations

from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.mbox.names import folder_of, mailbox_of
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.retention import RetentionRules, kept_name
from mailframe.testing.store import describe

from .fixture import MboxCase, numbered


class PlainKeepingTests(MboxCase):
    """A file can have no inferiors, and a name with inferiors can be no file."""

    options = MboxOptions(threads=0, mailboxes={}, folders="plain")

    def started(self, boot: str = "", options: MboxOptions | None = None) -> MboxStore:
        store = MboxStore(
            self.directory, describe, self.hints, self.clock, options or self.options, files=self.files,
            boot=boot or self.boot, policies=Policies(retention=RetentionRules(expunged=86400.0)),
        )  # fmt: skip
        self.wait(store.start())
        return store

    def expunge_from(self, name: str) -> None:
        """Make a mailbox, expunge the message that it has, and delete it."""
        account = self.account()
        self.wait(account.create(name))
        (uid,) = self.append(numbered(1), mailbox=name)
        self.assertEqual(list(self.wait(self.opened(name).remove([uid]))), [uid])
        self.wait(account.delete(name))

    def test_kept(self) -> None:
        """Mail of a mailbox below others is kept, and comes back with the mailbox."""
        self.expunge_from("Work/one")
        self.assertEqual([one.name for one in self.wait(self.account().kept())], ["Work/one"])
        self.assertEqual(self.wait(self.account().restore("Work/one")), 1)
        self.assertEqual(
            [entry.name for entry in self.wait(self.account().mailboxes())][1:], ["Work", "Work/one"]
        )

    def test_one_name_after_the_other(self) -> None:
        """What was a mailbox, then a name with inferiors, and then a mailbox again, keeps the mail of both."""
        for name in ("Work", "Work/one", "Work", "INBOX-/x"):
            self.expunge_from(name)
        self.restarted()
        kept = {one.name: one.messages for one in self.wait(self.account().kept())}
        self.assertEqual(kept, {"Work": 2, "Work/one": 1, "INBOX-/x": 1})

    def test_names(self) -> None:
        """From the name of its file one knows which mailbox mail was expunged from, unless that is very long."""
        for name in ("INBOX", "Work", "Work/one", "a\\2f/b", "\u00fc/.x.lock", "Work_one"):
            self.assertEqual(mailbox_of(folder_of(kept_name(name), "plain")), kept_name(name))
        self.assertLess(len(folder_of(kept_name("x" * 255), "plain")), 100)
