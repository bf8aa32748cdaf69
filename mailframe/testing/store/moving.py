"""The contract of COPY, MOVE, EXPUNGE and POP3's removal."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from mailframe.store.values import DELETED, INBOX, SEEN, FlagChange, Item

from .fixture import HELLO, StoreFixture, new, numbered

IDENTITY = Item.FLAGS | Item.DATE | Item.SIZE | Item.IDENTITY
MISSING = 4_000_000_000


class CopyContract(StoreFixture):
    """`IMailbox.copy` and `IMailbox.move`."""

    async def test_copy(self) -> None:
        """A copy has the octets, flags, internal date and email id of its original, which stays."""
        (uid,) = await self.append(new(HELLO, [SEEN, "word"], 1_400_000_000))
        mailbox = await self.opened()
        copied = await mailbox.copy([uid], "Archive")
        target = await self.opened("Archive")
        self.assertEqual(copied.uidvalidity, target.uidvalidity)
        self.assertEqual((list(copied.source), list(copied.target)), ([uid], await self.uids(target)))
        (original,) = await mailbox.fetch([uid], IDENTITY)
        (copy,) = await target.fetch(copied.target, IDENTITY)
        self.assertEqual((copy.flags, copy.internal_date), (original.flags, original.internal_date))
        self.assertEqual((copy.size, copy.email_id), (original.size, original.email_id))
        self.assertEqual(await self.contents(target), [HELLO])
        self.assertEqual(await self.contents(mailbox), [HELLO])

    async def test_copy_many_in_order(self) -> None:
        """Copies come in the order of their UIDs, whatever the order asked; bad UIDs are passed over."""
        mailbox, uids = await self.filled(5)
        copied = await mailbox.copy([MISSING, uids[3], uids[0], uids[3]], "Archive")
        self.assertEqual(list(copied.source), [uids[0], uids[3]])
        target = await self.opened("Archive")
        self.assertEqual(await self.uids(target), list(copied.target))
        self.assertEqual(await self.contents(target), [numbered(0), numbered(3)])

    async def test_copy_nothing(self) -> None:
        """Copying no message is no error."""
        mailbox, _ = await self.filled(1)
        copied = await mailbox.copy([MISSING], "Archive")
        self.assertEqual((list(copied.source), list(copied.target)), ([], []))

    async def test_copy_into_itself(self) -> None:
        """Messages can be copied within their mailbox, and are new messages then."""
        mailbox, uids = await self.filled(2)
        copied = await mailbox.copy(uids, INBOX)
        self.assertEqual(await self.uids(mailbox), uids + list(copied.target))
        self.assertEqual(await self.contents(mailbox), [numbered(0), numbered(1)] * 2)

    async def test_copies_are_apart(self) -> None:
        """What happens to a copy does not happen to the original."""
        mailbox, uids = await self.filled(1)
        await mailbox.copy(uids, "Archive")
        target = await self.opened("Archive")
        await target.store(await self.uids(target), FlagChange.ADD, frozenset({SEEN}))
        self.assertEqual(await self.flags(mailbox), {uids[0]: frozenset()})
        await mailbox.remove(uids)
        self.assertEqual(await self.contents(target), [numbered(0)])

    async def test_copies_are_recent(self) -> None:
        """Copies are recent where they came (RFC 3501 section 6.4.7)."""
        mailbox, uids = await self.filled(1)
        await mailbox.snapshot()
        copied = await mailbox.copy(uids, "Archive")
        self.assertEqual((await (await self.opened("Archive")).snapshot()).recent, set(copied.target))

    async def test_missing_target(self) -> None:
        """A target that does not exist can be created first; nothing was copied or moved."""
        mailbox, uids = await self.filled(1)
        await self.refused("TRYCREATE", mailbox.copy(uids, "missing"))
        await self.refused("TRYCREATE", mailbox.move(uids, "missing"))
        self.assertEqual(await self.uids(mailbox), uids)
        self.assertNotIn("missing", await self.names())

    async def test_target_in_any_case(self) -> None:
        """INBOX is a target in any case."""
        await self.append(HELLO, mailbox="Sent")
        mailbox = await self.opened("Sent")
        await mailbox.copy(await self.uids(mailbox), "inbox")
        self.assertEqual(await self.contents(await self.opened()), [HELLO])

    async def test_move(self) -> None:
        """A moved message leaves its mailbox and is the same message, with a new UID, in the other."""
        (uid, stays) = await self.append(new(HELLO, [SEEN, "word"], 1_400_000_000), new(numbered(1)))
        mailbox = await self.opened()
        since = (await mailbox.snapshot()).modseq
        (before,) = await mailbox.fetch([uid], IDENTITY)
        moved = await mailbox.move([uid, MISSING], "Archive")
        self.assertEqual(list(moved.source), [uid])
        self.assertEqual(await self.uids(mailbox), [stays])
        self.assertEqual(list((await mailbox.changes(since)).vanished), [uid])
        target = await self.opened("Archive")
        (after,) = await target.fetch(moved.target, IDENTITY)
        self.assertEqual((after.flags, after.email_id), (before.flags, before.email_id))
        self.assertEqual((after.internal_date, after.size), (before.internal_date, before.size))
        self.assertEqual(await self.contents(target), [HELLO])

    async def test_move_many(self) -> None:
        """Two hundred messages move at once, in order."""
        mailbox, uids = await self.filled(200)
        moved = await mailbox.move(uids, "Archive")
        self.assertEqual(list(moved.source), uids)
        self.assertEqual(await self.uids(mailbox), [])
        found = await self.contents(await self.opened("Archive"))
        self.assertEqual(found, [numbered(number) for number in range(200)])

    async def test_move_within(self) -> None:
        """A message moved within its mailbox has a new UID."""
        mailbox, (first, second) = await self.filled(2)
        moved = await mailbox.move([first], INBOX)
        self.assertEqual(await self.uids(mailbox), [second, *moved.target])
        self.assertEqual(await self.contents(mailbox), [numbered(1), numbered(0)])

    async def test_there_and_back(self) -> None:
        """A message moved away and back has another UID than before."""
        mailbox, (uid,) = await self.filled(1)
        await mailbox.move([uid], "Archive")
        archive = await self.opened("Archive")
        back = await archive.move(await self.uids(archive), INBOX)
        self.assertGreater(back.target[0], uid)
        self.assertEqual(await self.contents(mailbox), [numbered(0)])


class ExpungeContract(StoreFixture):
    """`IMailbox.expunge`, `IMailbox.remove`, closing, and cancellation."""

    async def test_expunge(self) -> None:
        """EXPUNGE removes what is marked deleted, and tells what, ascending."""
        mailbox, uids = await self.filled(5)
        marked = [uids[3], uids[1]]
        await mailbox.store(marked, FlagChange.ADD, frozenset({DELETED}))
        self.assertEqual(list(await mailbox.expunge()), [uids[1], uids[3]])
        self.assertEqual(await self.uids(mailbox), [uids[0], uids[2], uids[4]])
        self.assertEqual(list(await mailbox.expunge()), [])

    async def test_uid_expunge(self) -> None:
        """With UIDs only those are removed, and only when they are marked."""
        mailbox, uids = await self.filled(4)
        await mailbox.store(uids[:2], FlagChange.ADD, frozenset({DELETED}))
        self.assertEqual(list(await mailbox.expunge([uids[2], uids[1], MISSING])), [uids[1]])
        self.assertEqual(list(await mailbox.expunge([])), [])
        self.assertEqual(await self.uids(mailbox), [uids[0], uids[2], uids[3]])

    async def test_remove(self) -> None:
        """Removal does not look at flags; what is not there is passed over."""
        mailbox, uids = await self.filled(3)
        self.assertEqual(list(await mailbox.remove([uids[2], MISSING, uids[0]])), [uids[0], uids[2]])
        self.assertEqual(list(await mailbox.remove(uids[:1])), [])
        self.assertEqual(await self.contents(mailbox), [numbered(1)])

    async def test_two_sessions_remove_one(self) -> None:
        """Of two sessions that remove the same message, one did."""
        mailbox, uids = await self.filled(1)
        other = await self.opened()
        self.assertEqual(list(await mailbox.remove(uids)), uids)
        self.assertEqual(list(await other.remove(uids)), [])

    async def test_closed_twice(self) -> None:
        """Closing twice is fine, also after the account was closed."""
        account = await self.account()
        mailbox = await account.open(INBOX)
        account.close()
        mailbox.close()
        mailbox.close()
        account.close()

    async def test_cancelled(self) -> None:
        """A cancelled append was made whole or not at all, and the store goes on working."""
        account = await self.account()
        appending = Deferred.fromCoroutine(_awaited(account.append(INBOX, [new(), new()])))
        appending.addErrback(lambda failure: failure.trap(CancelledError) and None)
        appending.cancel()
        await appending
        await self.append(numbered(1))
        # The work of the cancelled append may still be under way in a thread, before or behind ours.
        found = await self.contents(await self.opened())
        self.assertIn(numbered(1), found)
        self.assertIn(found.count(HELLO), (0, 2))


async def _awaited(awaitable: object) -> object:
    return await awaitable  # type: ignore[misc]
