"""The contract of limits that an account's owner sets."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import Deferred

from mailframe.message.status import MailframeError
from mailframe.store.quota import ACCOUNT, LARGEST, Limit, Usage
from mailframe.store.values import INBOX, Delivery, Item

from .fixture import ALICE, BOB, HELLO, StoreFixture, describe, new


class QuotasContract(StoreFixture):
    """``IMailAccount.quotas`` and ``set_quota``, where the administrator limits nothing."""

    async def overquota(self, *mailboxes: str, account: str = ALICE) -> list[bool]:
        """Are deliveries to these refused, for now, for want of room?"""
        deliveries = [Delivery(account, new(), mailbox) for mailbox in mailboxes]
        statuses = await self.store.deliver(deliveries)
        self.assertFalse([status for status in statuses if status.permanent])
        self.assertLessEqual({status.word for status in statuses if not status.success}, {"OVERQUOTA"})
        return [not status.success for status in statuses]

    async def full(self, awaitable: Awaitable[object]) -> None:
        """It must be refused for want of room."""
        try:
            answer = await awaitable
        except MailframeError as error:
            self.assertEqual(error.status.word, "OVERQUOTA")
        else:
            self.fail(f"there was room: {answer!r}")

    async def test_own_limits(self) -> None:
        """Limits that the owner sets are told, and count for whatever comes; what is moved needs no room."""
        mailbox, uids = await self.filled(2)
        size = sum(message.size or 0 for message in await mailbox.fetch(uids, Item.SIZE))
        account = await self.account()
        self.assertEqual(list(await account.quotas()), [])
        root = await account.set_quota(ACCOUNT, Limit(messages=3))
        self.assertEqual((root.name, root.limit, root.own), (ACCOUNT, Limit(0, 3), Limit(0, 3)))
        self.assertEqual(root.usage, Usage(size, 2))
        self.assertEqual(await self.overquota(INBOX, "Sent"), [False, True])
        await self.full(account.append("Sent", [new()]))
        await self.full(mailbox.copy(uids, "Sent"))
        refusal = await self.store.room(ALICE)
        self.assertTrue(refusal is not None and refusal.word == "OVERQUOTA", refusal)
        self.assertEqual(len((await mailbox.move(uids, "Sent")).target), 2)
        self.assertEqual([root.usage.messages for root in await account.quotas("Sent")], [3])
        await self.opened(account=BOB)
        self.assertEqual(await self.overquota(INBOX, account=BOB), [False])

    async def test_octets(self) -> None:
        """Octets are limited as messages are, with all that come at once."""
        account = await self.account()
        await account.set_quota(ACCOUNT, Limit(octets=2 * len(HELLO)))
        await self.full(account.append(INBOX, [new()] * 3))
        self.assertEqual(await self.overquota(INBOX, "Sent", "Sent"), [False, False, True])

    async def test_all_or_none(self) -> None:
        """Of deliveries that belong together none comes in where there is no room for all."""
        await (await self.account()).set_quota(ACCOUNT, Limit(messages=1))
        statuses = await self.store.deliver([Delivery(ALICE, new())] * 2, atomic=True)
        self.assertEqual({status.word for status in statuses}, {"OVERQUOTA"})
        self.assertEqual(await self.uids(await self.opened()), [])

    async def test_less_than_there_is(self) -> None:
        """A limit may be below what is there: nothing goes, and flags change as ever."""
        mailbox, uids = await self.filled(3)
        root = await (await self.account()).set_quota(ACCOUNT, Limit(1, 1))
        self.assertEqual(root.usage.messages, 3)
        self.assertEqual(await self.overquota(INBOX), [True])
        self.assertEqual(await self.uids(mailbox), uids)
        self.assertEqual(list(await mailbox.remove(uids)), uids)

    async def test_taken_off(self) -> None:
        """New limits are instead of those before; without any there is room again."""
        account = await self.account()
        await account.set_quota(ACCOUNT, Limit(1, 1))
        self.assertEqual((await account.set_quota(ACCOUNT, Limit(messages=1))).limit, Limit(0, 1))
        self.assertEqual((await account.set_quota(ACCOUNT, Limit())).limit, Limit())
        self.assertEqual(list(await account.quotas()), [])
        self.assertEqual(await self.overquota(INBOX, INBOX), [False, False])
        self.assertIsNone(await self.store.room(ALICE))

    async def test_largest(self) -> None:
        """A limit may be as large as anybody can write it."""
        account = await self.account()
        root = await account.set_quota(ACCOUNT, Limit(LARGEST, LARGEST))
        self.assertEqual(root.own, Limit(LARGEST, LARGEST))
        self.assertEqual(await self.overquota(INBOX), [False])

    async def test_other_sessions(self) -> None:
        """Another session goes by what one has set, at once; another account does not."""
        one, other = await self.account(), await self.account()
        await other.append(INBOX, [new()])
        await one.set_quota(ACCOUNT, Limit(messages=1))
        await self.full(other.append(INBOX, [new()]))
        self.assertEqual([root.own for root in await other.quotas()], [Limit(0, 1)])
        await other.set_quota(ACCOUNT, Limit())
        await one.append(INBOX, [new()])
        self.assertEqual(list(await (await self.account(BOB)).quotas()), [])

    async def test_other_processes(self) -> None:
        """Another process on the same mail goes by it, too."""
        store = await self.second_store(self.store, describe, self.hints)
        if store is None:
            store = self.store
        else:
            self.addCleanup(lambda: Deferred.fromCoroutine(self.stop_store(store)))
        other = await store.account(ALICE)
        self.addCleanup(other.close)
        await other.append(INBOX, [new()])
        await (await self.account()).set_quota(ACCOUNT, Limit(messages=1))
        await self.full(other.append(INBOX, [new()]))
        statuses = await store.deliver([Delivery(ALICE, new())])
        self.assertEqual([status.word for status in statuses], ["OVERQUOTA"])

    async def test_quota_outlives_restarts(self) -> None:
        """What was set is there after a restart."""
        account = await self.account()
        await account.set_quota(ACCOUNT, Limit(5000, 10))
        await account.set_quota("Sent", Limit(messages=1))
        account.close()
        self.store = await self.restart_store(self.store, describe, self.hints)
        found = await (await self.account()).quotas()
        self.assertEqual(
            [(root.name, root.own) for root in found], [(ACCOUNT, Limit(5000, 10)), ("Sent", Limit(0, 1))]
        )

    async def test_mailbox(self) -> None:
        """A single mailbox may be limited: moving into it needs room there, and others have theirs."""
        mailbox, uids = await self.filled(2)
        account = await self.account()
        root = await account.set_quota("Sent", Limit(messages=1))
        self.assertEqual((root.name, root.limit, root.usage), ("Sent", Limit(0, 1), Usage()))
        await self.full(mailbox.move(uids, "Sent"))
        await mailbox.copy(uids[:1], "Sent")
        await self.full(mailbox.copy(uids[:1], "Sent"))
        await self.full(account.append("Sent", [new()]))
        self.assertEqual(await self.overquota("Sent", INBOX), [True, False])
        self.assertEqual([root.name for root in await account.quotas("Sent")], ["Sent"])
        self.assertEqual(list(await account.quotas(INBOX)), [])
        sent = await self.opened("Sent")
        # Where there is too much already, moving about in it is no matter.
        await sent.move(await self.uids(sent), "Sent")
        await self.refused("NONEXISTENT", account.set_quota("Nowhere", Limit(1)))

    async def test_quota_follows(self) -> None:
        """The limit of a mailbox stays with it when it is renamed, and is gone with it."""
        account = await self.account()
        await account.create("Team")
        await account.set_quota("Team", Limit(messages=1))
        await account.rename("Team", "Crew")
        self.assertEqual([root.name for root in await account.quotas()], ["Crew"])
        await account.delete("Crew")
        await account.create("Crew")
        self.assertEqual(list(await account.quotas()), [])
        await account.set_quota("INBOX", Limit(messages=2))
        self.assertEqual([root.name for root in await account.quotas("inbox")], [INBOX])

    async def test_removed_account(self) -> None:
        """Whoever gets the name of an account that is gone begins without its limits."""
        await (await self.account()).set_quota(ACCOUNT, Limit(messages=1))
        await self.store.remove_account(ALICE)
        self.assertEqual(list(await (await self.account()).quotas()), [])
