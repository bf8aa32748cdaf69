"""AUTH (RFC 4954)."""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, FixedAuthenticator, FixedRouter, RecordingDelivery, serve
from mailframe.testing.transports import MemoryTransport
from mailframe.tls.interfaces import IServerContexts


def b64(text: str) -> str:
    """As it goes over the wire."""
    return base64.b64encode(text.encode()).decode()


PLAIN = b64("\0bob@example.test\0secret")
WRONG = b64("\0bob@example.test\0guess")
CLEAR = SMTPSettings(require_tls_for_auth=False)


class AuthTests(SynchronousTestCase):
    """Logging in, and not."""

    def setUp(self) -> None:
        self.authenticator = FixedAuthenticator({"bob@example.test": "secret"})
        self.delivery = RecordingDelivery()
        self.reception = Reception(FixedRouter(unknown=None), self.delivery, authenticator=self.authenticator)
        self.client = self.connect(CLEAR)

    def connect(self, settings: SMTPSettings, peer: str = "192.0.2.1") -> Client:
        client = serve(self.reception, settings, peer=peer)
        self.keywords = client.say("EHLO x")
        return client

    def codes(self, *lines: str) -> list[str]:
        return [" ".join(reply.split()[:2]) for reply in self.client.say(*lines)]

    def test_plain(self) -> None:
        """PLAIN with an initial response, and with a challenge."""
        self.assertEqual(self.codes(f"AUTH PLAIN {PLAIN}"), ["235 2.7.0"])
        self.client = self.connect(CLEAR)
        self.assertEqual(self.client.say("AUTH plain"), ["334 "])
        self.assertEqual(self.codes(PLAIN), ["235 2.7.0"])
        self.client.message(b"x\r\n", "eve@example.test")
        self.assertEqual(self.delivery.messages[0].mail.origin.login, "bob@example.test")

    def test_login(self) -> None:
        """LOGIN asks for name and password, or takes the name at once."""
        self.assertEqual(
            self.client.say("AUTH LOGIN", b64("bob@example.test"), b64("secret")),
            ["334 " + b64("Username:"), "334 " + b64("Password:"), "235 2.7.0 Authentication succeeded"],
        )
        self.client = self.connect(CLEAR)
        self.assertEqual(self.codes("AUTH LOGIN " + b64("bob@example.test"), b64("secret"))[-1], "235 2.7.0")

    def test_refused(self) -> None:
        """Wrong passwords are refused, and too many of them end the connection."""
        self.assertEqual(self.codes(*[f"AUTH PLAIN {WRONG}"] * 4), ["535 5.7.8", "535 5.7.8", "421 4.7.0"])
        self.assertTrue(self.client.closed)

    def test_cannot_check(self) -> None:
        """When the password cannot be checked, the client is asked to come again, and it does not count."""
        self.authenticator.error = MailframeError(UNAVAILABLE, "private")
        self.assertEqual(self.codes(*[f"AUTH PLAIN {PLAIN}"] * 5), ["454 4.3.2"] * 5)

    def test_malformed(self) -> None:
        """Cancelling, no base64, no PLAIN and no mechanism each have their reply, and the dialogue goes on."""
        self.assertEqual(self.codes("AUTH PLAIN", "*", "NOOP"), ["334", "501 5.7.0", "250 2.0.0"])
        self.assertEqual(self.codes("AUTH PLAIN", "QUIT!", "NOOP"), ["334", "501 5.5.2", "250 2.0.0"])
        self.assertEqual(self.codes("AUTH PLAIN =", "NOOP"), ["501 5.5.2", "250 2.0.0"])
        self.assertEqual(self.codes("AUTH PLAIN " + b64("x"), "NOOP"), ["501 5.5.2", "250 2.0.0"])
        self.assertEqual(self.codes("AUTH CRAM-MD5", "NOOP"), ["504 5.5.4", "250 2.0.0"])
        self.assertEqual(self.client.send(b"AUTH LOGIN\r\nx\ny\r\nNOOP\r\n")[-1], "250 2.0.0 OK")

    def test_order(self) -> None:
        """AUTH comes once, after EHLO, and not within a transaction."""
        self.assertEqual(self.codes("MAIL FROM:<>", f"AUTH PLAIN {PLAIN}"), ["250 2.1.0", "503 5.5.1"])
        self.assertEqual(
            self.codes("RSET", *[f"AUTH PLAIN {PLAIN}"] * 2), ["250 2.0.0", "235 2.7.0", "503 5.5.1"]
        )
        self.client = serve(self.reception, CLEAR)
        self.assertEqual(self.codes(f"AUTH PLAIN {PLAIN}"), ["503 5.5.1"])

    def test_in_clear(self) -> None:
        """Without TLS AUTH is neither offered nor possible, unless it is allowed for this machine."""
        self.client = self.connect(SMTPSettings())
        self.assertFalse([keyword for keyword in self.keywords if "AUTH" in keyword])
        self.assertEqual(self.codes(f"AUTH PLAIN {PLAIN}"), ["538 5.7.11"])
        loopback = SMTPSettings(clear_auth_from_loopback=True)
        for peer in ("192.0.2.1", "::1:0:0:1", "2001:db8::1"):
            self.client = self.connect(loopback, peer)
            self.assertEqual(self.codes(f"AUTH PLAIN {PLAIN}"), ["538 5.7.11"])
        for peer in ("127.0.0.1", "::1", "unix"):
            self.client = self.connect(loopback, peer)
            self.assertIn("250 AUTH PLAIN LOGIN", self.keywords)
            self.assertEqual(self.codes(f"AUTH PLAIN {PLAIN}"), ["235 2.7.0"])

    def test_required(self) -> None:
        """Where a login is required, MAIL comes after it."""
        self.client = self.connect(SMTPSettings(require_auth=True, require_tls_for_auth=False))
        self.assertEqual(
            self.codes("MAIL FROM:<>", f"AUTH PLAIN {PLAIN}", "MAIL FROM:<> AUTH=<>"),
            ["530 5.7.0", "235 2.7.0", "250 2.1.0"],
        )

    def test_forgotten_under_tls(self) -> None:
        """STARTTLS makes all forgotten that was said in clear: the name, and the login (RFC 3207 section 4.2)."""
        transport = MemoryTransport()
        settings = SMTPSettings(require_auth=True, require_tls_for_auth=False)
        protocol = SMTPServerFactory(self.reception, settings, Clock(), Certificates()).buildProtocol(None)
        protocol.makeConnection(transport)
        for line, reply in (
            ("EHLO x", b"220"),
            (f"AUTH PLAIN {PLAIN}", b"235"),
            ("STARTTLS", b"220"),
            ("MAIL FROM:<>", b"503"),
            ("EHLO x", b"250"),
            ("MAIL FROM:<>", b"530"),
            (f"AUTH PLAIN {PLAIN}", b"235"),
        ):
            protocol.dataReceived(line.encode() + b"\r\n")
            self.assertEqual(transport.take()[:3], reply, line)
        self.assertEqual(transport.tls_started, 1)


@implementer(IServerContexts)
class Certificates:
    """Something to begin a handshake with, which this transport only pretends."""

    def contexts(self) -> Any:
        return object()
