"""The last station before the mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.interfaces import IDelivery
from mailframe.delivery.store import StoreDelivery
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import MAILBOX_FULL, OK, UNKNOWN_FAULT, Status, worst
from mailframe.routing.interfaces import LocalMailbox, Route
from mailframe.store.interfaces import IMailStore
from mailframe.store.values import Delivery
from mailframe.testing.smtp import run

NO = Status((5, 2, 1), "No")
ALICE, BOB = Address("alice", "example.test"), Address("bob", "example.test")


class Recording:
    """The part of a store that a delivery needs."""

    def __init__(self) -> None:
        self.statuses: dict[str, Status] = {}
        self.deliveries: Sequence[Delivery] = ()
        self.atomic = False
        self.error: Exception | None = None

    async def deliver(self, deliveries: Sequence[Delivery], atomic: bool = False) -> Sequence[Status]:
        if self.error is not None:
            raise self.error
        self.deliveries, self.atomic = deliveries, atomic
        return [self.statuses.get(delivery.account, OK) for delivery in deliveries]


def mailbox(address: Address, name: str = "INBOX") -> LocalMailbox:
    return LocalMailbox(str(address), name, address)


class StoreDeliveryTests(SynchronousTestCase):
    """Copies, their trace fields and their statuses."""

    def setUp(self) -> None:
        self.store = Recording()
        self.delivery = StoreDelivery(cast(IMailStore, self.store), lambda: 1234.5)

    def deliver(
        self, *routes: Route, reverse_path: Address | None = BOB, atomic: bool = True
    ) -> list[Status]:
        envelope = Envelope(reverse_path, [Recipient(ALICE) for _ in routes])
        mail = MailObject("ID", envelope, Content.of(b"Subject: x\r\n\r\n"), Origin("S", "192.0.2.1"))
        return cast("list[Status]", run(self.delivery.deliver(mail, routes, atomic)))

    def octets(self) -> list[bytes]:
        return [delivery.message.content.octets() for delivery in self.store.deliveries]

    def test_interface(self) -> None:
        """It is a delivery."""
        verifyObject(IDelivery, self.delivery)

    def test_caught(self) -> None:
        """What a catch-all took says which address it came for."""
        self.deliver(Route((mailbox(BOB),), caught=Address("x", "example.test")))
        self.assertEqual(
            [
                b"Return-Path: <bob@example.test>\r\nX-Original-To: alice@example.test\r\n"
                b"Delivered-To: bob@example.test\r\nSubject: x\r\n\r\n"
            ],
            self.octets(),
        )

    def test_fields(self) -> None:
        """Each copy says who sent it and for which address it came; the null reverse-path stays null."""
        self.assertEqual(self.deliver(Route((mailbox(ALICE),))), [OK])
        self.assertEqual(
            self.octets(),
            [b"Return-Path: <bob@example.test>\r\nDelivered-To: alice@example.test\r\nSubject: x\r\n\r\n"],
        )
        message = self.store.deliveries[0].message
        self.assertEqual((message.queue_id, message.internal_date), ("ID", 1234))
        self.assertTrue(self.store.atomic)
        self.deliver(Route((mailbox(ALICE),)), reverse_path=None, atomic=False)
        self.assertTrue(self.octets()[0].startswith(b"Return-Path: <>\r\n"))
        self.assertFalse(self.store.atomic)

    def test_each_mailbox_once(self) -> None:
        """However many recipients lead to a mailbox, it gets one copy, and all hear what became of it."""
        self.store.statuses = {str(ALICE): MAILBOX_FULL}
        statuses = self.deliver(
            Route((mailbox(ALICE),)),
            Route((mailbox(BOB), mailbox(BOB, "news"))),
            Route((mailbox(ALICE), mailbox(BOB))),
        )
        self.assertEqual(statuses, [MAILBOX_FULL, OK, MAILBOX_FULL])
        self.assertEqual(
            [(delivery.account, delivery.mailbox) for delivery in self.store.deliveries],
            [(str(ALICE), "INBOX"), (str(BOB), "INBOX"), (str(BOB), "news")],
        )
        bodies = {id(delivery.message.content.body) for delivery in self.store.deliveries}
        self.assertEqual(len(bodies), 1)

    def test_store_fails(self) -> None:
        """A store that fails against its promise is a temporary failure for all, and logged."""
        self.store.error = ValueError("private")
        self.assertEqual(self.deliver(Route((mailbox(ALICE),)), Route((mailbox(BOB),))), [UNKNOWN_FAULT] * 2)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_worst(self) -> None:
        """Of several mailboxes of one recipient, what can still be mended comes first."""
        self.assertIs(worst([OK, NO, MAILBOX_FULL]), MAILBOX_FULL)
        self.assertIs(worst([OK, NO]), NO)
        self.assertIs(worst([OK]), OK)
