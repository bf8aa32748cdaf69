"""Stores with mail that can be moved."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.message.content import Content
from mailframe.store.hints import LocalHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.memory import MemoryStore
from mailframe.store.values import DELETED, INBOX, SEEN, FlagChange, Span, TakenMailbox, TakenMessage
from mailframe.testing.store.fixture import ALICE, describe, numbered
from mailframe.transfer.values import Folder

LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 200_000 + b"\r\n"


def message(uid, octets=None, flags=(), **more):
    """A message elsewhere."""
    more.setdefault("internal_date", 1_500_000_000 + uid)
    content = Content.of(numbered(uid) if octets is None else octets)
    return TakenMessage(content, uid, frozenset(flags), **more)


class ListSource:
    """A source that is a list: names to mailboxes and messages.

    Args:
        mailboxes: name to what it is and its messages.
        subscribed: names.
        fails_after: messages that come before it breaks; None: it does not.
    """

    def __init__(self, mailboxes, subscribed=None, fails_after=None):
        self.mailboxes = mailboxes
        self.subscribed = subscribed
        self.fails_after = fails_after
        self.asked = []

    def folders(self):
        for name, (taken, messages) in self.mailboxes.items():
            yield Folder(name, taken, len(messages))

    def messages(self, folder, known):
        below = known.below
        self.asked.append((folder.name, below))
        for one in self.mailboxes[folder.name][1]:
            if self.fails_after is not None:
                if not self.fails_after:
                    raise OSError("the line went dead")
                self.fails_after -= 1
            yield replace(one, content=None) if one.uid and one.uid < below else one

    def subscriptions(self):
        return self.subscribed

    def close(self):
        pass


class TransferTestCase(TestCase):
    """A test with a store in memory, and one of Maildirs that works in the caller's thread."""

    async def setUp(self):
        self.memory = MemoryStore(describe, clock=self.clock_at(1_700_000_000))
        self.maildir = self.made_maildir(self.mktemp())
        await self.maildir.start()
        self.addCleanup(self._stopped)

    def made_maildir(self, directory):
        """A Maildir store without threads."""
        options = MaildirOptions(directory=directory, threads=0, journal=False)
        return MaildirStore(directory, describe, LocalHints(), Clock(), options)

    def clock_at(self, seconds):
        clock = Clock()
        clock.advance(seconds)
        return clock

    def _stopped(self):
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(self.maildir.stop())

    async def filled(self, store, name=ALICE):
        """An account with mail of all kinds: flags, keywords, gaps, a large message, a tree, subscriptions."""
        account = await store.account(name)
        self.addCleanup(account.close)
        taken = TakenMailbox(4711, 0, 0, "Finbox")
        messages = [
            message(
                3, flags=[SEEN, "Work"], modseq=12, email_id="Ma", thread_id="Ta", save_date=1_600_000_000
            ),
            message(4, flags=[DELETED], modseq=9),
            message(70, LARGE, modseq=30),
            message(71, b"no header at all", flags=["work", "$Junk"], modseq=31),
            message(72, b"", modseq=32),
        ]
        await account.take_over(INBOX, taken, messages)
        await account.take_over("Projekte/Übersicht", TakenMailbox(4712, 90, 55), [message(8, modseq=50)])
        await account.take_over("Empty", TakenMailbox(4713, 12, 40, "Fempty", "\\Junk"))
        inbox = await account.open(INBOX)
        await inbox.remove([4])
        await account.delete("Trash")
        await account.subscribe("gone/long ago", True)
        await account.subscribe("Sent", False)
        return account

    async def contents(self, account, name=INBOX):
        """UID to octets of a mailbox."""
        mailbox = await account.open(name, read_only=True)
        uids = list((await mailbox.snapshot()).uids)
        found = dict(zip(uids, await mailbox.read([Span(uid) for uid in uids]), strict=True))
        mailbox.close()
        return found

    async def flag(self, account, name, uid, *flags):
        """Give a message flags."""
        mailbox = await account.open(name)
        await mailbox.store([uid], FlagChange.REPLACE, frozenset(flags))
        mailbox.close()
