"""Relays before a queue, and exchangers and stores that tell of success by a router."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailframe.directory.values import Credential
from mailframe.message.address import parse_mailbox
from mailframe.queue.notice_settings import NoticeSettings
from mailframe.queue.notices import Notices
from mailframe.queue.queue import QueueDelivery
from mailframe.roles.mx import MXRole
from mailframe.roles.relay import RelayRole
from mailframe.roles.store import StoreRole
from mailframe.routing.expansion import Expansion
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import RecordingDelivery

from .house import ALICE, Client, RoleCase
from .test_relay import LOGIN, FakeContexts

CONTENT = "DATA\n", "Subject: hello\nFrom: alice@example.test\n\nA line.\n.\n"


class RelayTests(RoleCase):
    """Submission with a queue behind it."""

    def setUp(self) -> None:
        super().setUp()
        self.queue = RecordingDelivery()

    def relay(self, **options: Any) -> Client:
        """A client of a running relay, logged in."""
        settings = SMTPSettings(future_release=3600, deliver_by=True, xverp=True)  # type: ignore[arg-type]
        options.setdefault("store", self.store)
        options.setdefault("queue", self.queue)
        role = RelayRole(
            [self.listener(465, implicit_tls=True)],
            directory=self.directory,
            authenticator=self.authenticator,
            clock=self.reactor,
            settings=settings,
            tls=FakeContexts(),
            **options,
        )
        self.run_role(role)
        client = Client(self.reactor, 465, secure=True)
        self.hello = client.say("EHLO c.test\n")
        client.say(LOGIN)
        return client

    def send(self, client: Client, *recipients: str) -> str:
        """One message; the last answer, or that of the first recipient who is refused."""
        client.say(f"MAIL FROM:<{ALICE}>\n")
        for recipient in recipients:
            answer = client.say(f"RCPT TO:{recipient}\n")
            if not answer.startswith("250"):
                return answer
        client.say(CONTENT[0])
        return client.say(CONTENT[1])

    def test_mailboxes_at_once(self) -> None:
        """Mail for our own users is in their mailboxes when the client hears 250; the queue never sees it."""
        self.assertTrue(self.send(self.relay(), f"<{ALICE}>").startswith("250"))
        self.assertEqual(1, len(self.contents(ALICE)))
        self.assertEqual([], self.queue.messages)

    def test_others(self) -> None:
        """Mail for others goes into the queue, whole where some of it is for us."""
        client = self.relay()
        self.assertTrue(self.send(client, "<bob@example.org>").startswith("250"))
        self.assertTrue(self.send(client, f"<{ALICE}>", "<bob@example.org>").startswith("250"))
        self.assertEqual([1, 2], [len(one.envelope.recipients) for one in self.queue.messages])
        self.assertEqual([], self.contents(ALICE))

    def test_unknown(self) -> None:
        """A typing error in a colleague's address is told at once."""
        self.assertTrue(self.send(self.relay(), "<alcie@example.test>").startswith("550 5.1.1"))

    def test_success_asked(self) -> None:
        """Who asks to hear of success has the queue deliver, which tells."""
        self.send(self.relay(), f"<{ALICE}> NOTIFY=SUCCESS")
        self.assertEqual(1, len(self.queue.messages))

    def test_offers(self) -> None:
        """What a queue can keep is offered, and only before a queue."""
        self.relay()
        for keyword in ("DSN", "FUTURERELEASE", "DELIVERBY", "XVERP"):
            self.assertIn(keyword, self.hello)

    def test_offers_without(self) -> None:
        """A relay without a queue offers none of it, whatever its settings say."""
        self.relay(queue=None)
        for keyword in ("DSN", "FUTURERELEASE", "DELIVERBY", "XVERP"):
            self.assertNotIn(keyword, self.hello)

    def test_not_both(self) -> None:
        """A next hop and a queue are two answers to one question."""
        self.assertRaises(ValueError, self.relay, onward=RecordingDelivery())

    def test_alias_abroad(self) -> None:
        """Our users may write to an alias that leads out of the house."""
        self.directory.set_alias(parse_mailbox("all@example.test"), [parse_mailbox("bob@example.org")])
        client = self.relay(expansion=Expansion(self.directory))
        self.assertTrue(self.send(client, "<all@example.test>").startswith("250"))
        (recipient,) = self.queue.messages[0].envelope.recipients
        self.assertEqual("bob@example.org", str(recipient.forward_path))


class NoticeTests(RoleCase):
    """Success is told where there is a router for that, and nothing else goes there."""

    def setUp(self) -> None:
        super().setUp()
        self.out = RecordingDelivery()
        self.options: dict[str, Any] = {
            "notices": Notices("mx.example.test", NoticeSettings(), self.reactor.seconds),
            "notices_to": self.out,
        }

    def send(self, client: Client, recipient: str, hello: str = "EHLO") -> str:
        """A stranger's message; the last answer."""
        self.hello = client.say(f"{hello} c.test\n")
        client.say("MAIL FROM:<joe@sender.test>\n")
        answer = client.say(f"RCPT TO:{recipient}\n")
        if not answer.startswith("250"):
            return answer
        client.say(CONTENT[0])
        return client.say(CONTENT[1])

    def mx(self) -> Client:
        """A client of a running exchanger."""
        self.run_role(MXRole([self.listener(25)], self.store, self.directory, self.reactor, **self.options))
        return Client(self.reactor, 25)

    def test_mx(self) -> None:
        """Who asked is told, by a message from the null reverse-path."""
        answer = self.send(self.mx(), f"<{ALICE}> NOTIFY=SUCCESS")
        self.assertIn("DSN", self.hello)
        self.assertTrue(answer.startswith("250"), answer)
        (notice,) = self.out.messages
        self.assertIsNone(notice.envelope.reverse_path)
        self.assertEqual(["joe@sender.test"], [str(one.forward_path) for one in notice.envelope.recipients])
        self.assertNotIn(b"A line.", notice.octets)

    def test_store(self) -> None:
        """A store tells of what came by LMTP."""
        role = StoreRole(
            self.store, self.directory, self.authenticator, self.reactor, [self.listener(24)], **self.options
        )
        self.run_role(role)
        self.send(Client(self.reactor, 24, peer="127.0.0.1"), f"<{ALICE}> NOTIFY=SUCCESS", "LHLO")
        self.assertIn("DSN", self.hello)
        self.assertEqual(1, len(self.out.messages))

    def test_nothing_else(self) -> None:
        """Whatever a stranger tries, nothing of it goes to the router: no other domain, no alias that leads out."""
        self.directory.set_alias(parse_mailbox("out@example.test"), [parse_mailbox("bob@example.org")])
        client = self.mx()
        for recipient in (
            "<bob@example.org>",
            "<@example.test:bob@example.org>",
            "<bob%example.org@example.test>",
            "<example.org!bob@example.test>",
            '<"bob@example.org"@example.test>',
            "<bob@[198.51.100.1]>",
            "<out@example.test> NOTIFY=SUCCESS",
            "<nobody@example.test> NOTIFY=SUCCESS,FAILURE,DELAY",
        ):
            answer = self.send(client, recipient)
            self.assertIn(answer[:1], "45", recipient)
            client.say("RSET\n")
        self.send(client, f"<{ALICE}> NOTIFY=FAILURE,DELAY")
        self.assertEqual([], self.out.messages)

    def forward(self, *targets: str, keeps: bool) -> None:
        """Have alice's mail forwarded."""

        def change(found: Credential) -> Credential:
            forwards = tuple(map(parse_mailbox, targets))
            return replace(found, account=replace(found.account, forwards=forwards, keeps_copy=keeps))

        self.directory.change_account(ALICE, change)

    def test_forwards(self) -> None:
        """Where copies can be handed on, an account's mail goes where it wants, and nothing a stranger names does."""
        self.forward("alice@example.org", keeps=False)
        self.options = {"forwards_to": self.out}
        client = self.mx()
        for recipient in (f"<{ALICE}>", "<alice+bob=example.org@example.test>"):
            self.assertTrue(self.send(client, recipient).startswith("250"), recipient)
        self.assertTrue(self.send(client, "<bob@example.org>").startswith("550"))
        for mail in self.out.messages:
            (recipient,) = mail.envelope.recipients
            self.assertEqual("alice@example.org", str(recipient.forward_path))
        self.assertEqual(2, len(self.out.messages))
        self.assertEqual([], self.contents(ALICE))

    def test_forwards_only(self) -> None:
        """A full mailbox does not matter to an account that keeps nothing."""
        self.forward("alice@example.org", keeps=False)
        self.fill_mailbox()
        self.options = {"forwards_to": self.out}
        self.assertTrue(self.send(self.mx(), f"<{ALICE}>").startswith("250"))

    def test_forwards_nowhere(self) -> None:
        """Without anything that takes copies, mail is kept, and nothing is sent."""
        self.forward("alice@example.org", keeps=False)
        self.assertTrue(self.send(self.mx(), f"<{ALICE}>").startswith("250"))
        self.assertEqual(([], 1), (self.out.messages, len(self.contents(ALICE))))

    def test_store_forwards(self) -> None:
        """A store forwards what comes by LMTP."""
        self.forward("alice@example.org", keeps=True)
        role = StoreRole(
            self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            [self.listener(24)],
            forwards_to=self.out,
        )
        self.run_role(role)
        self.send(Client(self.reactor, 24, peer="127.0.0.1"), f"<{ALICE}>", "LHLO")
        self.assertEqual((1, 1), (len(self.out.messages), len(self.contents(ALICE))))

    def test_no_queue_for_strangers(self) -> None:
        """An exchanger cannot be built with a queue for its mail."""
        queue = QueueDelivery(None)  # type: ignore[arg-type]
        self.assertRaises(ValueError, MXRole, [], None, self.directory, self.reactor, delivery=queue)
