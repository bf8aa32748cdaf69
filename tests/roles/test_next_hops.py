"""Roles that hand mail to other nodes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock

from mailframe.delivery.hosts import Hosts
from mailframe.delivery.lmtp import LMTPDelivery
from mailframe.delivery.options import SmarthostOptions
from mailframe.delivery.smarthost import SmarthostDelivery
from mailframe.roles.mx import MXRole
from mailframe.roles.next_hops import hosts
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.pool import Pool
from mailframe.testing.smtp_server import ScriptedServer
from mailframe.testing.wires import MemoryEndpoint
from mailframe.tls.policies import NO_TLS

from .house import ALICE, Client, RoleCase
from .test_context import TEXT, ContextCase

MESSAGE = "EHLO c.test\nMAIL FROM:<joe@sender.test>\nRCPT TO:<{}>\nDATA\nSubject: x\n\nHello\n.\n"
ONLY_MX = TEXT.replace('[role.store.imap_options]\nbanner = "Hello there"\n', "").replace(
    'status = ""', 'status = ""\nroles = ["mx"]'
)


class ExchangerTests(RoleCase):
    """An exchanger without a store."""

    def serve(self, smarthost: bool = False) -> Client:
        """A client of the role; what the other node gets is in ``self.other``."""
        self.other = ScriptedServer(("PIPELINING",), protocol="lmtp")
        endpoint = MemoryEndpoint(self.reactor, self.other)
        connector = Connector(self.reactor, endpoint=lambda target: cast(IStreamClientEndpoint, endpoint))
        hosts = Hosts(
            Pool(connector),
            [Target("store.example.test", 24, protocol="lmtp", policy=NO_TLS)],
            self.reactor.seconds,
        )
        delivery: Any = SmarthostDelivery(hosts) if smarthost else LMTPDelivery(hosts)
        role = MXRole([self.listener(25)], None, self.directory, self.reactor, delivery=delivery)
        self.run_role(role)
        return Client(self.reactor, 25)

    def test_delivers(self) -> None:
        """Mail for our mailboxes goes to the node that has them, and the sender hears its answer."""
        client = self.serve()
        said = client.say(MESSAGE.format(ALICE))
        for _ in range(30):
            self.reactor.advance(0)
        said += client.take()
        self.assertIn("250 2.0.0 OK, id ", said)
        (got,) = self.other.messages
        self.assertEqual((got.mail, got.rcpts), ("<joe@sender.test>", [f"<{ALICE}>"]))
        self.assertTrue(got.octets.endswith(b"\r\n\r\nHello\r\n"))

    def test_refuses_others(self) -> None:
        """It relays no more than one with a store does."""
        client = self.serve()
        self.assertIn("550 5.7.1", client.say("EHLO c.test\nMAIL FROM:<>\nRCPT TO:<joe@elsewhere.test>\n"))
        self.assertEqual(self.other.sessions, [])

    def test_no_smarthost(self) -> None:
        """A delivery that leads onward gets nothing from it: its routes lead to mailboxes only."""
        client = self.serve(smarthost=True)
        self.assertIn("451 4.3.0", client.say(MESSAGE.format(ALICE)))
        self.assertEqual(self.other.sessions, [])

    def test_neither(self) -> None:
        """It needs a place for mail."""
        self.assertRaises(ValueError, MXRole, [], None, self.directory, self.reactor)


class ConfigurationTests(ContextCase):
    """The same in a configuration."""

    def test_lmtp(self) -> None:
        """``[delivery.lmtp]`` says where, ``[role.mx]`` that."""
        from mailframe.roles.assembly import build

        text = ONLY_MX.replace("[role.mx]", '[role.mx]\ndelivery = "lmtp"')
        text += (
            '\n[delivery.lmtp]\nhosts = ["unix:/run/lmtp", "store.example.test"]\nconnect_timeout = "5s"\n'
        )
        work = build(self.assembly(text))
        self.assertIn("mx", work.summary)

    def test_hostname(self) -> None:
        """A node with a name beyond ASCII greets others by its A-labels."""
        configuration = SimpleNamespace(tls=SimpleNamespace(minimum="1.2"))
        context: Any = SimpleNamespace(reactor=Clock(), hostname="bücher.test", configuration=configuration)
        found = hosts(SmarthostOptions(hosts=["mail.example.test"]), context, "smtp")
        self.assertEqual(found._pool._settings.hostname, "xn--bcher-kva.test")

    def test_wrong(self) -> None:
        """What is no host is told, with the place."""
        from mailframe.config.errors import ConfigurationErrors

        text = ONLY_MX + '\n[delivery.smarthost]\nhosts = ["a b"]\n'
        error = self.assertRaises(ConfigurationErrors, self.assembly, text)
        self.assertIn("delivery.smarthost", str(error))
