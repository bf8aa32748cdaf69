"""Accounts of a real Dovecot come over by IMAP and POP3, and go back as a Maildir that it reads."""

from __future__ import annotations

import imaplib
import os
import poplib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import textwrap
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.cli.queue_spool import wait
from mailframe.sasl.client import ClientCredentials
from mailframe.store.hints import LocalHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.values import FLAGGED, INBOX, SEEN, Item, Span
from mailframe.testing.store.fixture import describe
from mailframe.tls.development import make_certificate
from mailframe.transfer.comparing import compare_source
from mailframe.transfer.exporting import Export
from mailframe.transfer.importing import Import
from mailframe.transfer.local.maildir import MaildirSource, MaildirTarget
from mailframe.transfer.remote.connection import Peer
from mailframe.transfer.remote.imap import IMAPSource
from mailframe.transfer.remote.pop3 import POP3Source
from mailframe.transfer.values import TransferError
from tests.ports import free_port

from . import service
from .peer import DOMAIN
from .peer import Peer as Server
from .service import program

ALICE = f"alice@{DOMAIN}"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * 200_000


class Dovecot(Server):
    """A Dovecot with IMAP and POP3 and mailboxes of alice, on loopback.

    Args:
        base: an empty directory that others may enter.
    """

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.pop3 = free_port()
        self.imaps = free_port()
        self._master: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write its files and start its master; returns when it greets."""
        nobody = pwd.getpwnam("nobody")
        self.base.chmod(0o755)
        self.mail.mkdir(exist_ok=True)
        os.chown(self.mail, nobody.pw_uid, nobody.pw_gid)
        (self.base / "users").write_text(f"{ALICE}:{{PLAIN}}secret:{nobody.pw_uid}:{nobody.pw_gid}::::\n")
        files = make_certificate(str(self.base / "tls"), ["localhost"])
        self.certificate = files.certificate
        config = self.base / "dovecot.conf"
        config.write_text(self._configuration(nobody, str(files.certificate), str(files.key)))
        self._master = subprocess.Popen(
            [program("dovecot"), "-F", "-c", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.greets()

    def _greeted(self) -> bool | None:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                return connection.recv(100).startswith(b"* OK") or None
        except OSError:
            return None

    def stop(self) -> None:
        """Stop it and what it started."""
        if self._master is not None:
            os.killpg(self._master.pid, signal.SIGTERM)
            self._master.wait(30)
            self._master = None

    def _configuration(self, nobody: pwd.struct_passwd, certificate: str, key: str) -> str:
        import grp

        return textwrap.dedent(f"""\
            base_dir = {self.base}/run
            state_dir = {self.base}/state
            log_path = {self.base}/log
            protocols = imap pop3
            ssl = yes
            ssl_cert = <{certificate}
            ssl_key = <{key}
            disable_plaintext_auth = no
            listen = 127.0.0.1
            default_internal_user = nobody
            default_internal_group = {grp.getgrgid(nobody.pw_gid).gr_name}
            default_login_user = nobody
            first_valid_uid = 1
            first_valid_gid = 1
            mail_location = maildir:{self.base}/mail/%n
            auth_mechanisms = plain login
            passdb {{
              driver = passwd-file
              args = {self.base}/users
            }}
            userdb {{
              driver = passwd-file
              args = {self.base}/users
            }}
            service imap-login {{
              chroot =
              inet_listener imap {{
                port = {self.port}
              }}
              inet_listener imaps {{
                port = {self.imaps}
                ssl = yes
              }}
            }}
            service pop3-login {{
              chroot =
              inet_listener pop3 {{
                port = {self.pop3}
              }}
              inet_listener pop3s {{
                port = 0
              }}
            }}
            service stats {{
              chroot =
            }}
            service anvil {{
              chroot =
            }}
            """)


class DovecotCase(SynchronousTestCase):
    """A Dovecot with an account of many kinds of mail, and a store of ours."""

    skip = service.SKIP
    timeout = 120

    def setUp(self) -> None:
        """Start both."""
        self.place = Path(tempfile.mkdtemp(prefix="mailframe-transfer-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        (self.place / "dovecot").mkdir()
        self.place.chmod(0o755)
        self.dovecot = Dovecot(self.place / "dovecot")
        self.dovecot.start()
        self.addCleanup(self.dovecot.stop)
        self.fill()
        options = MaildirOptions(threads=0, journal=False)
        self.store = MaildirStore(str(self.place / "mail"), describe, LocalHints(), Clock(), options)
        wait(self.store.start())
        self.addCleanup(lambda: wait(self.store.stop()))
        self.account = wait(self.store.account(ALICE))

    def client(self) -> imaplib.IMAP4:
        """A session of Python's client."""
        client = imaplib.IMAP4("127.0.0.1", self.dovecot.port, timeout=30)
        self.addCleanup(client.shutdown)
        client.login(ALICE, "secret")
        return client

    def fill(self) -> None:
        """Flags, keywords, gaps, dates, names, subscriptions, a large message."""
        client = self.client()
        for number in range(5):
            octets = b"Subject: message %d\r\n\r\nFrom here\r\n.\r\n" % number
            client.append(
                "INBOX", "(\\Seen Work)" if number % 2 else "", '"01-Feb-2020 10:00:00 +0100"', octets
            )
        client.append("INBOX", "", None, LARGE)
        for name in ("Sent", '"Projekte"', '"Projekte.&ANw-bersicht"'):
            client.create(name)
        client.append('"Projekte.&ANw-bersicht"', "(\\Flagged)", None, b"Subject: deep\r\n\r\nx\r\n")
        client.subscribe("Sent")
        client.select("INBOX")
        client.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
        client.expunge()

    def peer(self, port: int, security: str) -> Peer:
        """How we reach it."""
        context = ssl.create_default_context(cafile=self.dovecot.certificate)
        context.check_hostname = False
        return Peer("127.0.0.1", port, ClientCredentials(ALICE, "secret"), context, security)

    def figures(self, name: str = INBOX) -> tuple[int, dict[int, frozenset[str]], dict[int, bytes]]:
        """UIDVALIDITY, flags and octets of a mailbox of ours."""
        mailbox = wait(self.account.open(name, read_only=True))
        uids = list(wait(mailbox.snapshot()).uids)
        flags = {one.uid: one.flags for one in wait(mailbox.fetch(uids, Item.FLAGS))}
        octets = wait(mailbox.read([Span(uid) for uid in uids]))
        return mailbox.uidvalidity, flags, dict(zip(uids, octets, strict=True))


class IMAPTests(DovecotCase):
    """By IMAP."""

    def imported(self, security: str = "starttls") -> Import:
        """One import, compared afterwards."""
        port = self.dovecot.imaps if security == "tls" else self.dovecot.port
        source = IMAPSource(self.peer(port, security))
        work = Import(source, self.account)
        self.outcome = wait(work.run())
        source.close()
        source = IMAPSource(self.peer(port, security))
        self.assertEqual(wait(compare_source(source, self.account, work)), [])
        source.close()
        return work

    def test_everything(self) -> None:
        """UIDVALIDITY, UIDs, flags, keywords, dates, names and subscriptions are Dovecot's; octets are the same."""
        client = self.client()
        client.select("INBOX", readonly=True)
        (uidvalidity,) = client.response("UIDVALIDITY")[1]
        self.imported()
        ours, flags, octets = self.figures()
        self.assertEqual(ours, int(uidvalidity))
        self.assertEqual(list(flags), [1, 3, 4, 5, 6])
        self.assertEqual((flags[4], flags[1]), ({SEEN, "Work"}, frozenset()))
        self.assertEqual(octets[6], LARGE)
        _, deep, _ = self.figures("Projekte/Übersicht")
        self.assertEqual(list(deep.values()), [{FLAGGED}])
        entries = {entry.name: entry for entry in wait(self.account.mailboxes())}
        self.assertTrue(entries["Sent"].subscribed)
        (message,) = wait(wait(self.account.open(INBOX)).fetch([1], Item.DATE))
        self.assertEqual(message.internal_date, 1580547600)
        self.assertEqual(wait(self.account.status(INBOX)).uidnext, 7)

    def test_again(self) -> None:
        """A second import, by TLS from the first octet, takes new mail and new flags, and nothing twice."""
        self.imported()
        client = self.client()
        client.append("INBOX", "", None, b"Subject: late\r\n\r\nlate\r\n")
        client.select("INBOX")
        client.uid("STORE", "1", "+FLAGS", "(\\Flagged)")
        self.imported("tls")
        inbox = self.outcome.folders[0]
        self.assertEqual((inbox.messages, inbox.updated, inbox.kept), (1, 1, 4))
        _, flags, _ = self.figures()
        self.assertEqual(flags[1], {FLAGGED})

    def test_untrusted(self) -> None:
        """A certificate nobody vouches for, and a wrong password, let nothing through."""
        peer = Peer(
            "127.0.0.1", self.dovecot.imaps, ClientCredentials(ALICE, "x"), ssl.create_default_context()
        )
        self.assertRaises(TransferError, IMAPSource, peer)
        wrong = self.peer(self.dovecot.imaps, "tls")
        wrong = Peer(wrong.host, wrong.port, ClientCredentials(ALICE, "wrong"), wrong.context)
        with self.assertRaises(TransferError) as caught:
            IMAPSource(wrong)
        self.assertNotIn("wrong", str(caught.exception))


class POP3Tests(DovecotCase):
    """By POP3."""

    def test_uidls(self) -> None:
        """Messages keep the UIDLs that POP3 clients know them by, and come once."""
        client = poplib.POP3("127.0.0.1", self.dovecot.pop3, timeout=30)
        client.user(ALICE)
        client.pass_("secret")
        wanted = [line.split()[1].decode() for line in client.uidl()[1]]
        client.quit()
        for expected in (5, 0):
            source = POP3Source(self.peer(self.dovecot.pop3, "starttls"))
            outcome = wait(Import(source, self.account).run())
            source.close()
            self.assertEqual(outcome.messages, expected)
        mailbox = wait(self.account.open(INBOX))
        uids = list(wait(mailbox.snapshot()).uids)
        self.assertEqual([one.uidl for one in wait(mailbox.fetch(uids, Item.UIDL))], wanted)
        self.assertIn(LARGE, self.figures()[2].values())


class MaildirTests(DovecotCase):
    """By files."""

    def test_its_tree(self) -> None:
        """The tree that Dovecot wrote comes over with UIDs and keywords."""
        self.dovecot.stop()
        wait(Import(MaildirSource(self.dovecot.mail / "alice"), self.account).run())
        _, flags, octets = self.figures()
        self.assertEqual(list(flags), [1, 3, 4, 5, 6])
        self.assertEqual((flags[4], octets[6]), ({SEEN, "Work"}, LARGE))

    def test_our_tree(self) -> None:
        """Dovecot reads the tree that we export: the same UIDVALIDITY, UIDs, flags, keywords and octets."""
        source = IMAPSource(self.peer(self.dovecot.port, "starttls"))
        wait(Import(source, self.account).run())
        source.close()
        self.dovecot.stop()
        shutil.rmtree(self.dovecot.mail / "alice")
        wait(Export(self.account, MaildirTarget(self.dovecot.mail / "alice")).run())
        nobody = pwd.getpwnam("nobody")
        for place, _, files in os.walk(self.dovecot.mail / "alice"):
            for name in (".", *files):
                os.chown(os.path.join(place, name), nobody.pw_uid, nobody.pw_gid)
        self.dovecot.start()
        source = IMAPSource(self.peer(self.dovecot.port, "starttls"))
        again = wait(self.store.account("again@peer.test"))
        wait(Import(source, again).run())
        before, self.account = self.figures(), again
        self.assertEqual(self.figures(), before)
        names = {entry.name for entry in wait(again.mailboxes()) if entry.subscribed}
        self.assertIn("Sent", names)
