"""What next hops and the store tell of attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from mailframe.delivery.interfaces import IAttempts
from mailframe.delivery.lmtp import LMTPDelivery
from mailframe.delivery.smarthost import SmarthostDelivery
from mailframe.delivery.store import StoreDelivery
from mailframe.delivery.values import Attempt, Scope
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.routing.interfaces import Route
from mailframe.store.interfaces import IMailStore
from mailframe.testing.smtp_server import DROP
from mailframe.testing.wires import settle

from .test_smarthost import ALICE, BOB, CAROL, CONTENT, HostsCase, mailbox
from .test_store import Recording


class AttemptsTests(HostsCase):
    """One attempt of each recipient."""

    def attempt(self, delivery: IAttempts, *routes: Route) -> Sequence[Attempt]:
        """One attempt at a message to alice, bob and carol."""
        recipients = [Recipient(address) for address in (ALICE, BOB, CAROL)[: len(routes)]]
        mail = MailObject("ID", Envelope(BOB, recipients), Content.of(CONTENT), Origin("S", "192.0.2.1"))

        async def work() -> Sequence[Attempt]:
            return await delivery.attempt(mail, routes, age=1.0)

        deferred = Deferred.fromCoroutine(work())
        settle(self.clock)
        return self.successResultOf(deferred)

    def test_smarthost(self) -> None:
        """Each recipient has its own answer, with the host's words; none waits for the others."""
        delivery = SmarthostDelivery(self.hosts())
        verifyObject(IAttempts, delivery)
        self.one.script({"RCPT": ["250 OK", "550 5.1.1 No", "250 OK"]})
        attempts = self.attempt(delivery, *[Route(way="smarthost")] * 3)
        self.assertEqual([each.status.code for each in attempts], ["2.0.0", "5.1.1", "2.0.0"])
        self.assertEqual(attempts[1].reply, "550 5.1.1 No")
        self.assertEqual({each.host for each in attempts}, {"one.example.test"})
        self.assertFalse(any(each.final for each in attempts))

    def test_away(self) -> None:
        """Hosts that are away concern all mail that goes there, and no address is told."""
        delivery = SmarthostDelivery(self.hosts())
        self.one.script({"CONNECT": DROP})
        self.endpoints["two.example.test"].server = None
        (attempt,) = self.attempt(delivery, Route(way="smarthost"))
        self.assertEqual(
            (attempt.status.code, attempt.scope, attempt.address), ("4.4.1", Scope.DESTINATION, "")
        )

    def test_dead(self) -> None:
        """So do hosts that end the connection before they answer."""
        delivery = SmarthostDelivery(self.hosts())
        self.one.script({"MAIL": DROP})
        self.two.script({"MAIL": DROP})
        (attempt,) = self.attempt(delivery, Route(way="smarthost"))
        self.assertIs(attempt.scope, Scope.DESTINATION)

    def test_stopped(self) -> None:
        """After the end it is our own limit."""
        delivery = SmarthostDelivery(self.hosts())
        self.successResultOf(Deferred.fromCoroutine(delivery.stop()))
        (attempt,) = self.attempt(delivery, Route(way="smarthost"))
        self.assertIs(attempt.scope, Scope.LIMIT)
        self.assertTrue(attempt.retry_after)

    def test_lmtp(self) -> None:
        """What lies in a mailbox has arrived; the worst mailbox of a recipient counts."""
        for server in (self.one, self.two):
            server.protocol_name = "lmtp"
        delivery = LMTPDelivery(self.hosts("lmtp"))
        verifyObject(IAttempts, delivery)
        self.one.script({"END": ["250 2.0.0 OK", "452 4.2.2 Full", "250 2.0.0 OK"]})
        routes = [Route((mailbox(ALICE),)), Route((mailbox(BOB), mailbox(CAROL)))]
        attempts = self.attempt(delivery, *routes)
        self.assertEqual([each.status.code for each in attempts], ["2.0.0", "4.2.2"])
        self.assertEqual([each.final for each in attempts], [True, False])

    def test_store(self) -> None:
        """So has what lies in the store."""
        delivery = StoreDelivery(cast(IMailStore, Recording()))
        verifyObject(IAttempts, delivery)
        (attempt,) = self.attempt(delivery, Route((mailbox(ALICE),)))
        self.assertEqual((attempt.status.success, attempt.final), (True, True))
