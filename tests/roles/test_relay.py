"""Submission."""

from __future__ import annotations

import base64
from typing import Any
from unittest import mock

from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.roles.interfaces import IRole
from mailframe.roles.relay import RelayRole
from mailframe.routing.interfaces import IRouter
from mailframe.routing.local import LocalRouter
from mailframe.routing.roles import SubmissionRouter
from mailframe.smtp.settings import SMTPSettings
from mailframe.tls.interfaces import IServerContexts

from .house import ALICE, PASSWORD, Client, RoleCase

LOGIN = "AUTH PLAIN " + base64.b64encode(f"\0{ALICE}\0{PASSWORD}".encode()).decode() + "\n"


@implementer(IServerContexts)
class FakeContexts:
    """Certificates that nobody looks at."""

    def contexts(self) -> Any:
        """Something."""
        return mock.sentinel.contexts


class RelayRoleTests(RoleCase):
    """Mail from our own users, who log in under TLS."""

    def setUp(self) -> None:
        """A role with both kinds of listeners."""
        super().setUp()
        self.role = RelayRole(
            [self.listener(587), self.listener(465, implicit_tls=True)],
            self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            SMTPSettings(hostname="relay.example.test"),
            tls=FakeContexts(),
        )
        self.run_role(self.role)

    def test_interfaces(self) -> None:
        """It is a role; its router routes."""
        verifyObject(IRole, self.role)
        verifyObject(IRouter, SubmissionRouter(LocalRouter(self.directory), self.directory))

    def test_login_in_clear(self) -> None:
        """In clear there is STARTTLS and no AUTH, and whoever tries all the same is refused."""
        client = Client(self.reactor, 587)
        answer = client.say("EHLO c.test\n")
        self.assertIn("STARTTLS", answer)
        self.assertNotIn("AUTH", answer)
        self.assertTrue(client.say(LOGIN).startswith("538 5.7.11"))
        self.assertTrue(client.say("MAIL FROM:<alice@example.test>\n").startswith("530 5.7.0"))

    def test_starttls(self) -> None:
        """After STARTTLS there is AUTH, and then mail is taken."""
        client = Client(self.reactor, 587)
        self.assertTrue(client.say("EHLO c.test\nSTARTTLS\n").splitlines()[-1].startswith("220 2.0.0"))
        self.assertIn("AUTH PLAIN LOGIN", client.say("EHLO c.test\n"))
        self.send(client)

    def test_implicit_tls(self) -> None:
        """With TLS from the start there is AUTH at once, and no STARTTLS."""
        client = Client(self.reactor, 465, secure=True)
        answer = client.say("EHLO c.test\n")
        self.assertIn("AUTH", answer)
        self.assertNotIn("STARTTLS", answer)
        self.send(client)

    def send(self, client: Client) -> None:
        """Without login nothing goes, with it mail for our domains."""
        self.assertTrue(client.say("MAIL FROM:<alice@example.test>\n").startswith("530 5.7.0"))
        self.assertTrue(client.say(LOGIN).startswith("235 "))
        answer = client.say(
            "MAIL FROM:<alice@example.test>\nRCPT TO:<bob@elsewhere.test>\nRCPT TO:<alice@example.test>\nDATA\n"
        )
        replies = [line[:9] for line in answer.splitlines()]
        self.assertEqual(replies, ["250 2.1.0", "550 5.7.1", "250 2.1.5", "354 Send "[:9]])
        self.assertIn("it has no router", answer)
        self.assertTrue(client.say("Subject: x\n\n.\n").startswith("250 "))
        self.assertEqual(len(self.contents(ALICE)), 1)
        self.assertEqual(self.reactor.tcpClients, [])

    def test_wrong_password(self) -> None:
        """A wrong password is no login."""
        client = Client(self.reactor, 465, secure=True)
        client.say("EHLO c.test\n")
        wrong = base64.b64encode(f"\0{ALICE}\0wrong".encode()).decode()
        self.assertTrue(client.say(f"AUTH PLAIN {wrong}\n").startswith("535 5.7.8"))
        self.assertTrue(client.say("MAIL FROM:<alice@example.test>\n").startswith("530 "))

    def test_settings_cannot_open_it(self) -> None:
        """No settings make it take mail without login, or a password in clear."""
        lax = RelayRole(
            [self.listener(2587)],
            self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            SMTPSettings(require_auth=False, require_tls_for_auth=False),
            tls=FakeContexts(),
        )
        self.run_role(lax)
        client = Client(self.reactor, 2587)
        self.assertNotIn("AUTH", client.say("EHLO c.test\n"))
        self.assertTrue(client.say("MAIL FROM:<alice@example.test>\n").startswith("530 "))
