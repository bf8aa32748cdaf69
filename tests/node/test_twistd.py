"""A whole service as people start it: twistd, real sockets, real clients."""

from __future__ import annotations

import contextlib
import imaplib
import os
import poplib
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailframe.node.control_client import ControlError

from .harness import ROOT, Node

ALICE = "alice@example.test"
BOB = "bob@example.test"
PASSWORD = "wonderland-2580"
MESSAGE = b"From: <bob@example.test>\r\nSubject: hello\r\n\r\n.dots\r\nand all\r\n"


class TwistdCase(SynchronousTestCase):
    """A directory, and nodes over it."""

    def node(self, **options: object) -> Node:
        """A node that has been started."""
        base = tempfile.mkdtemp(prefix="mf-twistd-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        node = Node(base, {ALICE: PASSWORD, BOB: PASSWORD}, **options)  # type: ignore[arg-type]
        self.addCleanup(node.stop)
        node.start()
        return node


class ServiceTests(TwistdCase):
    """Mail goes in and comes out."""

    def test_in_and_out(self) -> None:
        """Mail by SMTP, submission and LMTP is read by IMAP and POP3, in clear, by STARTTLS and by TLS."""
        node = self.node()
        trust = ssl.create_default_context(cafile=str(node.certificate))
        with smtplib.SMTP("localhost", node.ports["smtp"], "client.test", timeout=20) as client:
            client.starttls(context=trust)
            client.sendmail("joe@sender.test", [ALICE, BOB], MESSAGE)
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                client.sendmail("joe@sender.test", ["joe@sender.test"], MESSAGE)
            self.assertNotIn("auth", client.esmtp_features)
        with smtplib.SMTP_SSL("localhost", node.ports["submissions"], timeout=20, context=trust) as client:
            self.assertRaises(smtplib.SMTPSenderRefused, client.sendmail, BOB, [ALICE], MESSAGE)
            client.login(BOB, PASSWORD)
            client.sendmail(BOB, [ALICE], MESSAGE)
        with smtplib.SMTP("localhost", node.ports["submission"], timeout=20) as client:
            client.ehlo()
            self.assertNotIn("auth", client.esmtp_features)
            client.starttls(context=trust)
            client.login(BOB, PASSWORD)
            client.sendmail(BOB, [ALICE], MESSAGE)
        with smtplib.LMTP("127.0.0.1", node.ports["lmtp"]) as client:
            client.sendmail("joe@sender.test", [ALICE], MESSAGE)
        self.check_imap(node, trust)
        self.check_pop3(node, trust)
        self.check_status_page(node)

    def check_imap(self, node: Node, trust: ssl.SSLContext) -> None:
        """All four messages are there."""
        reader = imaplib.IMAP4_SSL("localhost", node.ports["imaps"], ssl_context=trust, timeout=20)
        reader.login(ALICE, PASSWORD)
        self.assertEqual(reader.select()[1], [b"4"])
        whole = reader.fetch("1:*", "(BODY.PEEK[])")[1]
        for part in whole[::2]:
            self.assertTrue(part[1].endswith(MESSAGE))
            self.assertIn(b"Received: from", part[1])
            self.assertIn(b"Delivered-To: " + ALICE.encode(), part[1])
        reader.logout()

    def check_pop3(self, node: Node, trust: ssl.SSLContext) -> None:
        """Bob's one is there."""
        reader = poplib.POP3("localhost", node.ports["pop3"], timeout=20)
        reader.stls(trust)
        reader.user(BOB)
        reader.pass_(PASSWORD)
        self.assertEqual(reader.stat()[0], 1)
        self.assertIn(b".dots", reader.retr(1)[1])
        reader.quit()

    def check_status_page(self, node: Node) -> None:
        """It is well, and its figures count what was done, over all workers."""
        base = f"http://127.0.0.1:{node.ports['status']}"
        with urllib.request.urlopen(f"{base}/healthz", timeout=10) as page:
            self.assertIn(b'"healthy": true', page.read())
        with urllib.request.urlopen(f"{base}/metrics", timeout=10) as page:
            figures = page.read().decode()
        self.assertIn('mailframe_smtp_messages_total{outcome="accepted",protocol="smtp"} 3', figures)
        self.assertIn('mailframe_smtp_messages_total{outcome="accepted",protocol="lmtp"} 1', figures)
        with urllib.request.urlopen(base, timeout=10) as page:
            self.assertIn(b"All is well", page.read())

    def test_lost_dependency(self) -> None:
        """When the disk cannot be written any more, /healthz says so, and is well again afterwards."""
        node = self.node(roles=("mx",), workers=1)
        url = f"http://127.0.0.1:{node.ports['status']}/healthz"
        away = node.base / "away"
        node.data.rename(away)
        self.assertIn(b"cannot be written", self.health(url, 503))
        away.rename(node.data)
        self.assertIn(b'"healthy": true', self.health(url, 200))

    def health(self, url: str, wanted: int) -> bytes:
        """What the page says once it has this status: answers are remembered for a second."""
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(url, timeout=10) as page:
                    status, text = page.status, page.read()
            except urllib.error.HTTPError as error:
                status, text = error.code, error.read()
            if status == wanted or time.monotonic() > deadline:
                self.assertEqual(status, wanted, text)
                return bytes(text)
            time.sleep(0.05)


class Greeted:
    """Clients that connect again and again while something happens."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.count = 0
        self.faults: list[str] = []
        self._going = True
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]

    @contextlib.contextmanager
    def all_the_while(self) -> Iterator[Greeted]:
        """Go on until the end of the ``with``."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._going = False
            for thread in self._threads:
                thread.join(30)

    def some_more(self, count: int = 20) -> None:
        """Wait for more greetings."""
        goal, deadline = self.count + count, time.monotonic() + 20
        while self.count < goal and time.monotonic() < deadline and not self.faults:
            time.sleep(0.01)

    def _run(self) -> None:
        while self._going:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 20) as client:
                    if not client.recv(100).startswith(b"220 "):
                        raise ConnectionError("no greeting")
                    client.sendall(b"QUIT\r\n")
                    if not client.recv(100).startswith(b"221 "):
                        raise ConnectionError("no goodbye")
                self.count += 1
            except OSError as error:
                self.faults.append(repr(error))
                return


class ReloadTests(TwistdCase):
    """Reload under load."""

    def test_wrong_then_right(self) -> None:
        """A wrong configuration is explained with file and line, a right one taken; nobody is refused."""
        node = self.node(roles=("mx",))
        with Greeted(node.ports["smtp"]).all_the_while() as clients:
            clients.some_more()
            node.write_configuration(node.text().replace('data = "data"', 'data = "data"\ncolour = 1'))
            answer = node.ask("reload")
            self.assertFalse(answer["ok"])
            self.assertIn(f"{node.configuration}:4: [node] colour: unknown key", answer["errors"][0])
            clients.some_more()
            node.write_configuration(node.text(workers=1))
            assert node.process is not None
            node.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 20
            while node.ask("status")["generation"] != 2 and time.monotonic() < deadline:
                time.sleep(0.02)
            clients.some_more()
        self.assertEqual(clients.faults, [])
        node.wait_for_line("nothing was reloaded")


class DeathTests(TwistdCase):
    """What becomes of whom when somebody dies."""

    def test_parent_killed(self) -> None:
        """Without their parent the workers end, and a new node has the ports."""
        node = self.node(roles=("mx",))
        workers = node.worker_pids()
        assert node.process is not None
        node.process.kill()
        node.process.wait(10)
        for pid in workers:
            node.wait_gone(pid)
        node.start()

    def test_graceful_stop(self) -> None:
        """A stop lets a transaction finish and says goodbye to who is idle."""
        node = self.node(roles=("mx",), workers=1)
        idle = smtplib.SMTP("127.0.0.1", node.ports["smtp"], timeout=20)
        busy = smtplib.SMTP("127.0.0.1", node.ports["smtp"], timeout=20)
        self.addCleanup(idle.close)
        self.addCleanup(busy.close)
        busy.ehlo()
        busy.mail("joe@sender.test")
        busy.rcpt(ALICE)
        node.ask("stop")
        self.assertEqual(idle.getreply()[0], 421)
        self.assertEqual(busy.data(MESSAGE)[0], 250)
        assert node.process is not None
        node.process.wait(20)

    def test_everything_killed(self) -> None:
        """After a kill of all processes the next start works, stale control socket or not."""
        node = self.node(roles=("mx",), workers=1)
        node.kill_everything()
        self.assertRaises(ControlError, node.ask, "status")
        node.start()


class CommandLineTests(TwistdCase):
    """twistd in its other forms."""

    def run_twistd(self, node: Node, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """twistd, to its end."""
        code = "from twisted.scripts.twistd import run; run()"
        environment = {**os.environ, "PYTHONPATH": ROOT}
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=node.base,
            env=environment,
            capture_output=True,
            timeout=30,
        )

    def prepared(self) -> Node:
        """A node that has not been started."""
        base = tempfile.mkdtemp(prefix="mf-twistd-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        node = Node(base, {ALICE: PASSWORD}, roles=("mx",), workers=1)
        node.prepare()
        return node

    def test_wrong_configuration(self) -> None:
        """All errors are on the terminal before anything detaches, without a traceback; the exit code is 1."""
        node = self.prepared()
        node.write_configuration(node.text() + '[node2]\nx = 1\n[role.mx2]\ny = "z"\n')
        done = self.run_twistd(node, "mailframe", "--config", str(node.configuration))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)
        self.assertNotIn(b"Traceback", done.stderr + done.stdout)

    def test_port_taken(self) -> None:
        """A taken port is told in one sentence."""
        node = self.prepared()
        with socket.create_server(("127.0.0.1", node.ports["smtp"])):
            done = self.run_twistd(node, "-n", "--pidfile=", "mailframe", "--config", str(node.configuration))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Address already in use", done.stdout)
        self.assertNotIn(b"Traceback", done.stderr + done.stdout)

    def test_second_node(self) -> None:
        """A second node over the same data ends with code 1 and says why."""
        node = self.node(roles=("mx",), workers=1)
        other = Node(str(node.base), {}, roles=("mx",), workers=1)
        other.write_configuration()
        done = self.run_twistd(other, "-n", "--pidfile=", "mailframe", "--config", str(other.configuration))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"a node is running already", done.stdout)

    def test_daemon(self) -> None:
        """As a daemon, parent and workers write into one log file; the pid file names the parent."""
        node = self.prepared()
        done = self.run_twistd(node, "mailframe", "--config", str(node.configuration))
        self.assertEqual(done.returncode, 0, done.stderr)
        pid = int((node.base / "twistd.pid").read_text())
        try:
            node.log = node.base / "twistd.log"
            status = node.wait_for("running")
            self.assertEqual(status["pid"], pid)
            with smtplib.SMTP("127.0.0.1", node.ports["smtp"], timeout=20) as client:
                client.sendmail("joe@sender.test", [ALICE], MESSAGE)
            node.wait_for_line("generation 1 serves")
            node.wait_for_line("<joe@sender.test>")
        finally:
            os.kill(pid, signal.SIGTERM)
            node.wait_gone(pid)
        self.assertFalse((node.base / "twistd.pid").exists())

    def test_privileges_are_given_up(self) -> None:
        """With --uid and --gid, workers and what they write belong to that user; sockets were opened before."""
        if os.getuid() != 0:
            # Only root can give up privileges; elsewhere there is nothing to look at.
            return
        nobody = pwd.getpwnam("nobody")
        # Where the interpreter lies in root's home, nobody cannot run it: then the group only is given up.
        uid = nobody.pw_uid if self.can_run(nobody) else 0
        node = self.prepared()
        for path in [node.base, *node.base.rglob("*")]:
            os.chown(path, uid, nobody.pw_gid)
        node._twistd = ("--uid", str(uid), "--gid", str(nobody.pw_gid))
        self.addCleanup(node.stop)
        node.start()
        assert node.process is not None
        for pid in [node.process.pid, *node.worker_pids()]:
            status = Path(f"/proc/{pid}/status").read_text()
            self.assertIn(f"\nUid:\t{uid}\t{uid}\t", status)
            self.assertIn(f"\nGid:\t{nobody.pw_gid}\t{nobody.pw_gid}\t", status)
        with smtplib.SMTP("127.0.0.1", node.ports["smtp"], timeout=20) as client:
            client.sendmail("joe@sender.test", [ALICE], MESSAGE)
        control = (node.data / "control").stat()
        self.assertEqual((control.st_uid, control.st_gid), (uid, nobody.pw_gid))

    def can_run(self, user: pwd.struct_passwd) -> bool:
        """Can this user run the interpreter, and find us?"""
        command = [sys.executable, "-c", "import mailframe.node, twisted"]
        environment = {"PYTHONPATH": ROOT}
        try:
            done = subprocess.run(
                command, user=user.pw_uid, group=user.pw_gid, cwd="/", env=environment, capture_output=True
            )
        except PermissionError:
            return False
        return done.returncode == 0
