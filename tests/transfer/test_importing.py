"""Tests of `mailframe.transfer.importing`."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.store.values import FLAGGED, INBOX, SEEN, Item, TakenMailbox
from mailframe.testing.store.fixture import ALICE, describe, new, numbered
from mailframe.transfer.comparing import compare_source
from mailframe.transfer.importing import Import
from mailframe.transfer.values import TransferError

from .fixture import ListSource, TransferTestCase, message

KEPT = TakenMailbox(815, 50, 77)


def source(**more):
    """Two mailboxes with identity, one without."""
    return ListSource(
        {
            "inbox": (KEPT, [message(2, flags=[SEEN]), message(5, flags=["Word"], modseq=70)]),
            "Old/2024": (TakenMailbox(816), [message(1)]),
            "files": (
                TakenMailbox(),
                [message(0, numbered(7)), message(0, numbered(7)), message(0, numbered(8))],
            ),
        },
        frozenset({"Old/2024"}),
        **more,
    )


class ImportTests(TransferTestCase):
    """A source's mail comes into an account."""

    async def account(self, store=None):
        account = await (store or self.maildir).account(ALICE)
        self.addCleanup(account.close)
        return account

    async def test_identity(self):
        """UIDVALIDITY, UIDs, flags and dates are those of the source; subscriptions come along."""
        account = await self.account()
        outcome = await Import(source(), account).run()
        self.assertEqual(
            [(one.name, one.messages) for one in outcome.folders],
            [("INBOX", 2), ("Old/2024", 1), ("files", 3)],
        )
        status = await account.status(INBOX)
        self.assertEqual((status.uidvalidity, status.uidnext, status.messages), (815, 50, 2))
        mailbox = await account.open(INBOX)
        first, second = await mailbox.fetch([2, 5], Item.FLAGS | Item.DATE)
        self.assertEqual((first.flags, first.internal_date), ({SEEN}, 1_500_000_002))
        self.assertEqual((second.flags, second.modseq), ({"Word"}, 70))
        self.assertTrue({entry.name: entry.subscribed for entry in await account.mailboxes()}["Old/2024"])

    async def test_again(self):
        """A second import brings nothing twice: by UID, or by the octets where there are no UIDs."""
        account = await self.account()
        await Import(source(), account).run()
        again = source()
        outcome = await Import(again, account).run()
        self.assertEqual(outcome.messages, 0)
        self.assertEqual(sum(folder.kept for folder in outcome.folders), 6)
        self.assertEqual(again.asked[0], ("inbox", 50))
        self.assertEqual(len(await self.contents(account, "files")), 3)

    async def test_goes_on_after_an_interruption(self):
        """However often an import breaks off, the next one goes on, and every message is there once."""
        self.patch(__import__("mailframe.transfer.importing", fromlist=["x"]), "BATCH_MESSAGES", 1)
        account = await self.account()
        for stop in range(6):
            with self.assertRaises(OSError):
                await Import(source(fails_after=stop), account).run()
        await Import(source(), account).run()
        self.assertEqual(await self.contents(account), {2: numbered(2), 5: numbered(5)})
        self.assertEqual(
            sorted((await self.contents(account, "files")).values()), [numbered(7), numbered(7), numbered(8)]
        )

    async def test_what_changed_meanwhile(self):
        """New mail and new flags of the source come over; what was expunged here stays away."""
        account = await self.account()
        await Import(source(), account).run()
        mailbox = await account.open(INBOX)
        await mailbox.remove([2])
        changed = ListSource(
            {"INBOX": (TakenMailbox(815, 61), [message(2), message(5, flags=[FLAGGED]), message(60)])}
        )
        outcome = await Import(changed, account).run()
        (folder,) = outcome.folders
        self.assertEqual((folder.messages, folder.updated, folder.absent), (1, 1, 1))
        self.assertEqual(await self.contents(account), {5: numbered(5), 60: numbered(60)})

    async def test_occupied_mailbox(self):
        """Into a mailbox with mail of its own, messages come with new UIDs, and nothing there is changed."""
        account = await self.account()
        await account.append(INBOX, [new(numbered(1))])
        before = await account.status(INBOX)
        outcome = await Import(source(), account).run()
        self.assertFalse(outcome.folders[0].identity)
        self.assertEqual((await account.status(INBOX)).uidvalidity, before.uidvalidity)
        self.assertEqual(
            list((await self.contents(account)).values()), [numbered(1), numbered(2), numbered(5)]
        )
        outcome = await Import(source(), account).run()
        self.assertEqual(outcome.messages, 0)

    async def test_other_mail_under_the_same_uids(self):
        """Mail that was delivered here under UIDs of the source is never lost or overwritten."""
        account = await self.account()
        await Import(ListSource({INBOX: (TakenMailbox(815), [message(2)])}), account).run()
        await account.append(INBOX, [new(numbered(100))])
        more = ListSource({INBOX: (TakenMailbox(815), [message(2), message(3)])})
        with self.assertRaises(TransferError):
            await Import(more, account).run()
        await Import(more, account, new_uids=True).run()
        self.assertEqual(sorted((await self.contents(account)).values()), sorted(map(numbered, (2, 3, 100))))

    async def test_below_another_name(self):
        """Everything can be put below one mailbox."""
        account = await self.account()
        await Import(source(), account, into="Imported").run()
        names = {entry.name for entry in await account.mailboxes() if entry.selectable}
        self.assertLessEqual({"Imported", "Imported/Old/2024", "Imported/files"}, names)
        self.assertEqual(await self.contents(account), {})

    async def test_dry_run(self):
        """A dry run reads everything, counts, and changes nothing."""
        account = await self.account()
        before = await account.mailboxes()
        outcome = await Import(source(), account, dry_run=True).run()
        self.assertEqual(outcome.messages, 6)
        self.assertEqual(await account.mailboxes(), before)

    async def test_verify(self):
        """What is missing or other afterwards is told."""
        account = await self.account()
        work = Import(source(), account)
        await work.run()
        self.assertEqual(await compare_source(source(), account, work), [])
        await (await account.open(INBOX)).remove([5])
        await (await account.open("files")).remove([1])
        await account.delete("Old/2024")
        found = "\n".join(await compare_source(source(), account, work))
        for part in ("INBOX: UID 5", "files: a message with SHA-256", "Old/2024: "):
            self.assertIn(part, found)

    async def test_progress(self):
        """Every message is told of, once."""
        told = []
        await Import(source(), await self.account(), progress=lambda name, count: told.append(count)).run()
        self.assertEqual(sum(told), 6)

    @given(st.data())
    @settings(max_examples=30, deadline=None)
    def test_any_interruptions(self, data):
        """Whatever the mailboxes, and wherever imports break off: in the end all is there, once."""
        from mailframe.store.memory import MemoryStore

        uids = data.draw(st.lists(st.integers(1, 60), unique=True, max_size=12).map(sorted))
        nameless = data.draw(st.lists(st.integers(0, 4), max_size=8))
        stops = data.draw(st.lists(st.integers(0, 20), max_size=4))
        mailboxes = {
            INBOX: (TakenMailbox(5, 61), [message(uid) for uid in uids]),
            "files": (TakenMailbox(), [message(0, numbered(number)) for number in nameless]),
        }
        store = MemoryStore(describe)

        async def work():
            account = await store.account(ALICE)
            for stop in stops:
                try:
                    await Import(ListSource(mailboxes, fails_after=stop), account).run()
                except OSError:
                    continue
            await Import(ListSource(mailboxes), account).run()
            return await self.contents(account), await self.contents(account, "files")

        from twisted.internet.defer import Deferred

        inbox, files = self.successResultOf(Deferred.fromCoroutine(work()))
        self.assertEqual(inbox, {uid: numbered(uid) for uid in uids})
        self.assertEqual(sorted(files.values()), sorted(map(numbered, nameless)))
