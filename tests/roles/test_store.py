"""Mailboxes."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from mailframe.imap.settings import IMAPSettings
from mailframe.pop3.settings import POP3Settings
from mailframe.roles.interfaces import IRole
from mailframe.roles.store import StoreRole
from mailframe.smtp.settings import SMTPSettings

from .house import ALICE, PASSWORD, Client, RoleCase

MESSAGE = "LHLO mx.test\nMAIL FROM:<>\nRCPT TO:<alice@example.test>\nRCPT TO:<bob@elsewhere.test>\nDATA\n"


class StoreRoleTests(RoleCase):
    """LMTP in, IMAP and POP3 out."""

    def setUp(self) -> None:
        """A role with a listener for each."""
        super().setUp()
        self.role = StoreRole(
            self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            lmtp=[self.listener(24)],
            imap=[self.listener(143)],
            pop3=[self.listener(110)],
            lmtp_settings=SMTPSettings(hostname="store.example.test"),
            imap_settings=IMAPSettings(require_tls_for_auth=False),
            pop3_settings=POP3Settings(require_tls_for_auth=False),
        )
        self.run_role(self.role)

    def test_interfaces(self) -> None:
        """It is a role."""
        verifyObject(IRole, self.role)

    def deliver(self) -> None:
        """One message, by LMTP."""
        client = Client(self.reactor, 24, peer="127.0.0.1")
        answer = client.say(MESSAGE)
        self.assertIn("\r\n550 5.7.1", answer)
        self.assertTrue(client.say("Subject: hello\n\nbody\n.\n").startswith("250 "))

    def test_lmtp_from_strangers(self) -> None:
        """Who is not in the listed networks is sent away before anything is said."""
        client = Client(self.reactor, 24, peer="192.0.2.1")
        self.assertTrue(client.greeting.startswith("554 "))
        self.assertTrue(client.ended)

    def test_imap(self) -> None:
        """What came in is read by IMAP."""
        self.deliver()
        client = Client(self.reactor, 143)
        answer = client.say(f"a login {ALICE} {PASSWORD}\nb select inbox\nc fetch 1 body[text]\n")
        self.assertIn("* 1 EXISTS", answer)
        self.assertIn("body\r\n", answer)

    def test_pop3(self) -> None:
        """What came in is read by POP3."""
        self.deliver()
        client = Client(self.reactor, 110)
        answer = client.say(f"USER {ALICE}\nPASS {PASSWORD}\nRETR 1\n")
        self.assertIn("Subject: hello\r\n\r\nbody\r\n.\r\n", answer)

    def test_full_mailbox(self) -> None:
        """Mail for a full mailbox is refused at RCPT, before it is sent."""
        self.fill_mailbox()
        answer = Client(self.reactor, 24, peer="127.0.0.1").say(MESSAGE)
        self.assertIn("\r\n452 4.2.2 The mailbox is full", answer)

    def test_sends_nothing(self) -> None:
        """It connects to nobody."""
        self.test_imap()
        self.assertEqual(self.reactor.tcpClients, [])

    def test_sessions_and_goodbye(self) -> None:
        """Sessions of all protocols count, and all are told when the service goes down."""
        clients = [Client(self.reactor, port, peer="127.0.0.1") for port in (24, 143, 110)]
        self.assertEqual(self.role.sessions(), 3)
        self.role.finish()
        self.assertTrue(all(client.ended for client in clients))
        self.assertIn("BYE", clients[1].take())
