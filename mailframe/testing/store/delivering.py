"""The contract of delivery and APPEND: what comes in is there, whole, exact, and all or none where asked."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from mailframe.message.content import Content, OctetsBody
from mailframe.store.interfaces import IMailAccount, IMailbox, IMailStore
from mailframe.store.values import INBOX, SEEN, Delivery, Item, NewMessage

from .fixture import ALICE, BOB, HELLO, StoreFixture, in_file, new, numbered


class _BrokenBody(OctetsBody):
    """A body whose file cannot be read any more."""

    def chunks(self):  # type: ignore[no-untyped-def]
        """Fail as a broken disk does, in the middle."""
        yield b"Subject: half\r\n"
        raise OSError("the disk is broken")


def broken() -> NewMessage:
    """A message that cannot be read to its end."""
    return NewMessage(Content(_BrokenBody(HELLO)), internal_date=1)


class DeliveryContract(StoreFixture):
    """`IMailStore.deliver`, `IMailStore.account` and `IMailStore.remove_account`."""

    async def test_interfaces(self) -> None:
        """A store, its accounts and its mailboxes have every method of their interfaces."""
        account = await self.account()
        self.assertTrue(verifyObject(IMailStore, self.store))
        self.assertTrue(verifyObject(IMailAccount, account))
        self.assertTrue(verifyObject(IMailbox, await account.open(INBOX)))

    async def test_delivery_comes_into_inbox(self) -> None:
        """What was delivered is in INBOX, octet for octet."""
        await self.deliver(HELLO)
        self.assertEqual(await self.contents(await self.opened()), [HELLO])

    async def test_delivery_makes_the_account(self) -> None:
        """The first message of a new account makes its INBOX and default folders."""
        await self.deliver(HELLO, account=BOB)
        self.assertEqual(await self.names(BOB), ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"])

    async def test_delivery_into_a_mailbox(self) -> None:
        """A delivery may name another mailbox."""
        await (await self.account()).create("Lists/dev")
        await self.deliver(HELLO, mailbox="Lists/dev")
        self.assertEqual(await self.contents(await self.opened("Lists/dev")), [HELLO])

    async def test_delivery_into_a_missing_mailbox(self) -> None:
        """Mail for a mailbox that does not exist goes to INBOX."""
        await self.deliver(HELLO, mailbox="no/such")
        self.assertEqual(await self.contents(await self.opened()), [HELLO])
        self.assertNotIn("no/such", await self.names())

    async def test_one_message_for_many(self) -> None:
        """One message for several accounts is in each, with what was put in front for each."""
        content = Content.of(HELLO)
        for_alice = NewMessage(content.with_prefix(b"Delivered-To: alice@example.test\r\n"))
        for_bob = NewMessage(content.with_prefix(b"Delivered-To: bob@example.test\r\n"))
        statuses = await self.store.deliver([Delivery(ALICE, for_alice), Delivery(BOB, for_bob)])
        self.assertEqual([status.success for status in statuses], [True, True])
        for account, name in ((ALICE, b"alice"), (BOB, b"bob")):
            found = await self.contents(await self.opened(account=account))
            self.assertEqual(found, [b"Delivered-To: " + name + b"@example.test\r\n" + HELLO])

    async def test_same_message_for_many(self) -> None:
        """The very same octets for several accounts stay apart: what one removes, the other keeps."""
        message = NewMessage(Content.of(HELLO))
        await self.store.deliver([Delivery(ALICE, message), Delivery(BOB, message)])
        mailbox = await self.opened()
        await mailbox.remove(await self.uids(mailbox))
        self.assertEqual(await self.contents(await self.opened(account=BOB)), [HELLO])

    async def test_twice_for_one(self) -> None:
        """Two deliveries for one account are two messages."""
        message = NewMessage(Content.of(HELLO))
        await self.store.deliver([Delivery(ALICE, message), Delivery(ALICE, message)])
        self.assertEqual(await self.contents(await self.opened()), [HELLO, HELLO])

    async def test_no_deliveries(self) -> None:
        """Nothing to deliver is nothing to answer."""
        self.assertEqual(list(await self.store.deliver([])), [])

    async def test_flags_and_date(self) -> None:
        """A delivery brings flags and an internal date."""
        message = new(HELLO, [SEEN, "$Junk"], 1_234_567_890)
        await self.store.deliver([Delivery(ALICE, message)])
        mailbox = await self.opened()
        (found,) = await mailbox.fetch(await self.uids(mailbox), Item.FLAGS | Item.DATE)
        self.assertEqual((found.flags, found.internal_date), ({SEEN, "$Junk"}, 1_234_567_890))

    async def test_one_fault_is_ones_own(self) -> None:
        """When one message cannot be read, the others are delivered; the fault is temporary."""
        statuses = await self.store.deliver(
            [Delivery(ALICE, broken()), Delivery(ALICE, new()), Delivery(BOB, broken())]
        )
        self.assertEqual([status.success for status in statuses], [False, True, False])
        self.assertTrue(statuses[0].temporary)
        self.assertEqual(await self.contents(await self.opened()), [HELLO])
        self.assertEqual(await self.contents(await self.opened(account=BOB)), [])

    async def test_atomic_fault_is_everybodys(self) -> None:
        """An atomic delivery is in no mailbox when it cannot be in all, and all get the same answer."""
        statuses = await self.store.deliver([Delivery(ALICE, new()), Delivery(BOB, broken())], atomic=True)
        self.assertTrue(statuses[0].temporary)
        self.assertEqual(statuses[0], statuses[1])
        self.assertEqual(await self.contents(await self.opened()), [])
        self.assertEqual(await self.contents(await self.opened(account=BOB)), [])

    async def test_atomic_success(self) -> None:
        """An atomic delivery that can be made is made."""
        statuses = await self.store.deliver([Delivery(ALICE, new()), Delivery(BOB, new())], atomic=True)
        self.assertEqual([status.success for status in statuses], [True, True])
        self.assertEqual(await self.contents(await self.opened(account=BOB)), [HELLO])

    async def test_large_content_in_a_file(self) -> None:
        """A message larger than memory's share comes from its file, prefix first, and stays exact."""
        octets = HELLO + b"0123456789abcdef" * 40_000 + b"\r\n"
        content = in_file(octets).with_prefix(b"Received: here\r\n")
        await self.store.deliver([Delivery(ALICE, NewMessage(content)), Delivery(BOB, NewMessage(content))])
        content.body.discard()
        for account in (ALICE, BOB):
            self.assertEqual(
                await self.contents(await self.opened(account=account)), [b"Received: here\r\n" + octets]
            )

    async def test_many_messages(self) -> None:
        """Three hundred messages in one delivery are all there, in order."""
        wanted = [numbered(number) for number in range(300)]
        await self.deliver(*wanted)
        self.assertEqual(await self.contents(await self.opened()), wanted)

    async def test_remove_account(self) -> None:
        """A removed account's mail is gone; one of the same name begins anew; twice is fine."""
        await self.deliver(HELLO)
        await self.store.remove_account(ALICE)
        await self.store.remove_account(ALICE)
        self.assertEqual(await self.contents(await self.opened()), [])

    async def test_accounts_are_apart(self) -> None:
        """What one account has, another does not see."""
        await self.deliver(HELLO)
        self.assertEqual(await self.contents(await self.opened(account=BOB)), [])


class AppendContract(StoreFixture):
    """`IMailAccount.append`, and that octets stay what they are."""

    async def test_append_answers_uids(self) -> None:
        """APPEND tells where the messages are, in the order they were given."""
        account = await self.account()
        appended = await account.append(INBOX, [new(numbered(1)), new(numbered(2))])
        mailbox = await account.open(INBOX)
        self.assertEqual(appended.uidvalidity, mailbox.uidvalidity)
        self.assertEqual(list(appended.uids), await self.uids(mailbox))
        self.assertEqual(await self.contents(mailbox), [numbered(1), numbered(2)])

    async def test_append_to_a_missing_mailbox(self) -> None:
        """APPEND to a mailbox that does not exist says that it can be created, and makes nothing."""
        await self.refused("TRYCREATE", (await self.account()).append("missing", [new()]))
        self.assertNotIn("missing", await self.names())

    async def test_append_is_all_or_none(self) -> None:
        """When one of several messages cannot be read, none is appended."""
        account = await self.account()
        try:
            await account.append(INBOX, [new(), broken(), new()])
        except Exception:  # noqa: S110
            # What is raised is the backend's; what counts is that nothing is there.
            pass
        else:
            self.fail("a message that cannot be read was appended")
        self.assertEqual(await self.contents(await account.open(INBOX)), [])

    async def test_octets_stay_exact(self) -> None:
        """Dots, eight-bit octets, NULs, long and empty lines, bare headers: all come back as they went in."""
        odd = [
            b"\r\n",
            b"Subject: only a header\r\n",
            b"Subject: only a header\r\n\r\n",
            b"\r\nno header at all\r\n",
            b"Subject: dots\r\n\r\n.\r\n..\r\n.leading\r\n\r\n.\r\n",
            b"Subject: \xc3\xa9\xff\r\n\r\n\x80\x81\xfe\xff\r\n",
            b"Subject: nul\r\n\r\na\x00b\r\n",
            b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n",
            b"From someone Thu Jan  1 00:00:00 1970\r\n\r\nFrom here\r\n>From there\r\n",
            b"Subject: ends\r\n\r\n\r\n\r\n\r\n",
            bytes(octet for octet in range(256) if octet not in b"\r\n") + b"\r\n",
        ]
        await self.append(*odd)
        mailbox = await self.opened()
        self.assertEqual(await self.contents(mailbox), odd)
        messages = await mailbox.fetch(await self.uids(mailbox), Item.SIZE)
        self.assertEqual([message.size for message in messages], [len(octets) for octets in odd])

    async def test_uids_are_never_used_again(self) -> None:
        """A UID that was given once is never given again, whatever was removed."""
        mailbox, first = await self.filled(3)
        await mailbox.remove(first)
        (after,) = await self.append(HELLO)
        self.assertGreater(after, first[-1])
        snapshot = await mailbox.snapshot()
        self.assertGreater(snapshot.uidnext, after)
