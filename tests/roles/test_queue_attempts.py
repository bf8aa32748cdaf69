"""Attempts to send mail through a node that has a queue, and so could send it: strangers reach nobody elsewhere."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred

from mailframe.delivery.store import StoreDelivery
from mailframe.message.address import parse_mailbox
from mailframe.policy.own_hosts import OwnHosts
from mailframe.queue.interfaces import ISpool
from mailframe.queue.notice_settings import NoticeSettings
from mailframe.queue.notices import Notices
from mailframe.queue.queue import Queue, QueueDelivery
from mailframe.queue.settings import QueueOptions
from mailframe.queue.spool.memory import MemorySpool
from mailframe.roles.mx import MXRole
from mailframe.roles.relay import RelayRole
from mailframe.roles.router import RouterRole
from mailframe.routing.expansion import Expansion
from mailframe.routing.local import LocalRouter
from mailframe.routing.table import RoutingTable
from mailframe.testing.smtp import RecordingDelivery
from mailframe.testing.transports import PretendedTLS

from .house import ALICE, Client
from .test_relay import LOGIN, FakeContexts
from .test_relay_attempts import (
    FORMS,
    LANDING,
    LISTED,
    SETTINGS,
    STRANGERS,
    TRICKS,
    RelayAttemptCase,
)


class QueueAttemptCase(RelayAttemptCase):
    """A node with a queue that sends to all the world, and an alias that leads out of the house."""

    def setUp(self) -> None:
        super().setUp()
        self.directory.set_alias(parse_mailbox("out@example.test"), [parse_mailbox("victim@elsewhere.test")])
        self.world = RecordingDelivery()
        table = RoutingTable("remote", local=LocalRouter(self.directory), directory=self.directory)
        self.queue = Queue(
            cast(ISpool, MemorySpool(self.reactor.seconds)),
            table,
            {"remote": self.world, "store": StoreDelivery(self.store)},
            self.reactor,
            QueueOptions(),
            "mx.example.test",
            Notices("mx.example.test", NoticeSettings(), self.reactor.seconds),
        )
        self.get(self.queue.start())
        self.addCleanup(self.stop_queue)

    def stop_queue(self) -> None:
        """At the end of the test."""
        stopped = Deferred.fromCoroutine(self.queue.stop())
        self.reactor.pump([1.0] * 12)
        self.successResultOf(stopped)

    def reached(self) -> set[str]:
        """Who elsewhere has got mail, after a while."""
        self.reactor.pump([1.0] * 3)
        return {str(one.forward_path) for mail in self.world.messages for one in mail.envelope.recipients}

    def try_all(self, client: Client, hello: str = "EHLO", forms: tuple[str, ...] = FORMS) -> list[Any]:
        """What is accepted of all forms, with the alias that leads out among them."""
        return self.attempt(client, hello, (*forms, "<out@example.test>", "<out+x@example.test>"))


class RouterAttempts(QueueAttemptCase):
    """The router sends for our own hosts only."""

    def router(self, **options: Any) -> None:
        """A running one on port 26 for 192.0.2.1, and for whom the options say."""
        expansion = Expansion(self.directory)
        role = RouterRole(
            [self.listener(26), self.listener(465, implicit_tls=True)],
            QueueDelivery(self.queue),
            self.reactor,
            networks=[LISTED],
            directory=self.directory,
            expansion=expansion,
            settings=SETTINGS,
            tls=FakeContexts(),
            **options,
        )
        self.run_role(role)

    def test_strangers(self) -> None:
        """Whoever is not listed is sent away before the first word; nothing is sent for anybody."""
        self.router()
        for peer in STRANGERS[:-1]:
            client = Client(self.reactor, 26, peer=peer)
            self.assertTrue(client.greeting.startswith("554 "), peer)
            self.assertEqual(self.try_all(client, forms=FORMS[:12] + LANDING), [], peer)
        self.assertEqual(self.reached(), set())
        self.sealed()

    def test_strangers_who_might_be_known(self) -> None:
        """Where certificates and logins are taken a stranger may talk; no form and no trick gets anything through."""
        self.router(
            certificates=["relay.example.test", "sha256:" + "ab" * 32], authenticator=self.authenticator
        )
        for port in (26, 465):
            for hello in ("EHLO", "HELO"):
                client = Client(self.reactor, port, secure=port == 465, peer=STRANGERS[0])
                self.assertEqual(self.try_all(client, hello, FORMS + LANDING), [], (port, hello))
        tricks = (*TRICKS, f"XCLIENT ADDR={LISTED}", f"XFORWARD ADDR={LISTED}", "HELO relay.example.test")
        for trick in tricks:
            client = Client(self.reactor, 465, secure=True, peer=STRANGERS[0])
            client.say(f"EHLO relay.example.test\n{trick}\n")
            self.assertEqual(self.try_all(client, forms=LANDING), [], trick)
        self.assertEqual(self.reached(), set())
        self.sealed()

    def test_other_certificates(self) -> None:
        """A good certificate that is not listed is nobody's, even with a name that looks like a fingerprint."""
        self.router(certificates=["relay.example.test", "sha256:" + "ab" * 32])
        names = (
            "mail.relay.example.test",
            "relay.example.test.elsewhere.test",
            "sha256:" + "ab" * 32,
            "ab" * 32,
        )
        for name in names:
            self.patch(PretendedTLS, "client_name", name)
            self.patch(PretendedTLS, "client_fingerprint", "cd" * 32)
            client = Client(self.reactor, 465, secure=True, peer=STRANGERS[0])
            self.assertEqual(self.try_all(client, forms=LANDING), [], name)
        self.assertEqual(self.reached(), set())

    def test_listed(self) -> None:
        """A listed host reaches everybody: what is proved of strangers is not proved of a router that sends nothing."""
        self.router()
        self.assertGreater(len(self.try_all(Client(self.reactor, 26, peer=LISTED))), 15)
        self.assertGreater(len(self.reached()), 10)
        self.assertIn("victim@elsewhere.test", self.reached())

    def test_battery_can_fail(self) -> None:
        """Without the policy that knows our hosts a stranger would get through, and the battery would tell."""

        async def anybody(policy: OwnHosts, *words: object) -> None:
            return None

        self.patch(OwnHosts, "connect", anybody)
        self.patch(OwnHosts, "mail", anybody)
        self.router()
        self.assertNotEqual(self.try_all(Client(self.reactor, 26, peer=STRANGERS[0])), [])
        self.assertNotEqual(self.reached(), set())


class RelayBeforeQueueAttempts(QueueAttemptCase):
    """Submission with a queue behind it takes nothing from those who have not logged in."""

    def setUp(self) -> None:
        super().setUp()
        role = RelayRole(
            [self.listener(587), self.listener(465, implicit_tls=True)],
            self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            SETTINGS,
            tls=FakeContexts(),
            queue=QueueDelivery(self.queue),
            expansion=Expansion(self.directory),
            holding=self.queue,
        )
        self.run_role(role)

    def test_battery(self) -> None:
        """In clear, under TLS, or from this machine: nothing goes into the queue, and nothing into a mailbox."""
        for port, peer in ((587, LISTED), (465, LISTED), (587, "127.0.0.1")):
            client = Client(self.reactor, port, secure=port == 465, peer=peer)
            self.assertEqual(self.try_all(client, forms=FORMS + LANDING), [], (port, peer))
        self.assertEqual(self.reached(), set())
        self.sealed()
        self.assertEqual(len(self.store._accounts), 0)

    def test_tricks(self) -> None:
        """Nothing that is said instead of a login counts for one."""
        client = Client(self.reactor, 465, secure=True)
        client.say("EHLO c.test\n")
        for trick in TRICKS:
            client.say(f"{trick}\n")
            self.assertEqual(self.try_all(client, forms=LANDING), [], trick)
        self.assertEqual(self.reached(), set())

    def test_logged_in(self) -> None:
        """Who logged in reaches everybody."""
        client = Client(self.reactor, 465, secure=True)
        client.say(f"EHLO c.test\n{LOGIN}")
        self.assertGreater(len(self.try_all(client)), 10)
        self.assertIn("victim@elsewhere.test", self.reached())


class MXBesideQueueAttempts(QueueAttemptCase):
    """The exchanger has the queue for notices of success, and for nothing else."""

    def setUp(self) -> None:
        super().setUp()
        role = MXRole(
            [self.listener(25)],
            self.store,
            self.directory,
            self.reactor,
            SETTINGS,
            notices=Notices("mx.example.test", NoticeSettings(), self.reactor.seconds),
            notices_to=QueueDelivery(self.queue),
        )
        self.run_role(role)

    def test_battery(self) -> None:
        """No form of address, and no alias, makes it send a stranger's mail on."""
        for hello in ("EHLO", "HELO"):
            self.assertEqual(self.try_all(Client(self.reactor, 25), hello), [], hello)
        self.assertEqual(self.reached(), set())
        self.sealed()

    def test_notices(self) -> None:
        """What it does send is a notice to the sender, from nobody, without a line of the sender's text."""
        client = Client(self.reactor, 25)
        client.say("EHLO c.test\nMAIL FROM:<joe@sender.test>\n")
        client.say(f"RCPT TO:<{ALICE}> NOTIFY=SUCCESS\nDATA\n")
        client.say("Subject: x\n\nBuy this!\n.\n")
        self.assertEqual(self.reached(), {"joe@sender.test"})
        (notice,) = self.world.messages
        self.assertIsNone(notice.envelope.reverse_path)
        self.assertNotIn(b"Buy this!", notice.octets)
