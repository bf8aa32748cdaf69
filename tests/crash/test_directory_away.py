"""The node that has the directory is killed under load: exchanger and logins of another node go on from its copy."""

from __future__ import annotations

import imaplib
import shutil
import smtplib
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.passwords import make_hash
from mailframe.directory.sqlite import SQLiteDirectory
from tests.node.harness import Node
from tests.ports import free_ports

from .cases import LONG

KEY = "0123456789abcdef0123456789abcdef"
KNOWN = [f"user{number}@example.test" for number in range(20)]
NEW = "new@example.test"


class Load:
    """Clients that ask all the time, and count what they are told.

    Args:
        node: whom they ask.

    Attributes:
        told: replies by what was asked; whatever went wrong by its text.
        delivered: messages that were taken, by recipient.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.told: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        self._threads = [
            threading.Thread(target=self._run, args=(work,)) for work in (self.mail, self.log_in) * 2
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def mail(self, number: int) -> None:
        """A message to somebody who is there, offered to somebody who is not as well."""
        known = KNOWN[number % len(KNOWN)]
        with smtplib.SMTP("127.0.0.1", self._node.ports["smtp"], timeout=20) as client:
            client.ehlo()
            client.mail("a@example.org")
            self._count(f"known {client.rcpt(known)[0]}")
            self._count(f"unknown {client.rcpt(f'nobody{number}@example.test')[0]}")
            code, _ = client.data(f"Subject: {number}\r\n\r\ntext\r\n")
            self._count(f"data {code}")
            if code == 250:
                with self._lock:
                    self.delivered[known] += 1

    def log_in(self, number: int) -> None:
        """A right login, and one as somebody who is not there."""
        for name, kind in ((KNOWN[number % len(KNOWN)], "right"), (f"nobody{number}@example.test", "wrong")):
            with imaplib.IMAP4("127.0.0.1", self._node.ports["imap"], timeout=20) as client:
                try:
                    client.login(name, "geheim")
                    self._count(f"{kind} OK")
                except imaplib.IMAP4.error as error:
                    self._count(f"{kind} {str(error).split(']')[0]}")

    def _run(self, work: Callable[[int], None]) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            try:
                work(number)
            except (OSError, smtplib.SMTPException, imaplib.IMAP4.error) as error:
                self._count(f"fault {error!r}")

    def _count(self, what: str) -> None:
        with self._lock:
            self.told[what] += 1


class DirectoryAwayTests(SynchronousTestCase):
    """One node with the directory, one with a copy of it."""

    timeout = 120
    skip = LONG

    def setUp(self) -> None:
        """Start both."""
        self.base = Path(tempfile.mkdtemp(prefix="mailframe-away-"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        (link,) = free_ports(1)
        for name in ("source", "front"):
            (self.base / name).mkdir()
        listening = {"link": [f'key = "{KEY}"'], "role.store": [f'link = ["ssl:{link}:interface=127.0.0.1"]']}
        self.source = Node(
            str(self.base / "source"), dict.fromkeys(KNOWN, "geheim"), ("store",), 1, listening
        )
        self.source.start()
        self.addCleanup(self.source.stop)
        copying = {
            "link": [f'key = "{KEY}"'],
            "directory": ['backend = "replica"'],
            "directory.replica": ['source = "node"'],
            "directory.node": [
                'host = "127.0.0.1"',
                f"port = {link}",
                f'ca_file = "{self.source.certificate}"',
            ],
        }
        self.front = Node(str(self.base / "front"), {}, ("mx", "store"), 2, copying)
        self.front.start()
        self.addCleanup(self.front.stop)

    def test_killed_under_load(self) -> None:
        """Nobody who is there is refused or deferred, and nobody else let in; what is new comes with the source."""
        self.wait_until(lambda: self.is_known(KNOWN[0]))
        load = Load(self.front)
        load.start()
        self.addCleanup(load.stop)
        time.sleep(2)
        self.source.kill_everything()
        before = load.told.copy()
        time.sleep(5)
        away = load.told - before
        SQLiteDirectory(str(self.source.data / "directory.sqlite"), None).add_account(
            NEW, make_hash("geheim", "SSHA256")
        )
        self.assertFalse(self.is_known(NEW))
        self.source.start()
        self.wait_until(lambda: self.is_known(NEW))
        load.stop()
        wanted = {"known 250", "unknown 550", "data 250", "right OK", "wrong b'[AUTHENTICATIONFAILED"}
        self.assertEqual(wanted, set(load.told), load.told)
        self.assertEqual(wanted, set(away), "nothing was asked while the source was away")
        for name, count in load.delivered.items():
            with imaplib.IMAP4("127.0.0.1", self.front.ports["imap"], timeout=20) as client:
                client.login(name, "geheim")
                self.assertEqual(count, int(client.select(readonly=True)[1][0] or b"0"), name)

    def is_known(self, name: str) -> bool:
        """Does the exchanger take mail for it?"""
        with smtplib.SMTP("127.0.0.1", self.front.ports["smtp"], timeout=20) as client:
            client.ehlo()
            client.mail("a@example.org")
            return client.rcpt(name)[0] == 250

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Until it is so."""
        deadline = time.monotonic() + 20
        while not true():
            self.assertLess(time.monotonic(), deadline, self.front.tail())
            time.sleep(0.1)
