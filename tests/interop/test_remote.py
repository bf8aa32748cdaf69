"""Mail to a domain whose hosts are a Postfix and an Exim: found by the DNS, raced for, under TLS."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailframe.delivery.remote import RemoteDelivery
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.delivery.shaping_options import ShapingOptions
from mailframe.limits.memory import MemoryTallies
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.routing.interfaces import Route
from mailframe.testing.dns import FakeResolver
from mailframe.tls.client import ClientContexts
from mailframe.tls.development import make_certificate
from mailframe.tls.policies import ClientPolicy, Level
from tests.delivery.internet import Policies

from . import service
from .exim import Exim
from .postfix import Postfix

reactor: Any = global_reactor
CONTENT = b"Subject: by the DNS\r\n\r\nHello\r\n"


class RemoteCase(TestCase):
    """One peer at 127.0.0.1, and a domain whose best host is away."""

    skip = service.SKIP
    timeout = 120
    peer: Any

    def setUp(self) -> None:
        """A directory, names, and a certificate for the host."""
        self.place = Path(tempfile.mkdtemp(prefix="mailframe-remote-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.files = make_certificate(str(self.place / "tls"), ["mx2.peer.test"])
        self.names = FakeResolver()
        self.names.zones.mx("peer.test", (10, "mx1.peer.test"), (20, "mx2.peer.test"))
        self.names.zones.host("mx1.peer.test", "127.0.0.77").host("mx2.peer.test", "::1", "127.0.0.1")
        self.policies = Policies(ClientPolicy(Level.VERIFY, ("mx2.peer.test",), source="mta-sts"))

    async def delivered(self, **parameters: str | None) -> list[Any]:
        """Attempts at ten messages to alice and to nobody, and what alice got."""
        delivery = RemoteDelivery(
            reactor,
            self.names,
            self.policies,
            RemoteOptions(hostname="out.sender.test", port=self.peer.port, loopback=True),
            contexts=ClientContexts(str(self.files.certificate)),
            tallies=MemoryTallies(reactor),
            shaping=[ShapingOptions(hosts=["mx2.*"], connections=1, messages_per_connection=4)],
            reports=self.policies,
        )
        attempts = []
        try:
            for number in range(10):
                recipients = [
                    Recipient(Address(name, "peer.test"), {"NOTIFY": "NEVER"}) for name in ("alice", "nobody")
                ]
                envelope = Envelope(Address("joe", "sender.test"), recipients, dict(parameters))
                mail = MailObject(f"ID{number}", envelope, Content.of(CONTENT), Origin("S", "192.0.2.1"))
                routes = [Route(way="remote", domain="peer.test")] * 2
                attempts.append(await delivery.attempt(mail, routes, age=0.0))
        finally:
            await delivery.stop()
            await deferLater(reactor, 0.3, lambda: None)
        return attempts

    async def check(self) -> None:
        """Alice has all, and nobody none; three connections were made, and all were verified."""
        for alice, nobody in await self.delivered():
            self.assertTrue(alice.status.success, alice)
            self.assertEqual(alice.host, "mx2.peer.test")
            self.assertTrue(alice.tls.startswith("TLSv1"), alice)
            self.assertTrue(nobody.status.permanent, nobody)
            self.assertTrue(nobody.reply.startswith("550"), nobody)
        self.assertEqual(sum(b"by the DNS" in octets for octets in self.peer.received("alice", 10)), 10)
        self.assertEqual([session.result for session in self.policies.noted], ["", "", ""])


class PostfixTests(RemoteCase):
    """Postfix."""

    def setUp(self) -> None:
        """One with a certificate."""
        super().setUp()
        self.peer = Postfix(
            self.place / "postfix",
            settings=f"smtpd_tls_cert_file = {self.files.certificate}\nsmtpd_tls_key_file = {self.files.key}\n"
            "smtpd_tls_security_level = may\n",
        )
        (self.place / "postfix").mkdir()
        self.place.chmod(0o755)
        self.peer.start()
        self.addCleanup(self.peer.stop)

    async def test_delivered(self) -> None:
        """The best host is away, the second has the mail, under verified TLS, over as few connections as said."""
        await self.check()


class EximTests(RemoteCase):
    """Exim."""

    def setUp(self) -> None:
        """One with a certificate."""
        super().setUp()
        self.place.chmod(0o755)
        for path in (self.files.certificate, self.files.key):
            Path(path).chmod(0o644)
        Path(self.files.key).parent.chmod(0o755)
        self.peer = Exim(
            self.place / "exim",
            main=f"""\
            tls_certificate = {self.files.certificate}
            tls_privatekey = {self.files.key}
            """,
            tls_hosts="*",
        )
        (self.place / "exim").mkdir()
        self.peer.start()
        self.addCleanup(self.peer.stop)

    async def test_delivered(self) -> None:
        """The best host is away, the second has the mail, under verified TLS, over as few connections as said."""
        await self.check()
