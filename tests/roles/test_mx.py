"""The inbound exchanger."""

from __future__ import annotations

from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from mailframe.filters.trace import TraceFilter
from mailframe.roles.interfaces import IRole
from mailframe.roles.mx import MXRole
from mailframe.smtp.settings import SMTPSettings

from .house import ALICE, Client, RoleCase

SETTINGS = SMTPSettings(hostname="mx.example.test")
TRANSACTION = "EHLO c.test\nMAIL FROM:<joe@sender.test>\nRCPT TO:<{}>\n"

LINES = st.sampled_from(
    [
        "EHLO c.test",
        "HELO c.test",
        "LHLO c.test",
        "MAIL FROM:<joe@sender.test>",
        "MAIL FROM:<>",
        "RCPT TO:<alice@example.test>",
        "RCPT TO:<bob@elsewhere.test>",
        "RCPT TO:<@example.test:bob@elsewhere.test>",
        "RCPT TO:<bob%elsewhere.test@example.test>",
        'RCPT TO:<"bob@elsewhere.test"@example.test>',
        "RCPT TO:<elsewhere.test!bob@example.test>",
        "RCPT TO:<bob@[192.0.2.7]>",
        "RCPT TO:<alice+bob=elsewhere.test@example.test>",
        "RCPT TO:<Postmaster>",
        "DATA",
        "Subject: x",
        "To: bob@elsewhere.test",
        ".",
        "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB3b25kZXJsYW5kLTI1ODA=",
        "STARTTLS",
        "VRFY bob@elsewhere.test",
        "EXPN staff",
        "ETRN elsewhere.test",
        "TURN",
        "RSET",
        "NOOP",
    ]
)


class MXRoleTests(RoleCase):
    """Mail from anybody, for our own."""

    def role(self, **options: Any) -> MXRole:
        """A role that listens on port 25."""
        options.setdefault("settings", SETTINGS)
        role = MXRole([self.listener(25)], self.store, self.directory, self.reactor, **options)
        self.run_role(role)
        return role

    def client(self, **options: Any) -> Client:
        """A stranger."""
        return Client(self.reactor, 25, **options)

    def test_interface(self) -> None:
        """It is a role."""
        verifyObject(IRole, self.role())

    def test_delivers(self) -> None:
        """Mail for an account is in its INBOX, with its way in front."""
        self.role(filters=[TraceFilter("mx.example.test", self.reactor)])
        client = self.client()
        self.assertTrue(client.greeting.startswith("220 mx.example.test"))
        self.assertIn("354", client.say(TRANSACTION.format(ALICE) + "DATA\n"))
        self.assertTrue(client.say("Subject: hello\n\n..dot\n.\n").startswith("250 "))
        (message,) = self.contents(ALICE)
        self.assertTrue(
            message.startswith(b"Return-Path: <joe@sender.test>\r\nDelivered-To: alice@example.test")
        )
        self.assertIn(b"\r\nReceived: from c.test ([192.0.2.1])", message)
        self.assertTrue(message.endswith(b"Subject: hello\r\n\r\n.dot\r\n"))

    def test_full_mailbox(self) -> None:
        """Mail for a full mailbox is refused at RCPT, before it is sent."""
        self.role()
        self.fill_mailbox()
        self.assertIn("452 4.2.2 The mailbox is full", self.client().say(TRANSACTION.format(ALICE)))

    def test_subaddress(self) -> None:
        """What stands behind the delimiter does not matter, but without a delimiter it does."""
        self.role()
        answer = self.client().say(TRANSACTION.format("alice+tag@example.test"))
        self.assertTrue(answer.splitlines()[-1].startswith("250 2.1.5"))
        other = MXRole([self.listener(26)], self.store, self.directory, self.reactor, SETTINGS, delimiter="")
        self.run_role(other)
        self.assertIn("550 5.1.1", Client(self.reactor, 26).say(TRANSACTION.format("alice+tag@example.test")))

    def test_refuses_others(self) -> None:
        """Mail for unknown accounts and for other domains is refused for good."""
        self.role()
        self.assertIn("550 5.1.1", self.client().say(TRANSACTION.format("nobody@example.test")))
        self.assertIn("550 5.7.1", self.client().say(TRANSACTION.format("bob@elsewhere.test")))
        answer = self.client().say("EHLO c.test\n")
        self.assertNotIn("STARTTLS", answer)

    def test_nobody_logs_in(self) -> None:
        """AUTH is not there, in clear or under TLS, whatever the settings say: nobody can be more than a stranger."""
        self.role(settings=SMTPSettings(hostname="mx.example.test", require_tls_for_auth=False))
        for secure in (False, True):
            client = self.client(secure=secure)
            self.assertNotIn("AUTH", client.say("EHLO c.test\n"))
            self.assertTrue(client.say("AUTH PLAIN AGFsaWNlAHg=\n").startswith("50"))

    def test_directory_away(self) -> None:
        """When the directory cannot be asked, mail is refused for now, never for good, and health says so."""
        role = self.role()
        self.directory.is_local = mock.Mock(side_effect=OSError("gone"))  # type: ignore[method-assign]
        self.assertRegex(self.client().say(TRANSACTION.format(ALICE)), r"\r\n4\d\d ")
        (problem,) = self.get(role.health())
        self.assertEqual(problem.name, "directory")
        self.flushLoggedErrors(OSError)

    def test_health(self) -> None:
        """With its directory there, it is well."""
        self.assertEqual(list(self.get(self.role().health())), [])

    @given(st.lists(LINES, max_size=12))
    def test_never_relays(self, lines: list[str]) -> None:
        """Whatever a stranger says, no connection is made to anybody, and mail goes to our accounts only."""
        self.setUp()
        role = MXRole([self.listener(25)], self.store, self.directory, self.reactor, SETTINGS)
        role.startService()
        before = set(self.reactor.tcpServers)
        Client(self.reactor, 25).say("".join(f"{line}\n" for line in lines))
        self.assertEqual(self.reactor.tcpClients, [])
        self.assertEqual(self.reactor.unixClients, [])
        self.assertEqual(set(self.reactor.tcpServers), before)
        self.successResultOf(role.stopService())
        self.flushLoggedErrors()


class LifeTests(RoleCase):
    """Start, drain, stop."""

    def setUp(self) -> None:
        """A role with one port."""
        super().setUp()
        self.role = MXRole([self.listener(25)], self.store, self.directory, self.reactor, SETTINGS)

    def test_sessions(self) -> None:
        """Connections are counted until they are gone."""
        self.run_role(self.role)
        self.assertEqual(self.role.sessions(), 0)
        one, other = Client(self.reactor, 25), Client(self.reactor, 25)
        self.assertEqual(self.role.sessions(), 2)
        one.lose()
        self.assertEqual(self.role.sessions(), 1)
        other.lose()
        self.assertEqual(self.role.sessions(), 0)

    def test_drain(self) -> None:
        """After a drain nobody listens, and sessions go on."""
        self.run_role(self.role)
        client = Client(self.reactor, 25)
        with mock.patch.object(self.role._ports[0], "stopListening") as stopped:
            self.get(self.role.drain())
            self.get(self.role.drain())
        stopped.assert_called_once_with()
        self.assertIn("250", client.say("EHLO c.test\n"))

    def test_finish(self) -> None:
        """Who is idle is sent away with 421, who is in a transaction when that is over."""
        self.run_role(self.role)
        idle, busy = Client(self.reactor, 25), Client(self.reactor, 25)
        busy.say(TRANSACTION.format(ALICE))
        self.role.finish()
        self.assertTrue(idle.take().startswith("421 "))
        self.assertTrue(idle.ended)
        self.assertFalse(busy.ended)
        busy.say("DATA\n")
        self.role.finish()
        self.assertFalse(busy.ended)
        self.assertTrue(busy.say("x: y\n\n.\n").startswith("250 "))
        self.role.finish()
        self.assertTrue(busy.ended)
        self.assertEqual(len(self.contents(ALICE)), 1)

    def test_last_words_are_not_waited_for(self) -> None:
        """A client that does not take the goodbye is cut off after a second."""
        self.run_role(self.role)
        idle = Client(self.reactor, 25)
        self.role.finish()
        self.reactor.advance(1.1)
        self.assertFalse(idle.transport.disconnected)
        self.role.finish()
        self.assertTrue(idle.transport.disconnected)

    def test_stop(self) -> None:
        """A stop cuts what is left."""
        self.role.startService()
        client = Client(self.reactor, 25)
        self.successResultOf(self.role.stopService())
        self.assertTrue(client.transport.disconnected)

    def test_collaborators_are_started_first(self) -> None:
        """Store and directory are started before anybody can connect; when one cannot be, nobody listens."""
        self.store.start = mock.Mock(side_effect=OSError("no disk"))  # type: ignore[method-assign]
        self.role.startService()
        self.addCleanup(self.role.stopService)
        from twisted.internet.defer import Deferred

        self.failureResultOf(Deferred.fromCoroutine(self.role.ready()), OSError)
        self.assertEqual(self.reactor.tcpServers, [])

    def test_no_certificates(self) -> None:
        """Listening with TLS from the start needs certificates."""
        error = self.assertRaises(
            ValueError,
            MXRole,
            [self.listener(465, implicit_tls=True)],
            self.store,
            self.directory,
            self.reactor,
        )
        self.assertIn("without certificates", str(error))
