"""A node with a queue sends through a Postfix and an Exim, and gets their notices into a mailbox."""

from __future__ import annotations

import email
import imaplib
import re
import shutil
import smtplib
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from email.message import Message
from pathlib import Path
from typing import Any

from cryptography.x509 import load_pem_x509_certificate
from twisted.trial.unittest import TestCase

from mailframe.tls.development import make_certificate
from tests.node.harness import ROOT, Node
from tests.ports import free_port
from tests.tls.authorities import tlsa

from . import service
from .exim import Exim
from .postfix import Postfix
from .service import PASSWORD
from .unbound import Unbound

BOB = "bob@example.test"
ZONE = """\
$ORIGIN peer.test.
$TTL 300
@ IN SOA ns.peer.test. hostmaster.peer.test. 1 3600 600 86400 120
@ IN NS ns.peer.test.
@ IN MX 10 mx.peer.test.
ns IN A 127.0.0.1
mx IN A 127.0.0.1
"""


class QueueCase(TestCase):
    """A node with a queue, and a server beside it that takes mail for ``peer.test``."""

    skip = service.SKIP
    timeout = 120
    node: Node
    peer: Any

    def setUp(self) -> None:
        """A directory for all that is started."""
        self.base = Path(tempfile.mkdtemp(prefix="mailframe-queue-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.base.chmod(0o755)
        for name in ("node", "peer", "names"):
            (self.base / name).mkdir()
        self.port = free_port()

    def start_node(self, roles: Sequence[str] = ("mx", "router", "store"), **extra: Sequence[str]) -> None:
        """Start the node with more sections of configuration; ``__`` in their names stands for a dot."""
        self.node = Node(
            str(self.base / "node"),
            {BOB: PASSWORD},
            roles=roles,
            workers=1,
            extra={name.replace("__", "."): lines for name, lines in extra.items()},
        )
        self.node.start()
        self.addCleanup(self.node.stop)

    def start_peer(self, peer: Any) -> None:
        """Start the server beside it."""
        self.peer = peer
        peer.port = self.port
        peer.start()
        self.addCleanup(peer.stop)

    def certificate(self, place: str = "tls") -> Any:
        """A new certificate for the peer's name, which everybody here may read."""
        files = make_certificate(str(self.base / place), ["mx.peer.test"])
        Path(files.key).parent.chmod(0o755)
        Path(files.key).chmod(0o644)
        return files

    def postfix(self, settings: str = "") -> Postfix:
        """A Postfix that sends what it has for others to the node."""
        back = f"[127.0.0.1]:{self.node.ports['smtp']}"
        return Postfix(self.base / "peer", relayhost=back, settings=settings)

    def send(self, name: str, words: str, notify: str, domain: str = "peer.test") -> None:
        """Put a message for somebody at the peer, or beyond, into the queue."""
        with smtplib.SMTP("127.0.0.1", self.node.ports["router"], "client.test", timeout=30) as client:
            address = f"{name}@{domain}"
            client.sendmail(
                BOB, [address], f"Subject: {words}\r\n\r\nHello.\r\n".encode(),
                ["RET=HDRS", "ENVID=QQ314159"], [f"NOTIFY={notify}", f"ORCPT=rfc822;{address}"],
            )  # fmt: skip

    def messages(self) -> list[bytes]:
        """What is in bob's mailbox."""
        with imaplib.IMAP4("127.0.0.1", self.node.ports["imap"], timeout=10) as client:
            client.login(BOB, PASSWORD)
            client.select()
            numbers = client.search(None, "ALL")[1][0].decode().split()
            return [client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers]

    def inbox(self, words: bytes) -> bytes:
        """The message in bob's mailbox that has some words, once it is there."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for octets in self.messages():
                if words in octets:
                    return octets
            time.sleep(0.2)
        raise AssertionError(f"no message has {words!r}: {self.node.tail()}\n{self.peer.log()[-2000:]}")

    def notice(self, action: str) -> list[Message]:
        """The fields of the notice in bob's mailbox that tells of an action, once it is there."""
        message = email.message_from_bytes(self.inbox(f"\r\nAction: {action}\r\n".encode()))
        (part,) = [part for part in message.walk() if part.get_content_type() == "message/delivery-status"]
        return part.get_payload()

    def queue(self, *words: str) -> str:
        """Run `mailframe queue`."""
        return service.run(
            sys.executable, "-c", "from mailframe.cli import main; main()",
            "queue", *words, "--config", self.node.configuration, cwd=ROOT,
        ).decode()  # fmt: skip

    def listed(self, words: str) -> None:
        """Wait until `mailframe queue list` prints some words."""
        end = time.monotonic() + 20
        while words not in (text := self.queue("list")):
            self.assertLess(time.monotonic(), end, f"{text}\n{self.node.tail()}")
            time.sleep(0.2)

    def verified(self) -> None:
        """Wait until the node's figures say that one connection was made, to a host that was verified."""
        end = time.monotonic() + 20
        kinds: dict[str, float] = {}
        while kinds != {"verified": 1.0}:
            self.assertLess(time.monotonic(), end, kinds)
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.node.ports['status']}/metrics", timeout=10
            ) as page:
                lines = page.read().decode()
            found = re.findall(r'smtp_client_tls_total{.*kind="(\w+)".*} ([0-9.]+)', lines)
            kinds = {kind: float(count) for kind, count in found if float(count)}

    def gets_nothing(self, why: str) -> None:
        """Send a message that has to wait; the list says why, and the peer has seen STARTTLS and no more."""
        self.send("alice", "not for you", "NEVER")
        self.listed(why)
        self.queue("flush")
        end = time.monotonic() + 20
        while self.peer.log().count("lost connection after STARTTLS") < 2:
            self.assertLess(time.monotonic(), end, self.node.tail())
            time.sleep(0.2)
        self.listed(why)
        self.assertNotIn("mail=", self.peer.log())
        self.assertFalse((self.peer.mail / "alice").exists())

    def tells(self, words: str = "all is well") -> Message:
        """Send alice something; the peer's notice tells bob that she has it, with his ENVID and ORCPT."""
        self.send("alice", words, "SUCCESS,FAILURE")
        self.peer.received_with("alice", words.encode())
        told = self.notice("delivered")
        self.assertEqual(told[0]["Original-Envelope-Id"], "QQ314159")
        self.assertEqual(told[1]["Original-Recipient"].replace(" ", ""), "rfc822;alice@peer.test")
        return told[1]

    def refuses(self) -> Message:
        """Send somebody whom the peer does not know something; our notice tells bob."""
        self.send("nobody", "refused", "FAILURE")
        told = self.notice("failed")
        self.assertEqual(told[0]["Original-Envelope-Id"], "QQ314159")
        self.assertEqual(told[0]["Reporting-MTA"], "dns; mail.example.test")
        self.assertEqual(told[1]["Remote-MTA"], "dns; [127.0.0.1]")
        return told[1]

    def fails_later(self) -> Message:
        """Send something that the peer takes and cannot send on; its notice tells bob."""
        self.send("erin", "taken", "FAILURE", "elsewhere.test")
        told = self.notice("failed")
        self.assertEqual(told[0]["Reporting-MTA"], "dns; mx.peer.test")
        self.assertEqual(told[0]["Original-Envelope-Id"], "QQ314159")
        return told[1]


class PostfixTests(QueueCase):
    """A Postfix is the next hop of the node, and the node that of Postfix."""

    def setUp(self) -> None:
        """Start the node."""
        super().setUp()
        self.start_node(
            routing=['default = "smarthost"'],
            delivery__smarthost=[f'hosts = ["127.0.0.1:{self.port}"]', 'tls = "opportunistic"'],
        )

    def test_notices(self) -> None:
        """Postfix tells bob of success with his ENVID and ORCPT; whom it refuses, our own notice tells of."""
        self.start_peer(self.postfix())
        self.tells()
        self.assertTrue(self.refuses()["Status"].startswith("5.1.1"))

    def test_their_failure(self) -> None:
        """What Postfix takes and cannot send on comes back to bob."""
        self.start_peer(self.postfix())
        self.assertEqual(self.fails_later()["Status"], "5.7.1")

    def test_away(self) -> None:
        """While Postfix is away mail waits, and is listed; when it is back, `queue flush` sends it once."""
        self.send("carol", "later", "NEVER")
        self.listed("carol@peer.test")
        self.start_peer(self.postfix())
        self.queue("flush")
        self.peer.received_with("carol", b"later")
        self.assertEqual(len(self.peer.received("carol")), 1)


SHOWS = """
smtpd_tls_cert_file = {files.certificate}
smtpd_tls_key_file = {files.key}
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
"""


class DANETests(QueueCase):
    """A whole node finds Postfix by a signed zone that a real unbound serves."""

    def begin(self, shown: Any, published: Any) -> None:
        """Start all three: what the host shows, and what the zone says of it."""
        certificate = load_pem_x509_certificate(Path(published.certificate).read_bytes())
        record = tlsa(3, certificate)
        names = Unbound(
            self.base / "names",
            {"peer.test": f"{ZONE}_{self.port}._tcp.mx IN TLSA 3 1 1 {record.association.hex()}\n"},
        )
        names.start()
        self.addCleanup(names.stop)
        self.start_node(
            dns=[f'servers = ["{names.server}"]'],
            delivery__remote=[f"port = {self.port}", "loopback = true"],
        )
        self.start_peer(self.postfix(SHOWS.format(files=shown)))

    def test_right(self) -> None:
        """Who shows the certificate that the zone names gets the mail, under TLS that is verified."""
        files = self.certificate()
        self.begin(files, files)
        self.send("alice", "proved", "NEVER")
        self.assertIn(b"using TLSv1", self.peer.received_with("alice", b"proved"))
        self.verified()

    def test_wrong(self) -> None:
        """Who shows another gets nothing, in clear neither; the mail waits, and the list says why."""
        self.begin(self.certificate(), self.certificate("other"))
        self.gets_nothing("no TLSA record matches its certificate")


class VerifyingTests(QueueCase):
    """The smart host is a Postfix that has to be verified."""

    def begin(self, shown: Any, trusted: Any) -> None:
        """Start both; Postfix takes mail only under TLS."""
        self.start_node(
            routing=['default = "smarthost"'],
            delivery__smarthost=[
                f'hosts = ["127.0.0.1:{self.port}"]',
                'tls = "verify"',
                'names = ["mx.peer.test"]',
                f'authorities = "{trusted.certificate}"',
            ],
        )
        self.start_peer(self.postfix(SHOWS.format(files=shown).replace("= may", "= encrypt")))

    def test_right(self) -> None:
        """Postfix shows a certificate of the authority that is trusted, and gets the mail under TLS."""
        files = self.certificate()
        self.begin(files, files)
        self.tells("verified")
        self.assertIn(b"using TLSv1", self.peer.received_with("alice", b"verified"))
        self.verified()

    def test_wrong(self) -> None:
        """Postfix shows one of another authority, and gets nothing."""
        self.begin(self.certificate(), self.certificate("other"))
        self.gets_nothing("certificate")


class EximTests(QueueCase):
    """An Exim is the next hop of the node, and the node that of Exim."""

    def setUp(self) -> None:
        """Start both."""
        super().setUp()
        self.start_node(
            routing=['default = "smarthost"'],
            delivery__smarthost=[f'hosts = ["127.0.0.1:{self.port}"]', 'tls = "opportunistic"'],
        )
        self.start_peer(Exim(self.base / "peer", next_hop=("127.0.0.1", self.node.ports["smtp"])))

    def test_notices(self) -> None:
        """Exim tells bob of success with his ENVID and ORCPT; whom it refuses, our own notice tells of."""
        self.tells()
        told = self.refuses()
        # Exim says why in words only.
        self.assertEqual(told["Status"], "5.0.0")
        self.assertEqual(told["Diagnostic-Code"], "smtp; 550 Unrouteable address")

    def test_their_failure(self) -> None:
        """What Exim takes and cannot send on comes back to bob."""
        self.assertIn("550 5.7.1", self.fails_later()["Diagnostic-Code"])


class RelayTests(QueueCase):
    """swaks submits to a relay with a queue, whose next hop is a Postfix."""

    def setUp(self) -> None:
        """Start both."""
        super().setUp()
        self.start_node(
            ("mx", "relay", "store"),
            role__relay=['router = "queue"'],
            routing=['default = "smarthost"'],
            delivery__smarthost=[f'hosts = ["127.0.0.1:{self.port}"]', 'tls = "none"'],
        )

    def swaks(self, *options: str, ok: tuple[int, ...] = (0,)) -> str:
        """Submit a message as bob, after STARTTLS and a login; the transcript."""
        return service.run(
            "swaks", "--server", "127.0.0.1", "--port", str(self.node.ports["submission"]), "--helo", "client.test",
            "--tls", "--auth", "PLAIN", "--auth-user", BOB, "--auth-password", PASSWORD, "--from", BOB,
            *options, ok=ok,
        ).decode()  # fmt: skip

    def test_submitted(self) -> None:
        """Mail for Postfix and for a mailbox here gets to both, and says who sent it how."""
        self.start_peer(self.postfix())
        self.swaks("--to", f"alice@peer.test,{BOB}", "--header", "Subject: by swaks")
        there, here = self.peer.received_with("alice", b"by swaks"), self.inbox(b"by swaks")
        for octets in (there, here):
            self.assertIn(b"with ESMTPSA", octets)

    def test_away(self) -> None:
        """While Postfix is away, swaks is told 250 and the mail waits; `queue flush` sends it when it is back."""
        self.swaks("--to", "carol@peer.test", "--header", "Subject: waits")
        self.listed("carol@peer.test")
        self.start_peer(self.postfix())
        self.queue("flush")
        self.peer.received_with("carol", b"waits")

    def test_refused(self) -> None:
        """Who is not here is refused at once; whom Postfix does not know, a notice tells of."""
        self.start_peer(self.postfix())
        self.assertIn("550 5.1.1", self.swaks("--to", "nobody@example.test", ok=(24,)))
        self.swaks("--to", "nobody@peer.test")
        self.assertTrue(self.notice("failed")[1]["Status"].startswith("5.1.1"))
