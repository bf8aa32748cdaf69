"""The contract of FETCH: facts of messages and spans of their octets."""

from __future__ import annotations

import hashlib

from mailframe.store.values import SEEN, FlagChange, Item, NewMessage, Span

from .fixture import HELLO, StoreFixture, in_file, new, numbered

EVERYTHING = ~Item(0)
MISSING = 4_000_000_000


class ReadingContract(StoreFixture):
    """``IMailbox.snapshot``, ``fetch`` and ``read``."""

    async def test_snapshot(self) -> None:
        """A snapshot has all UIDs ascending, the first unseen message, and the keywords in use."""
        uids = await self.append(new(HELLO, [SEEN]), new(HELLO, ["alpha"]), new(HELLO, ["Beta", "alpha"]))
        snapshot = await (await self.opened()).snapshot()
        self.assertEqual(list(snapshot.uids), uids)
        self.assertEqual(uids, sorted(set(uids)))
        self.assertEqual(snapshot.first_unseen, uids[1])
        self.assertEqual(snapshot.keywords, {"alpha", "Beta"})

    async def test_snapshot_of_nothing(self) -> None:
        """An empty mailbox has an empty snapshot."""
        snapshot = await (await self.opened("Sent")).snapshot()
        self.assertEqual((list(snapshot.uids), snapshot.first_unseen), ([], None))
        self.assertEqual((snapshot.recent, snapshot.keywords), (frozenset(), frozenset()))

    async def test_fetch_everything(self) -> None:
        """All facts of a message are what it came with."""
        (uid,) = await self.append(new(HELLO, [SEEN, "word"], 1_500_000_000))
        mailbox = await self.opened()
        (message,) = await mailbox.fetch([uid], EVERYTHING)
        self.assertEqual((message.uid, message.flags), (uid, {SEEN, "word"}))
        self.assertEqual((message.internal_date, message.size), (1_500_000_000, len(HELLO)))
        self.assertEqual(message.modseq, (await mailbox.snapshot()).modseq)
        self.assertTrue(message.email_id)
        self.assertGreater(message.save_date, 0)
        assert message.description is not None
        self.assertEqual(message.description.envelope, b"(%d)" % len(HELLO))
        self.assertEqual(message.description.parts, hashlib.sha256(HELLO).digest())

    async def test_each_item_alone(self) -> None:
        """Each item can be asked for alone and gives the same as all together."""
        (uid,) = await self.append(new(HELLO, [SEEN]))
        mailbox = await self.opened()
        (whole,) = await mailbox.fetch([uid], EVERYTHING)
        fields = {
            Item.FLAGS: ("flags", "modseq"),
            Item.DATE: ("internal_date",),
            Item.SIZE: ("size",),
            Item.IDENTITY: ("email_id", "thread_id", "save_date"),
        }
        for item, names in fields.items():
            (message,) = await mailbox.fetch([uid], item)
            for name in names:
                self.assertEqual(getattr(message, name), getattr(whole, name), name)
        assert whole.description is not None
        for item, name in ((Item.ENVELOPE, "envelope"), (Item.BODYSTRUCTURE, "body"), (Item.PARTS, "parts")):
            (message,) = await mailbox.fetch([uid], item)
            self.assertEqual(getattr(message.description, name), getattr(whole.description, name))

    async def test_descriptions_with_a_prefix_in_a_file(self) -> None:
        """What is described is the whole message, prefix and file together, however it came in."""
        content = in_file(HELLO + b"x" * 300_000 + b"\r\n").with_prefix(b"Received: here\r\n")
        self.addCleanup(content.body.discard)
        octets = content.octets()
        (uid,) = await self.append(NewMessage(content))
        (message,) = await (await self.opened()).fetch([uid], Item.PARTS | Item.ENVELOPE)
        assert message.description is not None
        self.assertEqual(message.description.parts, hashlib.sha256(octets).digest())
        self.assertEqual(message.description.envelope, b"(%d)" % len(octets))

    async def test_fetch_order_and_bad_uids(self) -> None:
        """Messages come with UIDs ascending, each once; UIDs that do not exist are passed over."""
        mailbox, uids = await self.filled(5)
        await mailbox.remove([uids[2]])
        asked = [MISSING, uids[4], uids[0], uids[2], uids[0], 0]
        found = await mailbox.fetch(asked, Item.SIZE)
        self.assertEqual([message.uid for message in found], [uids[0], uids[4]])
        self.assertEqual(list(await mailbox.fetch([], EVERYTHING)), [])

    async def test_fetch_a_thousand(self) -> None:
        """A thousand UIDs may be asked for at once."""
        mailbox, uids = await self.filled(1000)
        found = await mailbox.fetch(uids, Item.FLAGS | Item.SIZE)
        self.assertEqual([message.uid for message in found], uids)

    async def test_read_spans(self) -> None:
        """Spans come in the order asked; past the end there is what there is."""
        mailbox, (first, second) = await self.filled(2)
        size = len(numbered(0))
        pieces = await mailbox.read(
            [
                Span(second, 0, 7),
                Span(first),
                Span(first, 9, 8),
                Span(first, size - 2, 100),
                Span(first, size),
                Span(first, size + 100, 5),
                Span(first, 3, 0),
                Span(MISSING),
                Span(second, 9),
            ]
        )
        whole = numbered(0)
        self.assertEqual(
            list(pieces),
            [b"Subject", whole, whole[9:17], b"\r\n", b"", b"", b"", None, numbered(1)[9:]],
        )
        self.assertEqual(list(await mailbox.read([])), [])

    async def test_read_in_windows(self) -> None:
        """A large message read window by window is the message."""
        octets = b"".join(b"line %d of a long message\r\n" % number for number in range(30_000))
        content = in_file(octets).with_prefix(b"Subject: long\r\n\r\n")
        self.addCleanup(content.body.discard)
        (uid,) = await self.append(NewMessage(content))
        mailbox = await self.opened()
        (message,) = await mailbox.fetch([uid], Item.SIZE)
        window, pieces = 65_537, []
        for offset in range(0, message.size, window):
            (piece,) = await mailbox.read([Span(uid, offset, window)])
            assert piece is not None
            pieces.append(piece)
        self.assertEqual(b"".join(pieces), b"Subject: long\r\n\r\n" + octets)

    async def test_read_what_another_removed(self) -> None:
        """A message another session removed is gone for all who ask."""
        mailbox, uids = await self.filled(2)
        await (await self.opened()).remove(uids[:1])
        self.assertIsNone(await self.octets(mailbox, uids[0]))
        self.assertEqual(await self.octets(mailbox, uids[1]), numbered(1))

    async def test_reading_changes_nothing(self) -> None:
        """Reading and fetching set no flag and no modseq."""
        mailbox, uids = await self.filled(2)
        before = await mailbox.snapshot()
        await mailbox.fetch(uids, EVERYTHING)
        await self.contents(mailbox)
        after = await mailbox.snapshot()
        self.assertEqual((after.modseq, after.first_unseen), (before.modseq, uids[0]))

    async def test_read_only_refuses_changes(self) -> None:
        """A mailbox opened for reading can be read and copied from, and not changed."""
        _, uids = await self.filled(2)
        mailbox = await self.opened(read_only=True)
        self.assertEqual(await self.contents(mailbox), [numbered(0), numbered(1)])
        await self.refused("NOPERM", mailbox.store(uids, FlagChange.ADD, frozenset({SEEN})))
        await self.refused("NOPERM", mailbox.expunge())
        await self.refused("NOPERM", mailbox.remove(uids))
        await self.refused("NOPERM", mailbox.move(uids, "Trash"))
        await mailbox.copy(uids, "Archive")
        self.assertEqual(await self.uids(mailbox), uids)
