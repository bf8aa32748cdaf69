"""Our client sends to Postfix, Exim and Dovecot."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.outcome import Outcome
from mailframe.smtp.client.pool import Pool
from mailframe.smtp.client.settings import ClientSettings
from mailframe.tls.client import ClientContexts
from mailframe.tls.development import make_certificate
from mailframe.tls.policies import NO_TLS, ClientPolicy, Level

from . import service
from .dovecot import Dovecot
from .exim import Exim
from .messages import messages
from .postfix import Postfix

SENDER = Address("joe", "sender.test")
ALICE, BOB, NOBODY = (Address(name, "peer.test") for name in ("alice", "bob", "nobody"))
SAMPLE = messages()[90:115]
"""Twenty-five messages of many kinds, one of them of 5 MB."""


class ClientCase(TestCase):
    """One peer, and a pool of connections to it."""

    skip = service.SKIP
    timeout = 240
    peer: Any

    def setUp(self) -> None:
        """A directory, and nothing to close yet."""
        self.place = Path(tempfile.mkdtemp(prefix="mailframe-client-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.pool: Pool | None = None

    async def send(
        self,
        octets: bytes,
        *recipients: Recipient,
        target: Target,
        parameters: dict[str, str | None] | None = None,
        authorities: str | None = None,
        **settings: Any,
    ) -> Outcome:
        """One message, over the pool."""
        from twisted.internet import reactor

        if self.pool is None:
            values = ClientSettings(hostname="client.sender.test", **settings)
            pool = self.pool = Pool(Connector(reactor, values, ClientContexts(authorities)))
            self.addCleanup(self.close, pool)
        mail = MailObject(
            "QUEUEID",
            Envelope(SENDER, list(recipients), parameters or {}),
            Content.of(octets),
            Origin("SESSION", "127.0.0.1"),
        )
        return await self.pool.send(target, mail, recipients)

    async def close(self, pool: Pool) -> None:
        """End its connections, and wait until they are gone."""
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        self.pool = None
        await pool.close()
        await deferLater(reactor, 0.3, lambda: None)  # type: ignore[arg-type]

    def target(self, **values: Any) -> Target:
        """The peer."""
        values.setdefault("policy", NO_TLS)
        return Target("localhost", self.peer.port, address="127.0.0.1", **values)

    async def send_sample(self, **options: Any) -> None:
        """All of the sample to alice; each arrives octet for octet behind what the peer put in front."""
        for octets in SAMPLE:
            outcome = await self.send(octets, Recipient(ALICE), target=self.target(), **options)
            self.assertEqual([status.success for status in outcome.statuses], [True], str(outcome.statuses))
        got = self.peer.received("alice", len(SAMPLE))
        for octets in SAMPLE:
            wanted = octets.replace(b"\r\n", b"\n")
            self.assertEqual(sum(each.endswith(b"\n" + wanted) for each in got), 1)


class PostfixTests(ClientCase):
    """Postfix: PIPELINING, DSN, CHUNKING, SMTPUTF8, STARTTLS."""

    def setUp(self) -> None:
        """One with a certificate."""
        super().setUp()
        files = make_certificate(str(self.place / "tls"), ["localhost"])
        self.authority = str(files.certificate)
        self.peer = Postfix(
            self.place / "postfix",
            settings=f"smtpd_tls_cert_file = {files.certificate}\nsmtpd_tls_key_file = {files.key}\n"
            "smtpd_tls_security_level = may\n",
        )
        (self.place / "postfix").mkdir()
        self.place.chmod(0o755)
        self.peer.start()
        self.addCleanup(self.peer.stop)

    async def test_data(self) -> None:
        """By DATA, many over one connection."""
        await self.send_sample()

    async def test_chunks(self) -> None:
        """By BDAT."""
        await self.send_sample(chunking=True)

    async def test_one_by_one(self) -> None:
        """Without PIPELINING."""
        await self.send_sample(pipelining=False)

    async def test_refusals(self) -> None:
        """An unknown recipient is refused with the words of Postfix, the other one gets it."""
        outcome = await self.send(SAMPLE[0], Recipient(NOBODY), Recipient(BOB), target=self.target())
        self.assertEqual([status.code for status in outcome.statuses], ["5.1.1", "2.0.0"])
        self.assertIn("User unknown", outcome.statuses[0].text)
        self.assertEqual(len(self.peer.received("bob")), 1)
        outcome = await self.send(SAMPLE[0], Recipient(NOBODY), target=self.target())
        self.assertEqual([status.code for status in outcome.statuses], ["5.1.1"])
        outcome = await self.send(SAMPLE[0], Recipient(BOB), target=self.target())
        self.assertTrue(outcome.accepted)

    async def test_dsn(self) -> None:
        """What is asked about notifications is understood."""
        recipient = Recipient(BOB, {"NOTIFY": "SUCCESS,FAILURE", "ORCPT": "rfc822;bob@peer.test"})
        outcome = await self.send(
            SAMPLE[0], recipient, target=self.target(), parameters={"RET": "HDRS", "ENVID": "QQ+2B1"}
        )
        self.assertTrue(outcome.recipients[0].dsn_passed)

    async def test_international(self) -> None:
        """An address beyond ASCII is taken, or refused for what it is: nobody has it."""
        outcome = await self.send(SAMPLE[0], Recipient(Address("grüße", "peer.test")), target=self.target())
        self.assertEqual([status.code for status in outcome.statuses], ["5.1.1"])

    async def test_verified(self) -> None:
        """Under TLS with a certificate that holds; with another authority there is no TLS, and no mail."""
        target = self.target(policy=ClientPolicy(Level.VERIFY, ("localhost",)))
        outcome = await self.send(SAMPLE[0], Recipient(BOB), target=target, authorities=self.authority)
        self.assertTrue(outcome.accepted)
        self.assertTrue(outcome.verified)
        assert outcome.tls is not None
        self.assertEqual(outcome.tls.version, "TLSv1.3")
        assert self.pool is not None
        await self.close(self.pool)
        other = make_certificate(str(self.place / "other"), ["localhost"])
        with self.assertRaisesRegex(Exception, "signed by itself|not trusted|not known"):
            await self.send(SAMPLE[0], Recipient(BOB), target=target, authorities=str(other.certificate))

    async def test_opportunistic(self) -> None:
        """Under TLS whatever the certificate."""
        target = self.target(policy=ClientPolicy(Level.OPPORTUNISTIC))
        outcome = await self.send(SAMPLE[0], Recipient(BOB), target=target)
        self.assertTrue(outcome.accepted and outcome.tls is not None and not outcome.verified)


class EximTests(ClientCase):
    """Exim: PIPELINING, CHUNKING, DSN."""

    def setUp(self) -> None:
        """One as it comes."""
        super().setUp()
        self.place.chmod(0o755)
        self.peer = Exim(self.place / "exim")
        (self.place / "exim").mkdir()
        self.peer.start()
        self.addCleanup(self.peer.stop)

    async def test_data(self) -> None:
        """By DATA, many over one connection."""
        await self.send_sample()

    async def test_chunks(self) -> None:
        """By BDAT, in many chunks."""
        await self.send_sample(chunking=True, chunk=20_000)

    async def test_refusals(self) -> None:
        """A recipient is refused, the other one gets it."""
        outcome = await self.send(SAMPLE[0], Recipient(NOBODY), Recipient(BOB), target=self.target())
        self.assertEqual([status.success for status in outcome.statuses], [False, True])
        self.assertTrue(outcome.statuses[0].permanent)
        self.assertEqual(len(self.peer.received("bob")), 1)

    async def test_dsn(self) -> None:
        """What is asked about notifications is understood."""
        recipient = Recipient(BOB, {"NOTIFY": "SUCCESS", "ORCPT": "rfc822;bob@peer.test"})
        outcome = await self.send(SAMPLE[0], recipient, target=self.target(), parameters={"RET": "FULL"})
        self.assertTrue(outcome.recipients[0].dsn_passed)


class DovecotTests(ClientCase):
    """Dovecot's LMTP, by port and by socket."""

    def setUp(self) -> None:
        """One as it comes."""
        super().setUp()
        self.place.chmod(0o755)
        self.peer = Dovecot(self.place / "dovecot")
        (self.place / "dovecot").mkdir()
        self.peer.start()
        self.addCleanup(self.peer.stop)

    def target(self, **values: Any) -> Target:
        """The peer, by LMTP."""
        return super().target(protocol="lmtp", **values)

    async def test_data(self) -> None:
        """Many over one connection, as they were."""
        await self.send_sample()

    async def test_chunks(self) -> None:
        """By BDAT, in many chunks."""
        await self.send_sample(chunking=True, chunk=20_000)

    async def test_answers(self) -> None:
        """Each recipient has its own answer."""
        outcome = await self.send(
            SAMPLE[0], Recipient(ALICE), Recipient(NOBODY), Recipient(BOB), target=self.target()
        )
        self.assertEqual([status.code for status in outcome.statuses], ["2.0.0", "5.1.1", "2.0.0"])
        for user in ("alice", "bob"):
            self.assertEqual(len(self.peer.received(user)), 1)

    async def test_socket(self) -> None:
        """Over its socket, too."""
        target = Target(str(self.peer.socket), path=str(self.peer.socket), protocol="lmtp", policy=NO_TLS)
        outcome = await self.send(SAMPLE[0], Recipient(ALICE), target=target)
        self.assertEqual([status.code for status in outcome.statuses], ["2.0.0"])
