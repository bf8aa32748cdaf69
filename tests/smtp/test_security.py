"""What a stranger must never achieve: relaying, smuggling, speaking before TLS."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Size
from mailframe.directory.memory import MemoryDirectory
from mailframe.message.address import Address
from mailframe.policy.login import LoginPolicy
from mailframe.routing.local import LocalRouter
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, FixedAuthenticator, RecordingDelivery, fake_reception, serve
from mailframe.testing.transports import MemoryTransport
from mailframe.tls.interfaces import IServerContexts

OURS = "example.test"

RELAY_ATTEMPTS = [
    "<eve@example.net>",
    "<eve%example.net@example.test>",
    "<eve%example.net>",
    "<eve%example.net@[192.0.2.9]>",
    "<eve@example.net@example.test>",
    '<"eve@example.net"@example.test>',
    '<"eve%example.net"@example.test>',
    '<"eve@example.net">',
    "<example.net!eve@example.test>",
    "<example.test!eve@example.net>",
    "<example.net!eve>",
    "<@example.test:eve@example.net>",
    "<@example.test,@mx.example.test:eve@example.net>",
    "<@example.net:eve@example.test>",
    "<eve@[192.0.2.7]>",
    "<eve@[IPv6:2001:db8::7]>",
    "<eve@example.net.>",
    "<eve@example.test.example.net>",
    "<eve@EXAMPLE.NET>",
    "<eve@example.net(example.test)>",
    "<eve@example.net,bob@example.test>",
    "<eve@example.net> <bob@example.test>",
    "<eve@example.net>,<bob@example.test>",
    "<eve@example.net\x00@example.test>",
    "<eve@example.net;bob@example.test>",
    "<eve#example.net@example.test>",
    "<bob@example.test@example.net>",
    "<eve@>",
    "<@example.test>",
    "<>",
    "eve@example.net",
    "<postmaster@example.net>",
    "<eve@localhost>",
    "<eve@mx.example.test>",
    '<"bob@example.test"@example.net>',
    "<bob@example.test%example.net>",
]


def reception(delivery: RecordingDelivery, *policies: object) -> Reception:
    """What an exchanger for example.test asks, with bob as its only mailbox."""
    directory = MemoryDirectory([OURS], {f"bob@{OURS}": "secret"})
    router = LocalRouter(directory, postmaster=Address("bob", OURS), hostname="mx.example.test")
    return Reception(router, delivery, policies)


class RelayTests(SynchronousTestCase):
    """An exchanger takes mail for its own mailboxes, and nothing else, whoever asks."""

    def setUp(self) -> None:
        self.delivery = RecordingDelivery()

    def attempt(self, client: Client, path: str) -> None:
        reply = client.say(f"RCPT TO:{path}")[-1]
        self.assertIn(reply[0], "5", f"{path}: {reply}")
        self.assertTrue(client.say("DATA")[-1].startswith("554"))

    def test_battery(self) -> None:
        """Every known trick to name somebody elsewhere is refused for good, from strangers and from this machine."""
        settings = SMTPSettings(errors_limit=1000, refused_recipients_limit=0, tarpit_after=0)
        for peer in ("198.51.100.1", "127.0.0.1", "::1", "unix"):
            client = serve(reception(self.delivery), settings, peer=peer)
            client.say("EHLO x")
            for sender in ("", "bob@example.test", "root@localhost", "eve@example.net"):
                client.say(f"MAIL FROM:<{sender}>")
                for path in RELAY_ATTEMPTS:
                    self.attempt(client, path)
                client.say("RSET")
        self.assertEqual(self.delivery.messages, [])

    @given(
        st.lists(
            st.sampled_from(
                ["eve", "bob", "@", "%", "!", '"', "example.test", "example.net", ":", ",", "[", "]", " "]
            ),
            max_size=9,
        )
    )
    def test_any_path(self, parts: list[str]) -> None:
        """Whatever path is accepted leads to bob and to nobody else."""
        delivery = RecordingDelivery()
        client = serve(reception(delivery))
        client.message(b"x\r\n", "".join(parts))
        for message in delivery.messages:
            self.assertEqual(
                [m.account for route in message.routes for m in route.mailboxes], ["bob@example.test"]
            )

    def test_login_first(self) -> None:
        """A submission service takes nothing before the login, whatever the order of commands."""
        client = serve(reception(self.delivery, LoginPolicy()))
        client.say("EHLO x")
        replies = client.say("MAIL FROM:<bob@example.test>", "RCPT TO:<bob@example.test>", "DATA")
        self.assertEqual([reply[:3] for reply in replies], ["530", "503", "503"])


class SmugglingTests(SynchronousTestCase):
    """A message cannot hide another one in itself, nor commands."""

    HIDDEN = b"MAIL FROM:<admin@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nhidden\r\n.\r\n"

    def test_false_ends(self) -> None:
        """What looks like an end of data to some servers is none here, refused or normalised."""
        ends = [
            b"\n.\n",
            b"\n.\r\n",
            b"\r.\r",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\r.\r\n",
            b"\r\n\x00.\r\n",
            b"\r\n.\x00\r\n",
            b"\r\n .\r\n",
            b"\n\n.\r\n",
            b"\r\n.\r\r\n",
        ]
        for line_ends in ("refuse", "normalise"):
            for end in ends:
                delivery = RecordingDelivery()
                settings = SMTPSettings(line_ends=line_ends)  # type: ignore[arg-type]
                client = serve(fake_reception(delivery), settings)
                client.say("EHLO x", "MAIL FROM:<a@example.test>", "RCPT TO:<bob@example.test>", "DATA")
                replies = client.send(b"first" + end + self.HIDDEN)
                self.assertEqual(len(replies), 1, (line_ends, end, replies))
                self.assertLessEqual(len(delivery.messages), 1)
                for message in delivery.messages:
                    self.assertIn(b"hidden", message.octets)
                    pairs = message.octets.count(b"\r\n")
                    self.assertEqual(
                        (message.octets.count(b"\r"), message.octets.count(b"\n")), (pairs, pairs)
                    )

    def test_bare_ends_in_commands(self) -> None:
        """A bare CR or LF in a command is refused; what is behind a bare LF is no second command."""
        delivery = RecordingDelivery()
        client = serve(fake_reception(delivery))
        client.say("EHLO x")
        replies = client.send(b"NOOP\nMAIL FROM:<a@example.test>\r\n")
        self.assertEqual([reply[:3] for reply in replies], ["500", "500"])
        self.assertTrue(client.send(b"NOOP\rNOOP\r\n")[0].startswith("500"))

    def test_log_cannot_be_forged(self) -> None:
        """Control characters cannot come in by names or addresses."""
        client = serve(fake_reception())
        self.assertTrue(client.send(b"EHLO a\x1b[2J\r\n")[0].startswith("501"))
        client.say("EHLO x")
        self.assertTrue(client.send(b'MAIL FROM:<"a\tb"@example.test>\r\n')[0].startswith("501"))


PIECES = [
    b"\r\n", b"\r", b"\n", b".", b" ", b":", b"<", b">", b"\x00", b"\xff", b"EHLO x", b"MAIL FROM:<a@example.test>",
    b"RCPT TO:<bob@example.test>", b"DATA", b"\r\n.\r\n", b"RSET", b"AUTH PLAIN", b"AUTH LOGIN eA==", b"*", b"SIZE=1", b"QUIT",
]  # fmt: skip


class NoiseTests(SynchronousTestCase):
    """Whatever a stranger sends, the server keeps to the protocol."""

    @given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=40), st.integers(1, 50))
    def test_any_octets(self, pieces: list[bytes], size: int) -> None:
        """Any octets in any segments get well-formed replies, and no failure of ours."""
        authenticator = FixedAuthenticator({"bob@example.test": "secret"})
        asked = Reception(
            reception(RecordingDelivery())._router, RecordingDelivery(), authenticator=authenticator
        )
        client = serve(asked, SMTPSettings(require_tls_for_auth=False, line_limit=Size(512)))
        octets = b"EHLO x\r\n" + b"".join(pieces)
        for begin in range(0, len(octets), size):
            for reply in client.send(octets[begin : begin + size]):
                self.assertRegex(reply, r"^[2-5][0-9][0-9][ -]")
        client.lose()
        self.assertEqual(client.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class Contexts:
    """Certificates that are never asked for."""

    def contexts(self) -> object:
        return object()


class StartTLSTests(SynchronousTestCase):
    """What was said in clear counts no more under TLS (RFC 3207)."""

    def setUp(self) -> None:
        authenticator = FixedAuthenticator({"bob@example.test": "secret"})
        self.delivery = RecordingDelivery()
        self.reception = Reception(
            reception(self.delivery)._router, self.delivery, authenticator=authenticator
        )
        self.transport = MemoryTransport()
        tls: IServerContexts = Contexts()  # type: ignore[assignment]
        factory = SMTPServerFactory(self.reception, SMTPSettings(), Clock(), tls)
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.transport.take()

    def send(self, octets: bytes) -> list[bytes]:
        self.protocol.dataReceived(octets)
        return self.transport.take().split(b"\r\n")[:-1]

    def test_injection(self) -> None:
        """Octets that came behind STARTTLS in clear end the connection; none of them is answered under TLS."""
        self.send(b"EHLO x\r\n")
        replies = self.send(b"STARTTLS\r\nMAIL FROM:<eve@example.net>\r\n")
        self.assertEqual([reply[:9] for reply in replies], [b"503 5.5.1"])
        self.assertFalse(self.protocol.secure)  # type: ignore[attr-defined]
        self.assertEqual(self.send(b"NOOP\r\n"), [])

    def test_everything_is_forgotten(self) -> None:
        """After the handshake the client has to greet again, and is offered a login instead of STARTTLS."""
        self.assertIn(b"250-STARTTLS", self.send(b"EHLO x\r\n"))
        self.assertEqual(self.send(b"STARTTLS\r\n"), [b"220 2.0.0 Begin the handshake"])
        self.assertTrue(self.protocol.secure)  # type: ignore[attr-defined]
        self.assertEqual(self.send(b"MAIL FROM:<>\r\n")[0][:9], b"503 5.5.1")
        keywords = self.send(b"EHLO x\r\n")
        self.assertEqual([line for line in keywords if b"STARTTLS" in line], [])
        self.assertIn(b"250 AUTH PLAIN LOGIN", keywords)
        self.assertEqual(self.send(b"STARTTLS\r\n")[0][:9], b"503 5.5.1")
        secret = base64.b64encode(b"\0bob@example.test\0secret")
        self.assertEqual(self.send(b"AUTH PLAIN " + secret + b"\r\n")[0][:9], b"235 2.7.0")
        self.send(b"MAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nx\r\n.\r\n")
        origin = self.delivery.messages[0].mail.origin
        assert origin.tls is not None
        self.assertTrue(origin.tls.version.startswith("TLS"))

    def test_not_within_a_transaction(self) -> None:
        """STARTTLS does not come between MAIL and DATA, and takes no argument."""
        self.send(b"EHLO x\r\nMAIL FROM:<>\r\n")
        self.assertEqual(self.send(b"STARTTLS\r\n")[0][:9], b"503 5.5.1")
        self.assertEqual(self.send(b"STARTTLS now\r\n")[0][:9], b"501 5.5.4")

    def test_no_certificates(self) -> None:
        """Certificates that cannot be read are a temporary failure; the dialogue goes on in clear."""

        def fail() -> object:
            raise ValueError("private")

        self.protocol._conversation._factory.tls.contexts = fail  # type: ignore[attr-defined]
        self.assertEqual(
            self.send(b"EHLO x\r\nSTARTTLS\r\nNOOP\r\n")[-2:],
            [b"454 4.7.0 TLS is not available right now", b"250 2.0.0 OK"],
        )
        self.flushLoggedErrors(ValueError)
