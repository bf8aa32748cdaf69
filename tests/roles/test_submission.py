"""Submission as a service: who may send, as whom, how much, and what becomes of the mail."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery, INextHop
from mailframe.delivery.store import StoreDelivery
from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.header import first, values
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError, Status
from mailframe.monitor.health import Problem
from mailframe.policy.sending_limits import Limits
from mailframe.queue.aside import HoldingFor
from mailframe.queue.settings import QueueOptions, RoomOptions
from mailframe.queue.values import Selection, State
from mailframe.roles.relay import RelayRole
from mailframe.roles.submission import SubmissionRules
from mailframe.routing.local import LocalRouter
from mailframe.routing.onward import OnwardRouter
from mailframe.routing.roles import SubmissionRouter
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import RecordingDelivery

from .house import ALICE, Aside, Client, Reactor, RoleCase
from .test_relay import LOGIN, FakeContexts

AWAY = Status((4, 4, 1), "The next host cannot be reached", reply_code=451)


class SubmissionCase(RoleCase):
    """A relay for Alice."""

    def setUp(self) -> None:
        super().setUp()
        self.directory.set_alias(parse_mailbox("sales@example.test"), [parse_mailbox(ALICE)])
        self.queue_options = QueueOptions(jitter=0)

    def relay(self, rules: SubmissionRules | None = None, **options: Any) -> RelayRole:
        """A running one, on port 465."""
        from mailframe.filters.trace import TraceFilter

        settings = SMTPSettings(hostname="relay.example.test")
        options.setdefault("store", self.store)
        self.aside = self.put_aside(options.get("onward"))
        self.get(self.aside.queue.start())
        self.addCleanup(self.stop_queue)
        role = RelayRole(
            [self.listener(465, implicit_tls=True), self.listener(587)],
            directory=self.directory,
            authenticator=self.authenticator,
            clock=self.reactor,
            settings=settings,
            filters=[TraceFilter("relay.example.test", self.reactor)],  # type: ignore[list-item]
            tls=FakeContexts(),
            rules=rules,
            holding=HoldingFor(self.aside.queue, "relay"),
            **options,
        )
        self.run_role(role)
        return role

    def put_aside(self, onward: Any) -> Aside:
        """What the relay holds, and where it goes from there: where the relay's mail goes."""
        if onward is not None:
            return Aside(self.reactor, OnwardRouter(), onward, self.queue_options)
        router = SubmissionRouter(LocalRouter(self.directory), self.directory)
        return Aside(self.reactor, router, StoreDelivery(self.store), self.queue_options)

    def stop_queue(self) -> None:
        """At the end of the test."""
        stopped = Deferred.fromCoroutine(self.aside.queue.stop())
        self.reactor.pump([1.0] * 12)
        self.successResultOf(stopped)

    def wait(self, seconds: float = 5.0) -> None:
        """Let time pass."""
        self.reactor.pump([0.5] * int(seconds * 2))

    def alice(self) -> Client:
        """Alice, who has logged in."""
        client = Client(self.reactor, 465, secure=True)
        client.say(f"EHLO c.test\n{LOGIN}")
        return client

    def send(
        self, client: Client, text: str = "From: alice@example.test\n\nbody\n", *to: str, sender: str = ALICE
    ) -> str:
        """Send a message; the codes of the last answer."""
        recipients = "".join(f"RCPT TO:<{one}>\n" for one in to or (ALICE,))
        answer = client.say(f"MAIL FROM:<{sender}>\n{recipients}DATA\n")
        if not answer.splitlines()[-1].startswith("354"):
            client.say("RSET\n")
            return answer.splitlines()[0][:9]
        return client.say(f"{text}.\n")[:9]


class SenderTests(SubmissionCase):
    """Sender addresses belong to who sends from them."""

    def test_reverse_path(self) -> None:
        """The account's own, its aliases, subaddresses and grants; nothing else."""
        self.relay()
        self.directory.grant(ALICE, "@example.net")
        client = self.alice()
        for sender in (
            ALICE,
            "Alice@example.test",
            "alice+x@example.test",
            "sales@example.test",
            "x@example.net",
            "",
        ):
            self.assertEqual(self.send(client, sender=sender), "250 2.0.0", sender)
        for sender in ("boss@example.test", "alice@example.org", "postmaster@example.test"):
            self.assertEqual(self.send(client, sender=sender), "550 5.7.1", sender)

    def test_header(self) -> None:
        """What is in From and Sender is compared too, and both checks are apart."""
        self.relay()
        client = self.alice()
        self.assertEqual(self.send(client, "From: Sales <sales@example.test>\n\n"), "250 2.0.0")
        self.assertEqual(self.send(client, "From: boss@example.test\n\n"), "550 5.7.1")
        self.assertEqual(self.send(client, f"From: {ALICE}\nSender: boss@example.test\n\n"), "550 5.7.1")
        self.assertEqual(self.send(client, f"From: {ALICE}\nFrom: boss@example.test\n\n"), "554 5.6.0")
        self.assertEqual(len(self.contents(ALICE)), 1)

    def test_warned(self) -> None:
        """Where only a warning is wanted, mail goes, and says who sent it."""
        self.relay(SubmissionRules(envelope_from="off", header_from="warn"))
        self.assertEqual(
            self.send(self.alice(), "From: boss@example.test\n\n", sender="x@y.test"), "250 2.0.0"
        )
        (octets,) = self.contents(ALICE)
        self.assertEqual(first(octets, b"Sender"), ALICE.encode())

    def test_shut_out(self) -> None:
        """An account that is shut out sends no more, though it had logged in."""
        self.relay()
        client = self.alice()
        self.directory.set_enabled(ALICE, False)
        for sender in (ALICE, ""):
            self.assertEqual(self.send(client, "\n", "postmaster@example.test", sender=sender), "550 5.7.1")

    def test_directory_away(self) -> None:
        """While the directory cannot be asked, mail is refused for now."""
        self.relay()
        client = self.alice()

        async def away(name: str) -> None:
            raise MailframeError(CANNOT_LOOK_UP, "away")

        self.patch(self.directory, "account", away)
        self.assertEqual(self.send(client), "451 4.4.3")


class NetworkTests(SubmissionCase):
    """Clients in listed networks need not log in."""

    def test_listed(self) -> None:
        """They send in clear and under TLS, from our domains; all others log in first."""
        self.relay(SubmissionRules(networks=["192.0.2.0/28", "2001:db8::/32"]))
        for options in ({"port": 587}, {"port": 465, "secure": True}, {"port": 587, "peer": "192.0.2.15"}):
            client = Client(self.reactor, **options)  # type: ignore[arg-type]
            client.say("EHLO printer.test\n")
            self.assertEqual(
                self.send(client, "From: printer@example.test\n\n", sender="printer@example.test"),
                "250 2.0.0",
            )
            self.assertEqual(
                self.send(client, "From: x@example.net\n\n", sender="x@example.net"), "550 5.7.1"
            )
            self.assertEqual(self.send(client, "From: x@example.net\n\n"), "550 5.7.1")
        for peer in ("192.0.2.16", "127.0.0.1", "198.51.100.1"):
            client = Client(self.reactor, 587, peer=peer)
            client.say("EHLO printer.test\n")
            self.assertEqual(self.send(client), "530 5.7.0")

    def test_nowhere_else(self) -> None:
        """Without a router they reach our own domains only, as all do."""
        self.relay(SubmissionRules(networks=["192.0.2.1"]))
        client = Client(self.reactor, 587)
        client.say("EHLO printer.test\n")
        answer = client.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<x@elsewhere.test>\n")
        self.assertTrue(answer.splitlines()[1].startswith("550 5.7.1"), answer)

    def test_domains(self) -> None:
        """Which domains they send from can be configured."""
        self.relay(SubmissionRules(networks=["192.0.2.1"], network_domains=["example.net"]))
        client = Client(self.reactor, 587)
        client.say("EHLO printer.test\n")
        self.assertEqual(self.send(client, "From: x@example.net\n\n", sender="x@example.net"), "250 2.0.0")
        self.assertEqual(self.send(client), "550 5.7.1")


class RepairTests(SubmissionCase):
    """What is missing comes, what must not leave goes."""

    def test_repaired(self) -> None:
        """A message of a careless program becomes a whole one."""
        self.relay()
        self.assertEqual(
            self.send(self.alice(), "Subject: x\nBcc: secret@example.test\n\nBcc: y\n"), "250 2.0.0"
        )
        (octets,) = self.contents(ALICE)
        self.assertEqual(first(octets, b"From"), ALICE.encode())
        self.assertEqual(first(octets, b"To"), b"undisclosed-recipients:;")
        self.assertTrue(first(octets, b"Message-ID").endswith(b"@relay.example.test>"))  # type: ignore[union-attr]
        self.assertEqual(first(octets, b"Date"), b"Fri, 15 Jan 2027 08:00:00 +0000")
        self.assertNotIn(b"secret", octets)
        self.assertTrue(octets.endswith(b"Subject: x\r\n\r\nBcc: y\r\n"))
        self.assertLess(octets.index(b"Received:"), octets.index(b"Date:"))

    def test_hidden_client(self) -> None:
        """Where that is wanted, nobody learns where Alice was."""
        self.relay(SubmissionRules(hides_clients=True))
        self.assertEqual(self.send(self.alice()), "250 2.0.0")
        (octets,) = self.contents(ALICE)
        self.assertEqual(values(octets, b"Received")[0][:21], b"by relay.example.test")
        self.assertNotIn(b"192.0.2.1", octets)
        self.assertNotIn(b"c.test", octets)

    def test_large_header(self) -> None:
        """A header section that is too large is refused; a small spill limit does not matter."""
        self.relay()
        client = self.alice()
        self.assertEqual(self.send(client, "X: y\n" * 20_000 + "\n"), "552 5.3.4")
        self.assertEqual(self.send(client, "X: y\n" * 5000 + "\n" + "z\n" * 200_000), "250 2.0.0")


class LimitTests(SubmissionCase):
    """Mail over a limit is held, not lost."""

    def setUp(self) -> None:
        super().setUp()
        self.queue_options = QueueOptions(jitter=0, room=RoomOptions(messages=2, login_share=100))
        self.role = self.relay(SubmissionRules(limits=Limits(messages_per_hour=1)))

    def test_held_and_released(self) -> None:
        """It is accepted, not delivered, and goes on as it is when somebody releases it."""
        client = self.alice()
        self.assertEqual([self.send(client) for _ in range(3)], ["250 2.0.0"] * 3)
        self.assertEqual(len(self.contents(ALICE)), 1)
        held = self.get(self.aside.recipients())
        reason = f"{ALICE} is over its limit of 1 messages per hour"
        self.assertEqual([one[1:] for one in held], [(reason, State.HELD)] * 2)
        self.wait()
        self.assertEqual(len(self.contents(ALICE)), 1)
        self.assertEqual(self.get(self.aside.release()), 2)
        self.wait()
        octets = self.contents(ALICE)
        self.assertEqual(len(octets), 3)
        self.assertTrue(all(any(f"id {one[0]}".encode() in each for each in octets) for one in held))
        self.assertEqual([len(values(one, b"Received")) for one in octets], [1, 1, 1])
        self.assertEqual(self.get(self.aside.recipients()), [])

    def test_marked(self) -> None:
        """Only what is held is marked with the role whose way it goes; the session's own facts are not."""
        holding, origin = self.aside.queue, Origin("S", "192.0.2.1", attributes={"class": "x"})
        envelope = Envelope(parse_mailbox(ALICE), [Recipient(parse_mailbox(ALICE))])
        mail = MailObject(new_queue_id(), envelope, Content.of(b"\r\n"), origin)
        self.get(HoldingFor(holding, "relay").hold(mail, "too much"))
        (listed,) = self.get(self.aside.spool.listing(Selection()))
        self.assertEqual(listed.message.origin.attributes, {"class": "x", "role": "relay"})
        self.assertEqual(origin.attributes, {"class": "x"})

    def test_notice(self) -> None:
        """Where released mail cannot be delivered its sender is told, by the same way."""
        client = self.alice()
        self.directory.set_alias(parse_mailbox("team@example.test"), [parse_mailbox(ALICE)])
        self.send(client)
        self.send(client, "From: alice@example.test\n\nbody\n", "team@example.test")
        self.directory.remove_alias(parse_mailbox("team@example.test"))
        self.get(self.aside.release())
        self.wait()
        self.assertEqual(self.get(self.aside.recipients()), [])
        notice = self.contents(ALICE)[-1]
        self.assertIn(b"team@example.test", notice)
        self.assertIn(b"multipart/report", notice)

    def test_no_room(self) -> None:
        """Where no more can be held, it is refused for now."""
        client = self.alice()
        self.assertEqual([self.send(client) for _ in range(4)], ["250 2.0.0"] * 3 + ["452 4.3.1"])
        self.assertEqual(len(self.get(self.aside.recipients())), 2)


class WithoutHoldingTests(SubmissionCase):
    """A relay that cannot hold mail."""

    def test_refused_for_now(self) -> None:
        """Mail over a limit is refused for now."""
        role = RelayRole(
            [self.listener(465, implicit_tls=True)],
            self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            tls=FakeContexts(),
            rules=SubmissionRules(limits=Limits(messages_per_hour=1)),
        )
        self.run_role(role)
        client = self.alice()
        self.assertEqual([self.send(client) for _ in range(2)], ["250 2.0.0", "451 4.3.2"])


class RouterTests(SubmissionCase):
    """With a router everything goes there."""

    def setUp(self) -> None:
        super().setUp()
        self.onward = RecordingDelivery()

    def test_everything(self) -> None:
        """Local users, others, literals and the postmaster; all together or not at all, and nothing is looked up."""
        self.relay(store=None, onward=self.onward)
        client = self.alice()
        self.reactor.resolve = None  # type: ignore[assignment]
        self.patch(self.directory, "is_local", None)
        to = (ALICE, "x@elsewhere.test", "nobody@example.test", "y@[192.0.2.7]", "Postmaster")
        self.assertEqual(self.send(client, "Subject: x\n\n", *to), "250 2.0.0")
        (message,) = self.onward.messages
        self.assertEqual([str(one.forward_path) for one in message.envelope.recipients][:4], list(to)[:4])
        self.assertTrue(all(route.onward and not route.mailboxes for route in message.routes))
        self.assertTrue(message.atomic)
        self.assertIn(b"\r\nFrom: alice@example.test\r\n", message.octets)
        self.assertEqual(self.reactor.tcpClients, [])

    def test_away(self) -> None:
        """While the router is away the client keeps its mail, is told so, and everything else works; then it goes."""
        self.relay(store=None, onward=self.onward, rules=SubmissionRules(limits=Limits(messages_per_hour=1)))
        client = self.alice()
        self.onward.statuses = [AWAY]
        self.assertEqual([self.send(client) for _ in range(3)], ["451 4.4.1"] * 3)
        self.assertEqual(self.send(client, sender="boss@example.test"), "550 5.7.1")
        self.onward.statuses = None
        self.assertEqual(self.send(client), "250 2.0.0")
        self.assertEqual(self.get(self.aside.recipients()), [])

    def test_held(self) -> None:
        """Released mail goes to the router too; while that is away it waits."""
        self.relay(store=None, onward=self.onward, rules=SubmissionRules(limits=Limits(recipients_per_day=1)))
        client = self.alice()
        self.assertEqual(self.send(client, "\n", ALICE, "x@elsewhere.test"), "250 2.0.0")
        self.assertEqual(self.onward.messages, [])
        self.assertEqual(self.get(self.aside.release()), 2)
        self.onward.statuses = [AWAY, AWAY]
        self.wait()
        self.assertEqual([one[2] for one in self.get(self.aside.recipients())], [State.DUE] * 2)
        self.onward.statuses = None
        self.wait(400)
        self.assertEqual(len(self.onward.messages), 2)
        self.assertEqual(self.get(self.aside.recipients()), [])

    def test_health(self) -> None:
        """A router that is away is a problem that everybody has, and no reason to go to another node."""

        @implementer(IDelivery, INextHop)
        class Away(RecordingDelivery):
            def unreachable(self) -> str | None:
                return "no answer from r1"

        for onward, expected in (
            (self.onward, ()),
            (Away(), (Problem("router", "no answer from r1", fatal=False),)),
        ):
            self.reactor = Reactor()
            role = self.relay(store=None, onward=onward)
            self.assertEqual(self.get(role.health()), expected)

    def test_not_for_strangers(self) -> None:
        """Who has not logged in reaches nobody, with a router neither."""
        self.relay(store=None, onward=self.onward)
        client = Client(self.reactor, 587)
        client.say("EHLO c.test\n")
        self.assertEqual(self.send(client, "\n", "x@elsewhere.test"), "530 5.7.0")
        self.assertEqual(self.onward.messages, [])

    def test_neither(self) -> None:
        """Without a store and a router there is nowhere for mail to go, and no role."""
        self.assertRaises(ValueError, self.relay, store=None)
