"""Our client and our server: every extension both have, octet for octet."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from mailframe.message.address import Address
from mailframe.message.envelope import Recipient
from mailframe.message.status import MAILBOX_FULL, OK, Status
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.settings import ClientSettings
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import FixedRouter, RecordingDelivery, fake_reception
from mailframe.testing.wires import MemoryEndpoint
from mailframe.tls.policies import NO_TLS

from .harness import ALICE, BOB, CAROL, MESSAGE, ClientCase, message

EIGHT_BIT = "Subject: Grüße\r\n\r\nKöln\r\n".encode()
NO = Status((5, 1, 1), "No such mailbox")


class OwnServerTests(ClientCase):
    """What the client sends is what the server gets."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.delivery = RecordingDelivery()

    def connect_own(self, router: FixedRouter | None = None, protocol: str = "smtp", **settings: Any) -> Any:
        """A client of our own server."""
        reception = fake_reception(self.delivery, router)
        server = SMTPServerFactory(reception, SMTPSettings(protocol=protocol), self.clock)  # type: ignore[arg-type]
        endpoint = MemoryEndpoint(self.clock, server)
        connector = Connector(
            self.clock,
            ClientSettings(hostname="client.example.test", **settings),
            None,
            lambda target: endpoint,
        )
        target = Target("mx.example.test", protocol=protocol, policy=NO_TLS)  # type: ignore[arg-type]
        return self.run_now(connector.connect(target))

    def test_each_way(self) -> None:
        """By DATA and by BDAT, pipelined and not, large and small: the octets are the same."""
        contents = (MESSAGE, b"", b".\r\n..\r\n.\r\n", b"Subject: x\r\n\r\n" + b"y" * 900 + b"\r\n" * 90_000)
        for chunking in (False, True):
            for pipelining in (False, True):
                client = self.connect_own(chunking=chunking, pipelining=pipelining, chunk=10_000)
                for content in contents:
                    outcome = self.send(client, message(content))
                    self.assertTrue(outcome.accepted)
                    self.assertEqual(self.delivery.messages[-1].octets, content)

    def test_offered(self) -> None:
        """The server offers what the client looks for."""
        client = self.connect_own()
        for keyword in ("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN"):
            self.assertIn(keyword, client.capabilities)

    def test_envelope(self) -> None:
        """Addresses and parameters arrive as they were."""
        client = self.connect_own()
        quoted, local, domain = (
            Address('john "q" doe', "example.test"), Address("grüße", "example.test"), Address("bob", "bücher.test")
        )  # fmt: skip
        recipient = {"NOTIFY": "SUCCESS,FAILURE", "ORCPT": "rfc822;bob+40example.test"}
        parameters: dict[str, str | None] = {"RET": "HDRS", "ENVID": "QQ+2B1"}
        mail = message(
            EIGHT_BIT, Recipient(quoted, recipient), Recipient(local), Recipient(domain),
            reverse_path=domain, parameters=parameters,
        )  # fmt: skip
        self.assertTrue(self.send(client, mail).accepted)
        got = self.delivery.messages[-1]
        self.assertEqual([each.forward_path for each in got.envelope.recipients], [quoted, local, domain])
        self.assertEqual(got.envelope.reverse_path, domain)
        self.assertEqual(got.envelope.recipients[0].parameters, recipient)
        self.assertEqual(
            {key: got.envelope.parameters[key] for key in ("RET", "ENVID", "BODY", "SMTPUTF8", "SIZE")},
            {**parameters, "BODY": "8BITMIME", "SMTPUTF8": None, "SIZE": str(len(EIGHT_BIT))},
        )
        self.assertEqual(got.octets, EIGHT_BIT)

    def test_refusals(self) -> None:
        """What the server says of each recipient is what the client hears."""
        router = FixedRouter({str(ALICE): NO, str(BOB): None, str(CAROL): MAILBOX_FULL})
        client = self.connect_own(router)
        mail = message(MESSAGE, Recipient(ALICE), Recipient(BOB), Recipient(CAROL))
        self.assertEqual(self.codes(self.send(client, mail)), ["5.1.1", "2.0.0", "4.2.2"])
        self.assertEqual(self.codes(self.send(client, message(MESSAGE, Recipient(ALICE)))), ["5.1.1"])
        self.assertTrue(client.usable)

    def test_lmtp(self) -> None:
        """Over LMTP each recipient has its own answer, by DATA and by BDAT."""
        self.delivery.statuses = [OK, MAILBOX_FULL]
        for chunking in (False, True):
            client = self.connect_own(protocol="lmtp", chunking=chunking)
            outcome = self.send(client, message(MESSAGE, Recipient(ALICE), Recipient(BOB)))
            self.assertEqual(self.codes(outcome), ["2.0.0", "4.2.2"])
            self.assertEqual(self.delivery.messages[-1].octets, MESSAGE)
            self.assertTrue(client.usable)
            self.run_now(client.quit())

    def test_many_recipients(self) -> None:
        """More recipients than the server takes at once go in several transactions, and all get it."""
        client = self.connect_own()
        recipients = [Recipient(Address(f"user{number}", "example.test")) for number in range(2500)]
        outcome = self.send(client, message(MESSAGE, *recipients))
        self.assertTrue(all(status.success for status in outcome.statuses))
        self.assertEqual([len(got.envelope.recipients) for got in self.delivery.messages], [1000, 1000, 500])
