"""The contract of threads, previews and sort keys of messages."""

from __future__ import annotations

from mailframe.message.sort_keys import unpack
from mailframe.store.values import DELETED, INBOX, FlagChange, Item

from .fixture import StoreFixture, new


def mail(own: str, *references: str, text: str = "Hello.") -> bytes:
    """A message with these ids."""
    lines = [f"Message-ID: <{own}@example.test>"]
    if references:
        lines.append("References: " + " ".join(f"<{one}@example.test>" for one in references))
    return ("\r\n".join([*lines, "Content-Type: text/plain", "", text, ""])).encode()


class ThreadsContract(StoreFixture):
    """``Item.IDENTITY``, ``Item.PREVIEW`` and ``Item.SORT_KEYS`` of `IMailbox.fetch`."""

    async def thread_ids(self, mailbox: str = INBOX) -> list[str]:
        """THREADIDs, in the order of the messages."""
        opened = await self.opened(mailbox, read_only=True)
        messages = await opened.fetch(await self.uids(opened), Item.IDENTITY)
        return [message.thread_id for message in messages]

    async def test_conversation(self) -> None:
        """An answer is in the thread of what it answers, whatever mailbox it is in; another message is not."""
        await self.append(mail("a"), mail("b", "a"), mail("other"))
        await self.append(mail("c", "a", "b"), mailbox="Sent")
        first, second, other = await self.thread_ids()
        self.assertEqual([second, *await self.thread_ids("Sent")], [first, first])
        self.assertNotIn(other, ("", first))

    async def test_any_order(self) -> None:
        """An answer that comes before what it answers is in the same thread, asked for now or later."""
        await self.append(mail("b", "a"))
        (early,) = await self.thread_ids()
        await self.append(mail("a"), mail("c", "b"))
        self.assertEqual(await self.thread_ids(), [early] * 3)

    async def test_never_changes(self) -> None:
        """What turns out later to belong together stays as it was told."""
        await self.append(mail("a"), mail("b"))
        before = await self.thread_ids()
        self.assertNotEqual(*before)
        await self.append(mail("c", "a", "b"))
        after = await self.thread_ids()
        self.assertEqual(after[:2], before)
        self.assertIn(after[2], before)

    async def test_large_group(self) -> None:
        """Many messages that come at once are no different."""
        await self.append(*(mail(f"m{n}", *(["m0"] if n else [])) for n in range(20)))
        self.assertEqual(len(set(await self.thread_ids())), 1)

    async def test_copies(self) -> None:
        """Copies and moved messages stay in their thread."""
        uids = await self.append(mail("a"), mail("b", "a"))
        mailbox = await self.opened()
        await mailbox.copy(uids, "Sent")
        await mailbox.move(uids, "Archive")
        threads = {*await self.thread_ids("Sent"), *await self.thread_ids("Archive")}
        self.assertEqual(len(threads), 1)

    async def test_without_ids(self) -> None:
        """Messages that have no id are each a thread of their own."""
        await self.append(b"Subject: x\r\n\r\nHello.\r\n", b"Subject: x\r\n\r\nHello.\r\n")
        self.assertEqual(len({*await self.thread_ids(), ""}), 3)

    async def test_preview(self) -> None:
        """What a message begins with is given when it is asked for, and only then."""
        large = mail("b", text="Dear Alice, " + "x" * 400_000)
        uids = await self.append(mail("a", text="Good morning,\r\n\r\nAlice!"), large)
        mailbox = await self.opened()
        for _ in range(2):
            first, second = await mailbox.fetch(uids, Item.PREVIEW)
            self.assertEqual(first.preview, "Good morning, Alice!")
            self.assertTrue((second.preview or "").startswith("Dear Alice, xxx"))
        (message,) = await mailbox.fetch(uids[:1], Item.FLAGS)
        self.assertIsNone(message.preview)
        copied = await mailbox.copy(uids[:1], "Sent")
        (message,) = await (await self.opened("Sent")).fetch(list(copied.target), Item.PREVIEW)
        self.assertEqual(message.preview, "Good morning, Alice!")

    async def test_sort_keys(self) -> None:
        """What a message is sorted by is given when it is asked for, also of copies, and goes with its message."""
        long = b"Received: " + b"x" * 3000 + b"\r\n"
        uids = await self.append(mail("a"), new(long + b"Subject: Re: Plums\r\n\r\nHello.\r\n"))
        mailbox = await self.opened()
        for _ in range(2):
            found = await mailbox.fetch(uids, Item.SORT_KEYS | Item.SIZE)
            keys = [unpack(message.sort_keys or b"") for message in found]
            self.assertEqual([one.message_id for one in keys], [b"a@example.test", None])
            self.assertEqual([one.subject for one in keys], [b"", b"PLUMS"])
        (message,) = await mailbox.fetch(uids[:1], Item.FLAGS)
        self.assertIsNone(message.sort_keys)
        copied = await mailbox.copy(uids, "Sent")
        sent = await self.opened("Sent")
        copies = await sent.fetch(list(copied.target), Item.SORT_KEYS)
        self.assertEqual([one.sort_keys for one in copies], [one.sort_keys for one in found])
        await sent.store(list(copied.target), FlagChange.ADD, frozenset({DELETED}))
        await sent.expunge(list(copied.target))
        self.assertEqual(await sent.fetch(list(copied.target), Item.SORT_KEYS), [])

    async def test_preview_of_nothing(self) -> None:
        """A message without text has an empty one."""
        (uid,) = await self.append(new(b"Content-Type: image/png\r\n\r\n\r\n"))
        (message,) = await (await self.opened()).fetch([uid], Item.PREVIEW | Item.SIZE)
        self.assertEqual((message.preview, message.size), ("", 29))
