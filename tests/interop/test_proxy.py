"""The front door with a real Dovecot and a store of ours behind it, and real clients before it."""

from __future__ import annotations

import contextlib
import imaplib
import json
import os
import poplib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.sasl.client import ClientCredentials, ClientMechanism, make
from tests.crash.test_move import at_store
from tests.node.harness import ROOT, Node

from . import service
from .dovecot_store import MASTER, MASTER_PASSWORD, PASSWORD, DovecotStore
from .outside import letter, name_of
from .service import program, run
from .test_imapflow import ENVIRONMENT, SCRIPT
from .test_mutt import DAY, SETTINGS

ALICE, BOB = "alice@example.test", "bob@example.test"
"""Alice's mail is at Dovecot, Bob's at a store of ours."""


class ProxyTests(SynchronousTestCase):
    """Two stores of two makes, one door."""

    skip = service.SKIP
    timeout = 180
    login = "password"
    more_mechanisms = ""
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        """Start all of them."""
        self.base = Path(tempfile.mkdtemp(prefix="mailframe-proxy-"))
        self.base.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        for name in ("dovecot", "s2", "proxy"):
            (self.base / name).mkdir()
        self.dovecot = DovecotStore(self.base / "dovecot", [ALICE])
        self.addCleanup(self.dovecot.stop)
        self.dovecot.mechanisms += self.more_mechanisms
        self.dovecot.start()
        accounts = {ALICE: PASSWORD, BOB: PASSWORD}
        extra = {"role.store": ['name = "s2"'], "authenticator.password": ["scram = true"]}
        if self.login == "master":
            extra["[masters]"] = [f'name = "{MASTER}"', f'password = "{MASTER_PASSWORD}"']
        self.ours = Node(str(self.base / "s2"), accounts, ("store",), 1, extra)
        self.addCleanup(self.ours.stop)
        self.ours.start()
        path = str(self.ours.data / "directory.sqlite")
        directory = SQLiteDirectory(path, None)
        directory.change_account(ALICE, at_store("d1"))
        directory.change_account(BOB, at_store("s2"))
        self.proxy = Node(str(self.base / "proxy"), {}, ("proxy",), 2)
        self.proxy._extra = {
            "directory.sqlite": [f'path = "{path}"'],
            "role.proxy": [
                f'{protocol} = ["tcp:{ports[protocol]}:interface=127.0.0.1", '
                f'"ssl:{ports[protocol + "s"]}:interface=127.0.0.1"]'
                for ports in (self.proxy.ports,)
                for protocol in ("imap", "pop3")
            ],
            "role.proxy.options": ["clear_auth_from_loopback = true", *self.options],
            "[stores]": self.stores(),
        }
        self.addCleanup(self.proxy.stop)
        self.proxy.start()

    def stores(self) -> list[str]:
        """Both stores, as the configuration has them."""
        ports = self.dovecot.ports
        first = [
            'name = "d1"', 'hosts = ["127.0.0.1"]', f'authorities = "{self.dovecot.certificate}"',
            f"imap = {ports['imaps']}", f"pop3 = {ports['pop3s']}", f'login = "{self.login}"',
        ]  # fmt: skip
        if self.login != "password":
            first += [f'master = "{MASTER}"', f'master_password = "{MASTER_PASSWORD}"']
        second = [
            "[[stores]]", 'name = "s2"', 'hosts = ["127.0.0.1"]', 'tls = "starttls"',
            f'authorities = "{self.ours.certificate}"', f"imap = {self.ours.ports['imap']}",
            f"pop3 = {self.ours.ports['pop3']}",
        ]  # fmt: skip
        if self.login == "master":
            second += first[-3:]
        return first + second

    def imap(self, name: str) -> imaplib.IMAP4:
        """Somebody logs in at the door."""
        client = imaplib.IMAP4("127.0.0.1", self.proxy.ports["imap"], timeout=20)
        self.addCleanup(_close, client)
        client.login(name, PASSWORD)
        return client

    def fill(self, name: str, *letters: str) -> None:
        """Some mail."""
        client = self.imap(name)
        for one in letters:
            client.append("INBOX", "", "", letter(one))
        client.logout()

    def test_imap_and_pop3(self) -> None:
        """Mail goes in by IMAP and comes out by IMAP and POP3, at each store; Dovecot knows who the client is."""
        for name in (ALICE, BOB):
            self.fill(name, "one", "two")
            client = self.imap(name)
            self.assertIn("UIDPLUS", client.capability()[1][0].decode().split())
            client.select()
            rows = client.fetch("1:2", "(BODY.PEEK[])")[1]
            self.assertEqual(["one", "two"], [name_of(row[1]) for row in rows if isinstance(row, tuple)])
            client.logout()
            pop3 = poplib.POP3("127.0.0.1", self.proxy.ports["pop3"], timeout=20)
            pop3.user(name)
            pop3.pass_(PASSWORD)
            self.assertEqual("one", name_of(b"\r\n".join(pop3.retr(1)[1])))
            pop3.dele(1)
            pop3.quit()
            client = self.imap(name)
            self.assertEqual([b"1"], client.select()[1])
        self.assertIn("rip=127.0.0.1", self.dovecot.log())

    def test_control(self) -> None:
        """Sessions are seen and ended from outside, and a store that is drained takes nobody until it is over."""
        client = self.imap(ALICE)
        (one,) = self.command("sessions", "--json", ALICE)
        self.assertEqual((ALICE, "imap", "d1"), (one["account"], one["protocol"], one["store"]))
        self.assertEqual({"drained": ["d1"], "ended": 1}, self.command("drain", "d1", "--kick", "--json"))
        with self.assertRaises((imaplib.IMAP4.abort, OSError)):
            client.noop()
        with self.assertRaises(imaplib.IMAP4.error) as caught:
            self.imap(ALICE)
        self.assertIn("UNAVAILABLE", str(caught.exception))
        self.imap(BOB).logout()
        self.assertEqual([], self.command("drain", "d1", "--end", "--json")["drained"])
        self.imap(ALICE).logout()

    def command(self, *words: str) -> Any:
        """``mailframe proxy ...``, as JSON."""
        program = [sys.executable, "-c", "from mailframe.cli import main; main()", "proxy", *words]
        environment = {**os.environ, "PYTHONPATH": ROOT}
        done = subprocess.run(
            [*program, "--config", str(self.proxy.configuration)],
            capture_output=True,
            timeout=60,
            env=environment,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def test_mbsync(self) -> None:
        """mbsync keeps a Maildir and an account alike, through the door."""
        for name in (ALICE, BOB):
            self.fill(name, "one", "two", "three")
            near = self.base / name
            near.mkdir()
            rc = near / "mbsyncrc"
            rc.write_text(
                f"IMAPAccount a\nHost localhost\nPort {self.proxy.ports['imaps']}\nUser {name}\nPass {PASSWORD}\n"
                f"SSLType IMAPS\nCertificateFile {self.proxy.certificate}\nSystemCertificates no\n\nIMAPStore far\n"
                f"Account a\n\nMaildirStore near\nPath {near}/\nInbox {near}/INBOX\n\nChannel c\nFar :far:\nNear :near:\n"
                "Patterns INBOX\nCreate Both\nSync All\nExpunge Both\nSyncState *\n"
            )
            run("mbsync", "-q", "-c", rc, "c")
            found = [
                name_of(file.read_bytes())
                for part in ("new", "cur")
                for file in (near / "INBOX" / part).iterdir()
            ]
            self.assertEqual(["one", "three", "two"], sorted(found))

    def test_imapflow(self) -> None:
        """imapflow works at each store as it does without a proxy."""
        for name in (ALICE, BOB):
            self.fill(name, "one")
            wanted = {
                "options": {
                    "host": "localhost", "port": self.proxy.ports["imaps"], "secure": True,
                    "tls": {"ca": self.proxy.certificate.read_text()}, "auth": {"user": name, "pass": PASSWORD},
                },
                "steps": [["mailboxOpen", "INBOX"], ["all", "1:*", {"envelope": True}], ["mailboxCreate", "New"]],
            }  # fmt: skip
            said = json.loads(run("node", SCRIPT, stdin=json.dumps(wanted).encode(), env=ENVIRONMENT))
            self.assertNotIn("error", said)
            self.assertEqual("Grüße one", said["gave"][1][0]["envelope"]["subject"])

    def test_fetchmail(self) -> None:
        """fetchmail takes mail home by POP3 and by IMAP, each message once."""
        for name, protocol in ((ALICE, "POP3"), (BOB, "POP3"), (ALICE, "IMAP"), (BOB, "IMAP")):
            self.fill(name, "one", "two")
            home = self.base / f"{name}-{protocol}"
            home.mkdir()
            mda = home / "mda"
            mda.write_text(f"#!/bin/sh\ncat > $(mktemp {home}/got.XXXXXXXX)\n")
            mda.chmod(0o755)
            rc = home / "fetchmailrc"
            rc.write_text(
                f"poll localhost protocol {protocol} port {self.proxy.ports[protocol.lower() + 's']}\n"
                f' user "{name}" password "{PASSWORD}" ssl sslcertck sslcertfile "{self.proxy.certificate}"\n'
                f' mda "{mda}" norewrite pass8bits no mimedecode nokeep\n'
            )
            rc.chmod(0o600)
            run(
                "fetchmail", "--fetchmailrc", rc, "--invisible", "--nosyslog", "--pidfile", home / "pid",
                "--idfile", home / "ids", "--silent", env={**os.environ, "HOME": str(home)},
            )  # fmt: skip
            self.assertEqual(
                ["one", "two"], sorted(name_of(file.read_bytes()) for file in home.glob("got.*"))
            )
            client = self.imap(name)
            self.assertEqual([b"0"], client.select()[1])
            client.logout()

    def test_neomutt(self) -> None:
        """Somebody reads, flags, files and throws away mail in neomutt."""
        for name in (ALICE, BOB):
            client = self.imap(name)
            for mailbox in ("Desk", "Done"):
                client.create(mailbox)
            for one in ("one", "two", "three", "four", "five"):
                client.append("Desk", "", "", letter(one))
            home = self.base / name
            home.mkdir()
            at = f"imaps://localhost:{self.proxy.ports['imaps']}/"
            rc = home / "rc"
            rc.write_text(
                f'set imap_user="{name}"\nset imap_pass="{PASSWORD}"\nset folder="{at}"\nset spoolfile="{at}INBOX"\n'
                f'set certificate_file="{self.proxy.certificate}"\nset tmpdir="{home}"\n{SETTINGS}push "{DAY}<quit>"\n'
            )
            environment = {"HOME": str(home), "TERM": "vt100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
            run(
                "script", "-qefc", f"{program('neomutt')} -n -F {rc} -f {at}Desk", "/dev/null",
                stdin=b"", env=environment,
            )  # fmt: skip
            self.assertEqual([b"3"], client.select("Desk")[1])
            self.assertEqual([b"2"], client.search(None, "FLAGGED")[1])
            self.assertEqual([b"2"], client.select("Done")[1])
            client.logout()

    def test_idle(self) -> None:
        """News come through while a client idles."""
        for name in (ALICE, BOB):
            client = self.imap(name)
            client.select()
            client.send(b"i IDLE\r\n")
            self.assertTrue(client.readline().startswith(b"+"))
            self.fill(name, "news")
            told = client.readline()
            while b"EXISTS" not in told:
                told = client.readline()
            self.assertIn(b"* 1 EXISTS", told)


class SeparatorTests(ProxyTests):
    """Dovecot entered by the proxy's own name behind the user's."""

    login = "separator"


class MasterTests(ProxyTests):
    """Both entered by the proxy's own name, for the user."""

    login = "master"


class PassingTests(ProxyTests):
    """The stores check logins, and the proxy does not."""

    more_mechanisms = " scram-sha-256"
    options = ("check_logins = false",)

    def test_scram(self) -> None:
        """Both show the client that they know the password, through a proxy that does not."""
        for name in (ALICE, BOB):
            # Keys are made when somebody logs in by a password.
            self.imap(name).logout()
            lines = make("SCRAM-SHA-256", ClientCredentials(name, PASSWORD))
            self.present(lines)
            lines.finish()
            with self.assertRaises(imaplib.IMAP4.error) as caught:
                self.present(make("SCRAM-SHA-256", ClientCredentials(name, "wrong")))
            self.assertIn("AUTHENTICATIONFAILED", str(caught.exception))

    def test_wrong_password(self) -> None:
        """What the stores refuse is refused."""
        for name in (ALICE, BOB, "nobody@example.test"):
            client = imaplib.IMAP4("127.0.0.1", self.proxy.ports["imap"], timeout=20)
            self.addCleanup(_close, client)
            with self.assertRaises(imaplib.IMAP4.error) as caught:
                client.login(name, "wrong")
            self.assertIn("AUTHENTICATIONFAILED", str(caught.exception))

    def present(self, mechanism: ClientMechanism) -> None:
        """Log in by a mechanism."""
        client = imaplib.IMAP4("127.0.0.1", self.proxy.ports["imap"], timeout=20)
        self.addCleanup(_close, client)
        said: list[bytes] = []

        def answer(challenge: bytes) -> bytes:
            said.append(challenge)
            return (mechanism.start() or b"") if len(said) == 1 else mechanism.step(challenge)

        client.authenticate(mechanism.name, answer)
        self.assertEqual("OK", client.select()[0])
        client.logout()


def _close(client: imaplib.IMAP4) -> None:
    """Leave, whether the session has ended already or not."""
    with contextlib.suppress(OSError):
        client.shutdown()
