"""An account moves between two real nodes while clients work in it: nothing is lost, nothing doubled, UIDs stay."""

from __future__ import annotations

import contextlib
import imaplib
import os
import random
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.entries import account_key
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.directory.values import Credential
from tests.node.harness import ROOT, Node
from tests.ports import free_ports

ALICE = "alice@example.test"
KEY = "0123456789abcdef0123456789abcdef"
MESSAGES = 300
FAULTS = (imaplib.IMAP4.error, smtplib.SMTPException, OSError)


class Places:
    """Where alice's mail is by the directory, and the ports of it: what a proxy would look up."""

    def __init__(self, directory: str, nodes: dict[str, Node]) -> None:
        self._directory = SQLiteDirectory(directory, None)
        self._nodes = nodes

    def store(self) -> str:
        """The store's name."""
        found = self._directory.entry(account_key(ALICE))
        assert isinstance(found, Credential)
        return found.account.store

    def ports(self) -> dict[str, int]:
        """Of the node that has the mail."""
        return self._nodes[self.store()].ports


class Worker:
    """A client that works all the time and remembers what it was told.

    Attributes:
        appended: the name of each message that was taken, and its UID where that was told.
        unsure: names of messages whose answer did not come.
    """

    def __init__(self, places: Places, number: int) -> None:
        self._places = places
        self._number = number
        self._count = 0
        self.appended: dict[str, int] = {}
        self.flagged: set[str] = set()
        self.unsure: set[str] = set()
        self.ended = threading.Event()

    def imap(self) -> None:
        """Logs in, appends and flags some messages, logs out."""
        while not self.ended.is_set():
            with (
                contextlib.suppress(*FAULTS),
                imaplib.IMAP4("127.0.0.1", self._places.ports()["imap"], timeout=20) as client,
            ):
                client.login(ALICE, "geheim")
                for _ in range(5):
                    self._append(client)
                client.select("INBOX")
                name = random.choice(sorted(self.appended))
                uid = str(self.appended[name])
                if client.uid("STORE", uid, "+FLAGS.SILENT", "(\\Flagged)")[0] == "OK":
                    self.flagged.add(name)
            time.sleep(0.05)

    def lmtp(self) -> None:
        """Delivers, one connection a message; what is refused for now comes again."""
        while not self.ended.is_set():
            name = self._name()
            while not self.ended.is_set():
                with contextlib.suppress(*FAULTS):
                    with smtplib.LMTP("127.0.0.1", self._places.ports()["lmtp"]) as client:
                        self.unsure.add(name)
                        client.sendmail("a@example.org", [ALICE], _message(name))
                        self.appended[name] = 0
                    break
                time.sleep(0.05)
            time.sleep(0.02)

    def _append(self, client: imaplib.IMAP4) -> None:
        name = self._name()
        self.unsure.add(name)
        verdict, answer = client.append("INBOX", "", "", _message(name))
        if verdict == "OK":
            # [APPENDUID validity uid]
            self.appended[name] = int(answer[0].split()[2].rstrip(b"]"))

    def _name(self) -> str:
        self._count += 1
        return f"w{self._number}-{self._count}"


def _message(name: str) -> bytes:
    return b"X-Name: %b\r\nSubject: %b\r\n\r\n%b\r\n" % (name.encode(), name.encode(), b"text " * 50)


class MoveTests(SynchronousTestCase):
    """Two nodes with one directory."""

    timeout = 400

    def setUp(self) -> None:
        """Start them, and give alice some mail."""
        self.base = Path(tempfile.mkdtemp(prefix="mailframe-move-"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        (self.link,) = free_ports(1)
        directory = str(self.base / "s1" / "data" / "directory.sqlite")
        self.nodes = {}
        for name, backend in (("s1", "maildir"), ("s2", "sqlite")):
            (self.base / name).mkdir()
            extra = {
                "role.store": [f'name = "{name}"'],
                "store": [f'backend = "{backend}"'],
                "directory.sqlite": [f'path = "{directory}"'],
                "link": [f'key = "{KEY}"'],
            }
            if name == "s1":
                extra["role.store"].append(f'link = ["ssl:{self.link}:interface=127.0.0.1"]')
            accounts = {ALICE: "geheim"} if name == "s1" else {}
            self.nodes[name] = Node(str(self.base / name), accounts, ("store",), 2, extra)
        self.nodes["s1"].prepare()
        entries = SQLiteDirectory(directory, None)
        entries.change_account(ALICE, at_store("s1"))
        self.entries = entries
        for node in self.nodes.values():
            node.start()
            self.addCleanup(node.stop)
        self.places = Places(directory, self.nodes)
        self.fill()
        self.workers = [Worker(self.places, number) for number in range(10)]
        self.threads = [
            threading.Thread(target=worker.lmtp if number >= 7 else worker.imap)
            for number, worker in enumerate(self.workers)
        ]

    def fill(self) -> None:
        """Mail from before."""
        with imaplib.IMAP4("127.0.0.1", self.nodes["s1"].ports["imap"]) as client:
            client.login(ALICE, "geheim")
            client.create("Work")
            client.subscribe("Work")
            for number in range(MESSAGES):
                client.append(
                    "Work" if number % 3 else "INBOX", "(\\Seen $Label)", "", _message(f"old-{number}")
                )

    def move(self, *more: str) -> subprocess.Popen[bytes]:
        """The command."""
        return subprocess.Popen(
            [
                sys.executable, "-c", "from mailframe.cli import main; main()", "mailbox", "move", ALICE, "--to", "s2", "--settle", "7",
                "--lease", "30", "--link", f"127.0.0.1:{self.link}", "--insecure", "--config",
                str(self.nodes["s2"].configuration), *more,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])},
        )  # fmt: skip

    def test_while_ten_clients_write(self) -> None:
        """Seven clients by IMAP and three deliverers work on; one move is killed, the next goes through."""
        self.begin()
        time.sleep(3)
        first = self.move()
        time.sleep(6)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        assert first.stdout is not None
        first.stdout.close()
        self.assertEqual("s1", self.places.store())
        self.wait_until(lambda: not self.account().is_held(time.time()), 60)
        taken = sum(len(worker.appended) for worker in self.workers)
        self.wait_until(lambda: sum(len(worker.appended) for worker in self.workers) > taken + 20, 30)
        second = self.move()
        output, _ = second.communicate(timeout=200)
        self.assertEqual(0, second.returncode, output)
        self.assertEqual("s2", self.places.store())
        time.sleep(3)
        self.end()
        self.check()
        print(
            output.decode(), sum(len(worker.appended) for worker in self.workers), "messages came meanwhile"
        )

    def begin(self) -> None:
        """All clients begin."""
        for thread in self.threads:
            thread.start()
        self.addCleanup(self.end)

    def end(self) -> None:
        """All clients end."""
        for worker in self.workers:
            worker.ended.set()
        for thread in self.threads:
            thread.join(60)

    def check(self) -> None:
        """Everything that was taken is there once, under its UID, with its flags; what was not answered at most once."""
        found: Counter[str] = Counter()
        uids: dict[str, int] = {}
        flagged = set()
        with imaplib.IMAP4("127.0.0.1", self.nodes["s2"].ports["imap"]) as client:
            client.login(ALICE, "geheim")
            for mailbox in ("INBOX", "Work"):
                client.select(mailbox, readonly=True)
                _, answer = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (X-NAME)])")
                for item in answer:
                    if isinstance(item, tuple):
                        name = item[1].decode().split(":")[1].strip()
                        found[name] += 1
                        uids[name] = int(item[0].split(b"UID ")[1].split()[0])
                        if b"\\Flagged" in item[0]:
                            flagged.add(name)
            self.assertIn(b'"/" Work', b"".join(client.lsub()[1]))
        taken = {name for worker in self.workers for name in worker.appended}
        self.assertEqual(set(), taken - set(found), "lost")
        self.assertEqual([], [name for name, count in found.items() if count > 1], "doubled")
        self.assertEqual(MESSAGES, sum(name.startswith("old-") for name in found))
        for worker in self.workers:
            for name, uid in worker.appended.items():
                self.assertIn(uid, (0, uids[name]), name)
            self.assertEqual(set(), worker.flagged - flagged, "flags are lost")

    def account(self):  # type: ignore[no-untyped-def]
        """What the directory says of alice."""
        found = self.entries.entry(account_key(ALICE))
        assert isinstance(found, Credential)
        return found.account

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Until it is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)


def at_store(store: str) -> Callable[[Credential], Credential]:
    """The directory says that an account's mail is there."""
    return lambda found: replace(found, account=replace(found.account, store=store))
