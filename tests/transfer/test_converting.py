"""Tests of `mailframe.transfer.converting` and `mailframe.transfer.comparing`."""

from __future__ import annotations

from mailframe.store.quota import Limit
from mailframe.store.values import FLAGGED, INBOX, Item, TakenMailbox
from mailframe.testing.store.fixture import ALICE, new, numbered
from mailframe.transfer.comparing import compare_accounts
from mailframe.transfer.converting import Conversion
from mailframe.transfer.values import TransferError

from .fixture import TransferTestCase, message


class ConversionTests(TransferTestCase):
    """An account becomes the image of another, and stays it."""

    async def pair(self):
        source = await self.filled(self.memory)
        image = await self.maildir.account(ALICE)
        self.addCleanup(image.close)
        return source, image

    async def test_everything_is_kept(self):
        """UIDs, MODSEQs, object ids, dates, flags, special uses and subscriptions are the same afterwards."""
        source, image = await self.pair()
        outcome = await Conversion(source, image).run()
        self.assertEqual(await compare_accounts(source, image), [])
        self.assertEqual(outcome.messages, 5)
        self.assertEqual(await self.contents(image), await self.contents(source))
        inbox = await image.open(INBOX)
        (first,) = await inbox.fetch([3], Item.FLAGS | Item.IDENTITY)
        self.assertEqual((first.modseq, first.email_id, first.thread_id), (12, "Ma", "Ta"))

    async def test_rights_and_annotations(self):
        """Rights on mailboxes and annotations of mailboxes and the account follow, also when they are taken away."""
        source, image = await self.pair()
        await source.set_access(INBOX, "bob@example.test", frozenset("lr"))
        await source.set_access("Sent", "anyone", frozenset("l"))
        await source.set_metadata(INBOX, {"/shared/comment": b"ours", "/private/comment": b"mine"})
        await source.set_metadata(INBOX, {"/private/comment": b"bob's"}, "bob@example.test")
        await source.set_metadata(None, {"/shared/admin": b"mailto:a@example.test"})
        await Conversion(source, image).run()
        await source.set_access("Sent", "anyone", None)
        await source.set_metadata(INBOX, {"/shared/comment": None})
        await Conversion(source, image).run()
        for name in (INBOX, "Sent"):
            self.assertEqual(list(await image.access(name)), list(await source.access(name)))
        for name in (INBOX, None):
            for user in ("", "bob@example.test"):
                entries = ("/shared", "/private")
                wanted = await source.metadata(name, entries, -1, user)
                self.assertEqual(dict(await image.metadata(name, entries, -1, user)), dict(wanted))
        self.assertEqual(
            dict(await image.metadata(INBOX, ["/private/comment"])), {"/private/comment": b"mine"}
        )

    async def test_own_limits(self):
        """Limits that the owner has set follow, those of mailboxes too, also when they are taken off."""
        source, image = await self.pair()
        await source.set_quota("", Limit(1, 1000))
        await source.set_quota("Sent", Limit(messages=2))
        await Conversion(source, image).run()
        self.assertEqual(
            [(root.name, root.own) for root in await image.quotas()],
            [("", Limit(1, 1000)), ("Sent", Limit(0, 2))],
        )
        self.assertEqual(await compare_accounts(source, image), [])
        await source.set_quota("", Limit())
        self.assertEqual(
            await compare_accounts(source, image), ["the account: the owner's own limits are others"]
        )
        await Conversion(source, image).run()
        self.assertEqual([root.name for root in await image.quotas()], ["Sent"])

    async def test_back_again(self):
        """There and back is where it was."""
        source, image = await self.pair()
        await Conversion(source, image).run()
        again = await self.memory.account("again@example.test")
        await Conversion(image, again).run()
        self.assertEqual(await compare_accounts(source, again), [])

    async def test_nothing_happens_twice(self):
        """A second run with nothing to do brings nothing over, and changes nothing."""
        source, image = await self.pair()
        await Conversion(source, image).run()
        before = await image.status(INBOX)
        outcome = await Conversion(source, image).run()
        self.assertEqual((outcome.messages, outcome.octets), (0, 0))
        self.assertEqual(sum(folder.updated + folder.removed for folder in outcome.folders), 0)
        self.assertEqual(await image.status(INBOX), before)

    async def test_follows(self):
        """What happened since the last run comes over: mail, flags, expunges, mailboxes, subscriptions."""
        source, image = await self.pair()
        await Conversion(source, image).run()
        await source.append(INBOX, [new(numbered(99))])
        await self.flag(source, INBOX, 70, FLAGGED, "late")
        inbox = await source.open(INBOX)
        await inbox.remove([3])
        await source.create("New/One")
        await source.subscribe("New/One", True)
        await source.delete("Empty")
        outcome = await Conversion(source, image).run()
        inbox_outcome = next(folder for folder in outcome.folders if folder.name == INBOX)
        self.assertEqual((inbox_outcome.messages, inbox_outcome.updated, inbox_outcome.removed), (1, 1, 1))
        self.assertEqual(await compare_accounts(source, image), [])

    async def test_expunges_are_told(self):
        """A client that knew the old store hears from the new one what was expunged between two runs."""
        source, image = await self.pair()
        await Conversion(source, image).run()
        known = (await source.status(INBOX)).highestmodseq
        inbox = await source.open(INBOX)
        await inbox.remove([3])
        await self.flag(source, INBOX, 70, FLAGGED)
        await Conversion(source, image).run()
        changes = await (await image.open(INBOX)).changes(known)
        self.assertIn(3, changes.vanished)
        self.assertEqual([one.uid for one in changes.messages], [70])

    async def test_goes_on_after_an_interruption(self):
        """A conversion that was killed anywhere goes on, and every message is there once."""
        self.patch(__import__("mailframe.transfer.converting", fromlist=["x"]), "BATCH_MESSAGES", 1)
        source, image = await self.pair()
        for stop in range(1, 8):
            calls = []

            def progress(name, count, calls=calls, stop=stop):
                calls.append(name)
                if len(calls) == stop:
                    raise KeyboardInterrupt

            try:
                await Conversion(source, image, progress=progress).run()
            except KeyboardInterrupt:
                continue
        await Conversion(source, image).run()
        self.assertEqual(await compare_accounts(source, image), [])

    async def test_dry_run(self):
        """A dry run says what would come over and changes nothing."""
        source, image = await self.pair()
        before = await image.mailboxes()
        outcome = await Conversion(source, image, dry_run=True).run()
        self.assertEqual(outcome.messages, 5)
        self.assertEqual(await image.mailboxes(), before)
        self.assertEqual(await self.contents(image), {})

    async def test_mail_of_its_own(self):
        """An account in the new store that has mail of its own is not touched."""
        source, image = await self.pair()
        await image.append(INBOX, [new()])
        with self.assertRaises(TransferError):
            await Conversion(source, image, delete=True).run()
        self.assertEqual(len(await self.contents(image)), 1)

    async def test_other_mailboxes(self):
        """A mailbox with mail that the account has no more is deleted only when that is asked for."""
        source, image = await self.pair()
        await Conversion(source, image).run()
        await source.delete("Projekte/Übersicht")
        with self.assertRaises(TransferError) as caught:
            await Conversion(source, image).run()
        self.assertIn("Projekte/Übersicht", str(caught.exception))
        await Conversion(source, image, delete=True).run()
        self.assertEqual(await compare_accounts(source, image), [])

    async def test_used_by_others(self):
        """An image that others put mail into is told of, whether its UIDs are the account's by chance or not."""
        source, image = await self.pair()
        await Conversion(source, image).run()
        for numbers in ([73], [73, 74]):
            for _ in range(2):
                await image.append("Sent", [new()])
            await source.append("Sent", [new(numbered(number)) for number in numbers])
            with self.assertRaises(TransferError):
                await Conversion(source, image).run()
            sent = await image.open("Sent")
            await sent.remove(list((await sent.snapshot()).uids))


class ComparisonTests(TransferTestCase):
    """`--verify` finds what is not the same."""

    async def test_differences(self):
        """Each kind of difference is told, with the mailbox and the UID."""
        one = await self.filled(self.memory)
        other = await self.filled(self.memory, "other@example.test")
        await other.take_over("X", TakenMailbox(9, 0, 0, "FX"), [message(1)])
        await one.take_over("X", TakenMailbox(9, 0, 0, "FX"), [message(1, b"else", ["a"]), message(2)])
        found = "\n".join(await compare_accounts(one, other))
        for part in (
            "X: UID 1 has another content",
            "X: UID 1 has another set of flags",
            "X: UID 2 is missing",
        ):
            self.assertIn(part, found)

    async def test_sharing(self):
        """Rights and annotations that are not the same are told, those of the account itself, too."""
        one = await self.filled(self.memory)
        other = await self.memory.account("image@example.test")
        await Conversion(one, other).run()
        self.assertEqual(await compare_accounts(one, other), [])
        await one.set_access(INBOX, "bob@example.test", frozenset("lr"))
        await other.set_metadata("Sent", {"/private/comment": b"mine"})
        await one.set_metadata(None, {"/private/theme": b"dark"})
        self.assertEqual(
            sorted(await compare_accounts(one, other)),
            [
                "INBOX: bob@example.test has other rights",
                "Sent: the annotation /private/comment is another",
                "the account: the annotation /private/theme is another",
            ],
        )
        await Conversion(one, other).run()
        self.assertEqual(await compare_accounts(one, other), [])

    async def test_missing_mailbox(self):
        """A mailbox that is not there is a difference."""
        one = await self.filled(self.memory)
        other = await self.memory.account("other@example.test")
        self.assertTrue(any(text.startswith("Empty: ") for text in await compare_accounts(one, other)))
