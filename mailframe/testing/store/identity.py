"""The contract of EMAILID, dates and names of messages: what stays the same wherever a message goes."""

from __future__ import annotations

from mailframe.message.content import Content
from mailframe.store.hints import LocalHints
from mailframe.store.values import FLAGGED, INBOX, Delivery, FlagChange, Item, Message, NewMessage

from .fixture import ALICE, HELLO, StoreFixture, describe, new, numbered

FACTS = Item.IDENTITY | Item.DATE | Item.SIZE


class IdentityContract(StoreFixture):
    """``Item.IDENTITY`` of `IMailbox.fetch`, and what goes along with a message."""

    async def facts(self, mailbox: str = INBOX) -> list[Message]:
        """What is known of the messages of a mailbox."""
        opened = await self.opened(mailbox, read_only=True)
        return list(await opened.fetch(await self.uids(opened), FACTS))

    async def test_email_ids(self) -> None:
        """Each message has an EMAILID of its own, which is allowed, and stays when flags change."""
        mailbox, uids = await self.filled(3)
        before = [message.email_id for message in await self.facts()]
        self.assertEqual(len(set(before)), 3)
        for email_id in before:
            self.assertRegex(email_id, r"^[A-Za-z0-9_-]{1,255}$")
        await mailbox.store(uids, FlagChange.ADD, frozenset({FLAGGED}))
        self.assertEqual([message.email_id for message in await self.facts()], before)

    async def test_copies(self) -> None:
        """A copy has the EMAILID, the date and the size of the message, and the time it was made."""
        mailbox, uids = await self.filled(2)
        before = await self.facts()
        await mailbox.copy(uids, "Sent")
        await (await self.opened("Sent")).move([1], "Archive")
        found = [*await self.facts("Archive"), *await self.facts("Sent")]
        for one, other in zip(before, found, strict=True):
            self.assertEqual(
                (one.email_id, one.internal_date, one.size), (other.email_id, other.internal_date, other.size)
            )
            self.assertGreaterEqual(other.save_date, one.save_date)

    async def test_equal_messages_of_one_delivery(self) -> None:
        """One message for several mailboxes of an account has one EMAILID; another message has another."""
        content, other = Content.of(HELLO), Content.of(HELLO)
        deliveries = [
            Delivery(ALICE, NewMessage(each, frozenset(), 1_600_000_000, "Q"), name)
            for each, name in ((content, INBOX), (content, "Archive"), (other, INBOX))
        ]
        for status in await self.store.deliver(deliveries):
            self.assertTrue(status.success, status)
        first, second = [message.email_id for message in await self.facts()]
        (filed,) = await self.facts("Archive")
        self.assertEqual(filed.email_id, first)
        self.assertNotEqual(second, first)

    async def test_prefix_makes_another_message(self) -> None:
        """The same body behind other header fields is another message."""
        body = Content.of(HELLO).body
        deliveries = [
            Delivery(ALICE, NewMessage(Content(body, b"Delivered-To: %d\r\n" % number)), INBOX)
            for number in range(2)
        ]
        for status in await self.store.deliver(deliveries):
            self.assertTrue(status.success, status)
        self.assertEqual(len({message.email_id for message in await self.facts()}), 2)

    async def test_after_a_restart(self) -> None:
        """What was told of a message is told again after a restart."""
        await self.append(new(numbered(1), [FLAGGED], 1_500_000_000), numbered(2))
        before = await self.facts()
        self.store = await self.restart_store(self.store, describe, LocalHints())
        self.assertEqual(await self.facts(), before)
        self.assertEqual(before[0].internal_date, 1_500_000_000)
