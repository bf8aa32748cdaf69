"""Tests of `mailframe.store.memory`."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.store.memory import MemoryStore, box
from mailframe.store.quota import Limit, QuotaRules
from mailframe.store.values import INBOX, Delivery, Item
from mailframe.testing.store import MailStoreContract, StoreFixture
from mailframe.testing.store.fixture import ALICE, HELLO, describe, new
from mailframe.testing.store.resync import ResyncContract


class MemoryStoreTests(MailStoreContract, TestCase):
    """The store in memory keeps the contract."""

    model_examples = 100
    model_steps = 40

    async def make_store(self, describe, hints):
        store = MemoryStore(describe, hints)
        await store.start()
        return store


class ForgottenTests(ResyncContract, TestCase):
    """A store that remembers few expunged messages."""

    async def setUp(self):
        self.patch(box, "VANISHED_LIMIT", 6)
        await super().setUp()

    async def make_store(self, describe, hints):
        return MemoryStore(describe, hints)

    async def test_bound(self):
        """Of expunged messages no more are remembered than allowed."""
        mailbox, uids = await self.filled(40)
        for uid in uids:
            await mailbox.remove([uid])
        found = self.store._accounts[ALICE].boxes[INBOX]
        self.assertLessEqual(len(found._vanished), 6)
        self.assertEqual(list((await mailbox.changes(1)).vanished), uids)


class OptionTests(StoreFixture, TestCase):
    """What only this store has."""

    async def make_store(self, describe, hints):
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        return MemoryStore(
            describe,
            hints,
            self.clock,
            mailboxes={"Bin": "\\Trash"},
            quota=QuotaRules(Limit(len(HELLO) * 2)),
            mailboxes_limit=3,
        )

    async def test_default_mailboxes(self):
        """The mailboxes of a new account can be chosen."""
        self.assertEqual(await self.names(), [INBOX, "Bin"])

    async def test_mailboxes_limit(self):
        """Mailboxes, the superiors that come with them included, are limited."""
        account = await self.account()
        await self.refused("LIMIT", account.create("a/b"))
        await account.create("a")
        await self.refused("LIMIT", account.create("b"))
        await self.refused("LIMIT", account.rename("a", "b/a"))
        self.assertEqual(await self.names(), [INBOX, "Bin", "a"])

    async def test_quota(self):
        """A full account takes no more, for now; moving still works."""
        await self.deliver(HELLO)
        statuses = await self.store.deliver([Delivery(ALICE, new()), Delivery(ALICE, new())])
        self.assertEqual([status.word for status in statuses], [None, "OVERQUOTA"])
        statuses = await self.store.deliver([Delivery("b@example.test", new())] * 3, atomic=True)
        self.assertEqual({status.word for status in statuses}, {"OVERQUOTA"})
        mailbox = await self.opened()
        await mailbox.move(await self.uids(mailbox), "Bin")
        self.assertEqual(len(await self.uids(await self.opened("Bin"))), 2)
        self.assertEqual((await self.store.room(ALICE)).word, "OVERQUOTA")
        self.assertIsNone(await self.store.room("nobody@example.test"))
        (root,) = await (await self.account()).quotas()
        self.assertEqual((root.usage.messages, root.usage.octets), (2, root.limit.octets))

    async def test_clock(self):
        """Messages are dated, and mailboxes numbered, by the clock."""
        await self.deliver(HELLO)
        mailbox = await self.opened()
        (message,) = await mailbox.fetch(await self.uids(mailbox), Item.IDENTITY)
        self.assertEqual(message.save_date, 1_700_000_000)
        self.assertEqual(mailbox.uidvalidity, 1_700_000_000)

    async def test_own_hints(self):
        """Without hints given, sessions of the store hear of each other all the same."""
        store = MemoryStore(describe)
        mailbox = await (await store.account(ALICE)).open(INBOX)
        calls = []
        mailbox.listen(lambda: calls.append(1))
        await store.deliver([Delivery(ALICE, new())])
        self.assertEqual(calls, [1])
