"""The contract of taking mail over with its identity: import, conversion and adoption stand on it."""

from __future__ import annotations

from mailframe.message.content import Content
from mailframe.store.values import (
    DELETED,
    FLAGGED,
    INBOX,
    SEEN,
    FlagChange,
    Item,
    TakenMailbox,
    TakenMessage,
)

from .fixture import HELLO, StoreFixture, describe, in_file, numbered

FACTS = Item.FLAGS | Item.DATE | Item.SIZE | Item.IDENTITY
TAKEN = TakenMailbox(uidvalidity=1_234_567, mailbox_id="F-elsewhere", special_use="\\Junk")


def taken(uid: int = 0, octets: bytes = HELLO, *flags: str, modseq: int = 0, **more: object) -> TakenMessage:
    """A message from elsewhere."""
    return TakenMessage(Content.of(octets), uid, frozenset(flags), modseq=modseq, **more)  # type: ignore[arg-type]


class TakeOverContract(StoreFixture):
    """`IMailAccount.take_over`."""

    async def test_mailbox_with_its_identity(self) -> None:
        """A mailbox that comes over has the UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ and MAILBOXID it had."""
        account = await self.account()
        described = TakenMailbox(777, 1000, 2000, "Fold", "\\Junk")
        self.assertEqual(list(await account.take_over("old/place", described)), [])
        status = await account.status("old/place")
        self.assertEqual((status.uidvalidity, status.uidnext, status.mailbox_id), (777, 1000, "Fold"))
        self.assertGreaterEqual(status.highestmodseq, 2000)
        entries = {entry.name: entry for entry in await account.mailboxes()}
        self.assertEqual((entries["old/place"].special_use, entries["old"].selectable), ("\\Junk", True))
        self.assertEqual((await account.open("old/place")).mailbox_id, "Fold")

    async def test_messages_with_their_identity(self) -> None:
        """Messages that come over keep UIDs, flags, dates, MODSEQs and object ids, and are not recent."""
        account = await self.account()
        messages = [
            TakenMessage(
                Content.of(numbered(1)),
                3,
                frozenset({SEEN, "Word"}),
                1_400_000_000,
                70,
                1_500_000_000,
                "Ma",
                "Ta",
            ),
            TakenMessage(in_file(numbered(2)), 9, frozenset(), 1_300_000_000, 50, 1_500_000_001, "Mb", "Tb"),
        ]
        self.assertEqual(list(await account.take_over("box", TAKEN, messages)), [3, 9])
        mailbox = await account.open("box")
        self.assertEqual(mailbox.uidvalidity, TAKEN.uidvalidity)
        first, second = await mailbox.fetch([3, 9], FACTS)
        self.assertEqual((first.flags, first.internal_date), ({SEEN, "Word"}, 1_400_000_000))
        self.assertEqual((first.modseq, first.save_date), (70, 1_500_000_000))
        self.assertEqual((first.email_id, first.thread_id), ("Ma", "Ta"))
        self.assertEqual((second.modseq, second.email_id, second.size), (50, "Mb", len(numbered(2))))
        snapshot = await mailbox.snapshot()
        self.assertEqual((list(snapshot.uids), snapshot.recent, snapshot.uidnext), ([3, 9], frozenset(), 10))
        self.assertGreaterEqual(snapshot.modseq, 70)
        self.assertEqual(await self.contents(mailbox), [numbered(1), numbered(2)])

    async def test_names_of_pop3(self) -> None:
        """What POP3 called a message elsewhere is kept while the message is there; copies have no such name."""
        account = await self.account()
        messages = [taken(3, uidl="UID3-77"), taken(4), taken(5, uidl="other")]
        await account.take_over(INBOX, TakenMailbox(42), messages)
        mailbox = await account.open(INBOX)
        await mailbox.copy([3], INBOX)
        await mailbox.remove([5])
        found = await mailbox.fetch(await self.uids(mailbox), Item.UIDL)
        self.assertEqual([(one.uid, one.uidl) for one in found], [(3, "UID3-77"), (4, ""), (6, "")])
        (message,) = await mailbox.fetch([3], Item.SIZE)
        self.assertEqual(message.uidl, "")
        (message,) = await mailbox.fetch([3], Item.UIDL | Item.ENVELOPE)
        self.assertEqual(message.uidl, "UID3-77")

    async def test_goes_on_from_there(self) -> None:
        """What comes later has higher UIDs and MODSEQs than anything that came over."""
        account = await self.account()
        await account.take_over("box", TakenMailbox(5, 100, 300, "F5"), [taken(7, modseq=200)])
        (uid,) = await self.append(HELLO, mailbox="box")
        mailbox = await account.open("box")
        (message,) = await mailbox.fetch([uid], Item.FLAGS)
        self.assertGreaterEqual(uid, 100)
        self.assertGreater(message.modseq, 300)
        changes = await mailbox.changes(300)
        self.assertEqual([message.uid for message in changes.messages], [uid])

    async def test_inbox(self) -> None:
        """INBOX, which is there already, becomes the one that comes over as long as it is empty."""
        account = await self.account()
        await account.take_over("inbox", TakenMailbox(42, mailbox_id="Finbox"), [taken(5)])
        status = await account.status(INBOX)
        self.assertEqual((status.uidvalidity, status.uidnext, status.mailbox_id), (42, 6, "Finbox"))

    async def test_occupied(self) -> None:
        """A mailbox with messages of its own does not become another."""
        await self.append(HELLO)
        account = await self.account()
        await self.refused("ALREADYEXISTS", account.take_over(INBOX, TAKEN, [taken(5)]))
        mailbox = await self.opened()
        self.assertEqual(await self.contents(mailbox), [HELLO])
        self.assertNotEqual(mailbox.uidvalidity, TAKEN.uidvalidity)

    async def test_in_parts(self) -> None:
        """Messages may come over in several calls, and again after an interruption: none is there twice."""
        account = await self.account()
        await account.take_over("box", TAKEN, [taken(2, numbered(2)), taken(4, numbered(4))])
        again = [taken(2, numbered(2)), taken(4, numbered(4)), taken(6, numbered(6))]
        self.assertEqual(list(await account.take_over("box", TAKEN, again)), [6])
        mailbox = await account.open("box")
        self.assertEqual(await self.uids(mailbox), [2, 4, 6])
        self.assertEqual(await self.contents(mailbox), [numbered(2), numbered(4), numbered(6)])

    async def test_flags_follow(self) -> None:
        """A message that is there already gets the flags and the MODSEQ it has elsewhere by now."""
        account = await self.account()
        await account.take_over("box", TAKEN, [taken(2, modseq=5), taken(4, HELLO, SEEN, modseq=6)])
        follow = [TakenMessage(None, 2, frozenset({FLAGGED, "word"}), modseq=11)]
        self.assertEqual(list(await account.take_over("box", TAKEN, follow)), [])
        mailbox = await account.open("box")
        first, second = await mailbox.fetch([2, 4], Item.FLAGS)
        self.assertEqual((first.flags, first.modseq), ({FLAGGED, "word"}, 11))
        self.assertEqual((second.flags, second.modseq), ({SEEN}, 6))
        status = await account.status("box")
        self.assertEqual((status.unseen, status.messages), (1, 2))
        self.assertGreaterEqual(status.highestmodseq, 11)

    async def test_expunged_stays_away(self) -> None:
        """A message that was expunged here does not come back."""
        account = await self.account()
        await account.take_over("box", TAKEN, [taken(2), taken(4)])
        mailbox = await account.open("box")
        await mailbox.remove([2])
        self.assertEqual(list(await account.take_over("box", TAKEN, [taken(2), taken(4)])), [])
        self.assertEqual(await self.uids(mailbox), [4])

    async def test_expunged_elsewhere(self) -> None:
        """Who asks for changes since before the mailbox came over hears of every UID that is not there."""
        account = await self.account()
        await account.take_over(
            "box", TakenMailbox(5, 8, 100, "F5"), [taken(2, modseq=5), taken(4, modseq=90)]
        )
        changes = await (await account.open("box")).changes(50)
        self.assertTrue({1, 3, 5, 6, 7} <= set(changes.vanished))
        self.assertFalse({2, 4} & set(changes.vanished))
        self.assertEqual([message.uid for message in changes.messages], [4])

    async def test_without_uids(self) -> None:
        """Messages without an identity get one here."""
        account = await self.account()
        uids = list(await account.take_over("box", TakenMailbox(), [taken(0, numbered(n)) for n in range(3)]))
        mailbox = await account.open("box")
        self.assertEqual(await self.uids(mailbox), uids)
        messages = await mailbox.fetch(uids, FACTS)
        self.assertEqual(len({message.email_id for message in messages}), 3)
        self.assertTrue(all(message.modseq > 0 and message.internal_date > 0 for message in messages))
        self.assertEqual(await self.contents(mailbox), [numbered(n) for n in range(3)])

    async def test_bad_ids(self) -> None:
        """An object id that no client could be told, or a MAILBOXID somebody has, is replaced."""
        account = await self.account()
        await account.take_over(
            "a", TakenMailbox(5, mailbox_id="Fsame"), [taken(1, email_id="not (allowed)")]
        )
        await account.take_over("b", TakenMailbox(5, mailbox_id="Fsame"))
        (message,) = await (await account.open("a")).fetch([1], Item.IDENTITY)
        self.assertNotIn(" ", message.email_id)
        self.assertTrue(message.email_id)
        self.assertEqual((await account.status("a")).mailbox_id, "Fsame")
        self.assertNotIn((await account.status("b")).mailbox_id, ("Fsame", ""))

    async def test_uidvalidity_grows(self) -> None:
        """A mailbox made later never has a UIDVALIDITY that came over."""
        account = await self.account()
        await account.take_over("box", TakenMailbox(4_000_000_000), [taken(1)])
        await account.delete("box")
        await account.create("box")
        self.assertGreater((await account.status("box")).uidvalidity, 4_000_000_000)

    async def test_misuse(self) -> None:
        """UIDs out of order, and a new message without content, are refused before anything happens."""
        account = await self.account()
        for messages in ([taken(5), taken(4)], [taken(0), taken(4)], [TakenMessage(None, 5)]):
            with self.assertRaises(ValueError):
                await account.take_over("box", TAKEN, messages)
        self.assertNotIn(5, await self.uids(await self.opened()))

    async def test_bad_name(self) -> None:
        """A mailbox that cannot be made cannot be taken over."""
        await self.refused("CANNOT", (await self.account()).take_over("a//b", TAKEN))

    async def test_lives_on(self) -> None:
        """What came over is a mailbox like any other: flags, copies and expunges work, and it outlives a restart."""
        account = await self.account()
        await account.take_over("box", TAKEN, [taken(n, numbered(n), modseq=n) for n in (2, 4, 6)])
        mailbox = await account.open("box")
        await mailbox.store([4], FlagChange.ADD, frozenset({DELETED}))
        await mailbox.copy([2], INBOX)
        self.assertEqual(list(await mailbox.expunge()), [4])
        account.close()
        await self.stop_store(self.store)
        self.store = await self.restart_store(self.store, describe, self.hints)
        mailbox = await self.opened("box")
        self.assertEqual((mailbox.uidvalidity, mailbox.mailbox_id), (TAKEN.uidvalidity, TAKEN.mailbox_id))
        self.assertEqual(await self.contents(mailbox), [numbered(2), numbered(6)])
        messages = await mailbox.fetch([2, 6], Item.FLAGS)
        self.assertEqual([(message.uid, message.modseq) for message in messages], [(2, 2), (6, 6)])
        self.assertEqual(await self.contents(await self.opened()), [numbered(2)])
