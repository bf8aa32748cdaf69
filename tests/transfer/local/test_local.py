"""Tests of `mailframe.transfer.local`."""

from __future__ import annotations

import mailbox
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.values import FLAGGED, INBOX, SEEN, Item, TakenMailbox
from mailframe.transfer.exporting import Export
from mailframe.transfer.importing import Import
from mailframe.transfer.local.line_ends import to_crlf, to_lf
from mailframe.transfer.local.maildir import MaildirSource, MaildirTarget
from mailframe.transfer.local.mbox import MboxSource, MboxTarget
from mailframe.transfer.values import TransferError
from tests.transfer.fixture import TransferTestCase, message

MIXED = b"Subject: x\r\n\r\nFrom here\r\n>From there\r\nit goes\r\n"


class LineEndTests(SynchronousTestCase):
    """Line ends in pieces."""

    @given(st.lists(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n"]), max_size=4).map(b"".join)))
    def test_any_split(self, pieces):
        """However octets are split, the same comes out."""
        whole = b"".join(pieces)
        self.assertEqual(b"".join(to_lf(pieces)), whole.replace(b"\r\n", b"\n"))
        self.assertEqual(b"".join(to_crlf(pieces)), b"".join(to_crlf([whole])))
        self.assertNotIn(b"\n", b"".join(to_crlf(pieces)).replace(b"\r\n", b""))


class ThereAndBackCase(TransferTestCase):
    """An account in files, and back."""

    async def exported(self, target):
        """An account with plain text messages, exported."""
        account = await self.memory.account("plain@example.test")
        self.addCleanup(account.close)
        messages = [
            message(3, MIXED, [SEEN, "Work"]),
            message(9, b"Subject: y\r\n\r\nbody without end", [FLAGGED, "Zeta", "$x"]),
            message(11, b"Subject: large\r\n\r\n" + b"From afar, and on\r\n" * 20_000),
        ]
        await account.take_over(INBOX, TakenMailbox(4711), messages)
        await account.take_over("Projekte/Über", TakenMailbox(4712, 90), [message(8, MIXED)])
        path = Path(self.mktemp()).absolute()
        await Export(account, target(path)).run()
        return account, path

    async def facts(self, account, name):
        """All that files keep of a mailbox."""
        opened = await account.open(name, read_only=True)
        snapshot = await opened.snapshot()
        messages = await opened.fetch(snapshot.uids, Item.FLAGS | Item.DATE)
        found = [(one.uid, one.flags, one.internal_date) for one in messages]
        opened.close()
        return found, (await account.status(name)).uidvalidity, await self.contents(account, name)


class MaildirTests(ThereAndBackCase):
    """Maildir++ trees."""

    async def test_there_and_back(self):
        """UIDs, UIDVALIDITY, flags, keywords, dates, octets and subscriptions survive the way through files."""
        account, path = await self.exported(MaildirTarget)
        back = await self.maildir.account("back@example.test")
        self.addCleanup(back.close)
        await Import(MaildirSource(path), back).run()
        for name in (INBOX, "Projekte/Über"):
            self.assertEqual(await self.facts(back, name), await self.facts(account, name))
        wanted = {entry.name for entry in await account.mailboxes() if entry.subscribed}
        self.assertEqual({entry.name for entry in await back.mailboxes() if entry.subscribed}, wanted)

    async def test_other_programs(self):
        """Python's own reader of Maildirs finds the messages and their flags."""
        _, path = await self.exported(MaildirTarget)
        other = mailbox.Maildir(path, create=False)
        self.assertEqual(sorted(one.get_flags().strip("abc") for one in other), ["", "F", "S"])
        self.assertIn("Projekte.&ANw-ber", other.list_folders())

    async def test_unlisted_files(self):
        """Files without a UID come last, keep their times, and come once however often they are imported."""
        _, path = await self.exported(MaildirTarget)
        late = path / "new" / "1700000000.X.host"
        late.write_bytes(b"Subject: late\n\nlate\n")
        os.utime(late, (1_650_000_000, 1_650_000_000))
        back = await self.memory.account("back@example.test")
        for _ in range(2):
            await Import(MaildirSource(path), back).run()
        contents = await self.contents(back)
        self.assertEqual(list(contents), [3, 9, 11, 12])
        self.assertEqual(contents[12], b"Subject: late\r\n\r\nlate\r\n")
        found, _, _ = await self.facts(back, INBOX)
        self.assertEqual(found[-1], (12, frozenset(), 1_650_000_000))

    async def test_without_lists(self):
        """A Maildir nobody gave UIDs is imported in the order its messages came; a broken list counts as none."""
        path = Path(self.mktemp())
        for part in ("cur", "new", "tmp"):
            (path / part).mkdir(parents=True)
        (path / "cur" / "200.b:2,S").write_bytes(b"second\n")
        (path / "new" / "100.a").write_bytes(b"first\n")
        (path / "dovecot-uidlist").write_bytes(b"nonsense\n")
        back = await self.memory.account("back@example.test")
        for _ in range(2):
            await Import(MaildirSource(path), back).run()
        self.assertEqual(list((await self.contents(back)).values()), [b"first\r\n", b"second\r\n"])

    async def test_refusals(self):
        """A directory that is no Maildir, and one that is not empty, are refused."""
        path = Path(self.mktemp())
        path.mkdir(parents=True)
        self.assertRaises(TransferError, MaildirSource, path)
        (path / "something").touch()
        self.assertRaises(TransferError, MaildirTarget, path)


class MboxTests(ThereAndBackCase):
    """mbox files."""

    async def test_there_and_back(self):
        """UIDs, flags, keywords, dates and octets survive, and so does every line that begins with From."""
        account, path = await self.exported(MboxTarget)
        back = await self.maildir.account("back@example.test")
        self.addCleanup(back.close)
        await Import(MboxSource(path), back).run()
        for name in (INBOX, "Projekte/Über"):
            here, there = await self.facts(back, name), await self.facts(account, name)
            self.assertEqual(here[:2], there[:2])
            for uid, octets in there[2].items():
                self.assertEqual(here[2][uid], octets if octets.endswith(b"\r\n") else octets + b"\r\n")

    async def test_other_programs(self):
        """Python's own reader of mbox files finds the messages."""
        _, path = await self.exported(MboxTarget)
        other = mailbox.mbox(path / "INBOX.mbox", create=False)
        self.assertEqual([one["Subject"] for one in other], ["x", "y", "large"])
        self.assertEqual([one.get_flags() for one in other], ["RO", "OF", "O"])

    async def test_file_of_others(self):
        """One file of another program is imported into the mailbox that is named."""
        path = Path(self.mktemp())
        path.write_bytes(
            b"From a@b Mon Nov  2 10:00:00 2026\nSubject: 1\n\none\n\nFrom c@d Mon Nov  2 11:00:00 2026\nSubject: 2\n\ntwo\n"
        )
        back = await self.memory.account("back@example.test")
        for _ in range(2):
            await Import(MboxSource(path, "Old"), back).run()
        contents = await self.contents(back, "Old")
        self.assertEqual(
            list(contents.values()), [b"Subject: 1\r\n\r\none\r\n", b"Subject: 2\r\n\r\ntwo\r\n"]
        )

    async def test_refusals(self):
        """What is not there, and what is no mbox, is refused."""
        path = Path(self.mktemp())
        self.assertRaises(TransferError, MboxSource, path)
        path.write_bytes(b"nothing of the kind\n")
        back = await self.memory.account("back@example.test")
        with self.assertRaises(TransferError):
            await Import(MboxSource(path), back).run()
