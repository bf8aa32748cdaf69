"""Delivery to the stores of a farm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.interfaces import IAttempts, IDelivery
from mailframe.delivery.lmtp import LMTPDelivery
from mailframe.delivery.stores import StoresDelivery
from mailframe.delivery.values import Attempt
from mailframe.directory.memory import MemoryDirectory
from mailframe.location.locations import Locations
from mailframe.location.values import Host, Store
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import MAILBOX_FULL, OK, UNAVAILABLE, Status
from mailframe.routing.interfaces import LocalMailbox, Route

NAMES = ["a@example.test", "b@example.test", "c@example.test"]


class FakeWay:
    """A store's LMTP server: remembers what came, and answers what it was told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.came: list[list[str]] = []
        self.answer: Status = OK
        self.stopped = False

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        assert len(mail.envelope.recipients) == len(routes)
        self.came.append([mailbox.account for route in routes for mailbox in route.mailboxes])
        return [self.answer] * len(routes)

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        return [Attempt(status) for status in await self.deliver(mail, routes, False)]

    async def stop(self) -> None:
        self.stopped = True


class StoresDeliveryTests(SynchronousTestCase):
    """Two stores."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory(["example.test"], dict.fromkeys(NAMES, "{PLAIN}x"))
        for name, store in zip(NAMES, ("s1", "s2", "s1"), strict=True):
            self.place(name, store=store)
        self.ways: dict[str, FakeWay] = {}
        stores = [Store(name, (Host(name),)) for name in ("s1", "s2")]
        self.delivery = StoresDelivery(self.directory, Locations(stores), self.way, lambda: 1000.0)

    def place(self, name: str, **values: Any) -> None:
        self.directory.change_account(
            name, lambda found: replace(found, account=replace(found.account, **values))
        )

    def way(self, store: Store) -> LMTPDelivery:
        self.assertNotIn(store.name, self.ways)
        return cast(LMTPDelivery, self.ways.setdefault(store.name, FakeWay(store)))

    def deliver(self, *targets: str) -> list[Status]:
        """Each recipient stands for the accounts that are named with spaces between."""
        envelope = Envelope(None, [Recipient(Address("r", "example.test")) for _ in targets])
        mail = MailObject("Q", envelope, Content.of(b"x"), Origin("S", "192.0.2.1"))
        routes = [
            Route(
                tuple(LocalMailbox(name, "INBOX", Address(name[0], "example.test")) for name in some.split())
            )
            for some in targets
        ]
        sent = self.successResultOf(Deferred.fromCoroutine(self.delivery.deliver(mail, routes, False)))
        tried = self.successResultOf(Deferred.fromCoroutine(self.delivery.attempt(mail, routes, age=0.0)))
        self.assertEqual(list(sent), [attempt.status for attempt in tried])
        return list(sent)

    def test_interfaces(self) -> None:
        """It is a delivery for exchangers and for the queue."""
        self.assertTrue(verifyObject(IDelivery, self.delivery))
        self.assertTrue(verifyObject(IAttempts, self.delivery))

    def test_each_to_its_store(self) -> None:
        """Each store gets its own recipients, in their order, in one transaction."""
        self.assertEqual([OK, OK, OK], self.deliver(*NAMES))
        self.assertEqual([NAMES[0], NAMES[2]], self.ways["s1"].came[0])
        self.assertEqual([NAMES[1]], self.ways["s2"].came[0])

    def test_several_mailboxes(self) -> None:
        """A recipient with mailboxes at both stores has the worst answer."""
        self.deliver(NAMES[0], NAMES[1])
        self.ways["s2"].answer = UNAVAILABLE
        self.assertEqual([UNAVAILABLE, OK], self.deliver(" ".join(NAMES), NAMES[2]))
        self.ways["s2"].answer = MAILBOX_FULL
        self.assertEqual([MAILBOX_FULL], self.deliver(" ".join(NAMES)))

    def test_moved(self) -> None:
        """Mail follows an account as soon as the directory says so; while it is held it waits."""
        self.place(NAMES[0], hold="moving to s2")
        (status,) = self.deliver(NAMES[0])
        self.assertTrue(status.temporary)
        self.assertEqual({}, self.ways)
        self.place(NAMES[0], hold="", store="s2")
        self.assertEqual([OK], self.deliver(NAMES[0]))
        self.assertEqual({"s2"}, set(self.ways))

    def test_nowhere(self) -> None:
        """An unknown store is our fault, an account that is gone is not, and the others get their mail."""
        self.place(NAMES[0], store="s9")
        self.directory.remove_account(NAMES[1])
        first, second, third = self.deliver(*NAMES)
        self.assertEqual((True, True, OK), (first.temporary, second.permanent, third))
        (fault,) = self.deliver("")
        self.assertTrue(fault.temporary)

    def test_stop(self) -> None:
        """The connections to all stores end."""
        self.deliver(*NAMES)
        self.successResultOf(Deferred.fromCoroutine(self.delivery.stop()))
        self.assertEqual([True, True], [way.stopped for way in self.ways.values()])
