"""The router: our own hosts' mail on its way out, and nobody else's."""

from __future__ import annotations

from typing import Any

from mailframe.filters.trace import TraceFilter
from mailframe.message.address import parse_mailbox
from mailframe.message.status import Status
from mailframe.roles.options import RouterOptions
from mailframe.roles.router import RouterRole
from mailframe.routing.expansion import Expansion
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import RecordingDelivery
from mailframe.testing.transports import PretendedTLS

from .house import ALICE, Client, RoleCase
from .test_relay import LOGIN, FakeContexts

NEAR = "192.0.2.1"
FAR = "203.0.113.9"


class RouterCase(RoleCase):
    """A router on port 26 for one network."""

    def setUp(self) -> None:
        super().setUp()
        self.out = RecordingDelivery()

    def router(self, **options: Any) -> RouterRole:
        """A running one."""
        options.setdefault("networks", ["192.0.2.0/24"])
        options.setdefault(
            "settings",
            SMTPSettings(hostname="out.example.test", future_release=3600, deliver_by=True, xverp=True),  # type: ignore[arg-type]
        )
        options.setdefault("filters", [TraceFilter("out.example.test", self.reactor)])
        role = RouterRole([self.listener(26)], self.out, self.reactor, **options)  # type: ignore[arg-type]
        self.run_role(role)
        return role

    def send(self, client: Client, *recipients: str, sender: str = ALICE) -> str:
        """One message; the last answer."""
        client.say("EHLO relay.example.test\n")
        answer = client.say(f"MAIL FROM:<{sender}>\n")
        for recipient in recipients:
            answer = client.say(f"RCPT TO:<{recipient}>\n")
            if not answer.startswith("250"):
                return answer
        client.say("DATA\n")
        return client.say("Subject: hello\n\nA line.\n.\n")


class StrangerTests(RouterCase):
    """Strangers get nowhere."""

    def test_refused_at_once(self) -> None:
        """A stranger is turned away before saying a word, and the connection ends."""
        self.router()
        client = Client(self.reactor, 26, peer=FAR)
        self.assertTrue(client.greeting.startswith("554 "), client.greeting)
        self.assertNotIn("250", client.say("EHLO c.test\nMAIL FROM:<>\n"))
        self.assertEqual([], self.out.messages)

    def test_no_words_help(self) -> None:
        """Where certificates are taken a stranger may greet, but nothing that is said makes a transaction."""
        self.router(certificates=["relay.example.test"], tls=FakeContexts())
        client = Client(self.reactor, 26, peer=FAR)
        self.assertTrue(client.greeting.startswith("220 "))
        for words in (
            "EHLO relay.example.test\n",
            "XCLIENT ADDR=192.0.2.1\n",
            "XFORWARD ADDR=192.0.2.1\n",
            "AUTH PLAIN AGFsaWNlAHg=\n",
        ):
            client.say(words)
        self.assertTrue(client.say(f"MAIL FROM:<{ALICE}>\n").startswith("550 5.7.1"))
        self.assertTrue(client.say("RCPT TO:<bob@example.org>\n").startswith("503"))
        self.assertEqual([], self.out.messages)

    def test_nothing_opens_it(self) -> None:
        """No settings make an open router."""
        self.assertRaises(ValueError, self.router, networks=["0.0.0.0/0"])
        self.assertRaises(ValueError, self.router, networks=["0.0.0.0/1", "128.0.0.0/1"])
        self.assertRaises(ValueError, self.router, networks=[])
        self.assertRaises(ValueError, RouterOptions, networks=["::/0"])
        self.assertRaises(ValueError, RouterOptions, certificates=["*"])


class HostTests(RouterCase):
    """Our own hosts' mail goes out as it is."""

    def test_taken(self) -> None:
        """A listed host sends to anybody; the content has one more trace field and is the same otherwise."""
        self.router()
        answer = self.send(Client(self.reactor, 26, peer=NEAR), "bob@example.org", "carol@example.net")
        self.assertTrue(answer.startswith("250"), answer)
        (message,) = self.out.messages
        self.assertTrue(all(route.onward and not route.mailboxes for route in message.routes))
        self.assertTrue(message.octets.startswith(b"Received: from relay.example.test"))
        self.assertTrue(message.octets.endswith(b"\r\nSubject: hello\r\n\r\nA line.\r\n"))
        self.assertEqual(1, message.octets.count(b"Received:"))

    def test_offers(self) -> None:
        """What a queue can keep is offered."""
        self.router()
        hello = Client(self.reactor, 26, peer=NEAR).say("EHLO relay.example.test\n")
        for keyword in ("DSN", "XVERP", "FUTURERELEASE", "DELIVERBY", "MT-PRIORITY"):
            self.assertIn(keyword, hello)
        self.assertNotIn("AUTH", hello)

    def test_certificate(self) -> None:
        """The owner of a listed certificate may send from anywhere."""
        self.router(networks=[], certificates=["relay.example.test"], tls=FakeContexts())
        self.patch(PretendedTLS, "client_name", "relay.example.test")
        answer = self.send(Client(self.reactor, 26, secure=True, peer=FAR), "bob@example.org")
        self.assertTrue(answer.startswith("250"), answer)

    def test_fingerprint(self) -> None:
        """A certificate may be listed by its fingerprint; what is none is told at the start."""
        self.router(networks=[], certificates=["sha256:" + "ab" * 32], tls=FakeContexts())
        self.patch(PretendedTLS, "client_fingerprint", "ab" * 32)
        answer = self.send(Client(self.reactor, 26, secure=True, peer=FAR), "bob@example.org")
        self.assertTrue(answer.startswith("250"), answer)
        self.assertRaises(ValueError, RouterOptions, certificates=["sha256:abcd"])

    def test_login(self) -> None:
        """Whoever logs in may send where logins are taken."""
        self.router(networks=[], authenticator=self.authenticator, tls=FakeContexts())
        client = Client(self.reactor, 26, secure=True, peer=FAR)
        client.say("EHLO relay.example.test\n")
        self.assertTrue(client.say(LOGIN).startswith("235"))
        self.assertTrue(self.send(client, "bob@example.org", sender="list@example.net").startswith("250"))

    def test_own_recipients(self) -> None:
        """Recipients that our own domains do not have are refused while the client listens."""
        self.router(directory=self.directory)
        client = Client(self.reactor, 26, peer=NEAR)
        self.assertTrue(self.send(client, "nobody@example.test").startswith("550 5.1.1"))
        self.assertTrue(self.send(client, ALICE).startswith("250"))

    def test_alias_abroad(self) -> None:
        """An alias that leads out of the house is its targets."""
        self.directory.set_alias(parse_mailbox("all@example.test"), [parse_mailbox("bob@example.org")])
        self.router(directory=self.directory, expansion=Expansion(self.directory))
        self.assertTrue(self.send(Client(self.reactor, 26, peer=NEAR), "all@example.test").startswith("250"))
        (recipient,) = self.out.messages[0].envelope.recipients
        self.assertEqual("bob@example.org", str(recipient.forward_path))
        self.assertEqual("rfc822;all@example.test", recipient.parameters["ORCPT"])

    def test_no_room(self) -> None:
        """When the queue is full the host is told to come again."""
        self.out.statuses = [Status((4, 3, 1), "No room", reply_code=452)]
        self.router()
        self.assertTrue(
            self.send(Client(self.reactor, 26, peer=NEAR), "bob@example.org").startswith("452 4.3.1")
        )
