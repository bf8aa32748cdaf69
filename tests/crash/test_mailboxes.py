"""kill -9 in the middle of append, copy, move, expunge, rename and deletion, for each backend in files."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.cli.queue_spool import wait
from mailframe.store.maildrop.checking import Checking
from mailframe.store.maildrop.store import MaildropStore
from mailframe.store.values import FLAGGED, Item, Span
from mailframe.testing.store.fixture import ALICE

from .working import SESSIONS, made, octets_of

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "2"))
ROOT = Path(__file__).resolve().parents[2]


class Told:
    """What a process wrote until it was killed.

    Attributes:
        begun: of each kind of work, the names that it was begun for.
        done: and those that it was answered for.
    """

    def __init__(self) -> None:
        self.begun: dict[str, list[str]] = {}
        self.done: dict[str, list[str]] = {}

    def add(self, line: str) -> None:
        """One more line; one that was cut off by the kill is not counted."""
        when, what, *names = line.split()
        (self.begun if when == "begin" else self.done).setdefault(what, []).extend(names)

    def open(self, what: str) -> set[str]:
        """Begun and not answered."""
        return set(self.begun.get(what, ())) - set(self.done.get(what, ()))


class MailboxesCase(SynchronousTestCase):
    """One directory for all rounds.

    Attributes:
        kind: of store.
        copies_of_moving: how many there may be of a message whose move was not answered: the crash may have come
            between two files.
    """

    kind = "mbox"
    copies_of_moving = 2
    timeout = 60 + 10 * ROUNDS

    def setUp(self) -> None:
        """Begin with nothing."""
        self.place = tempfile.mkdtemp(prefix="mailframe-boxes-")
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.told = Told()
        self.uids: dict[str, tuple[str, int]] = {}

    def storm(self, number: int, seconds: float) -> None:
        """One process, killed."""
        command = [sys.executable, "-m", "tests.crash.working", self.kind, self.place, f"r{number}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            time.sleep(seconds)
            process.kill()
            lines += process.stdout.readlines()
        for line in lines:
            if line.endswith("\n"):
                self.told.add(line)

    def look(self, store: MaildropStore) -> dict[str, list[str]]:
        """The messages of each mailbox, all of them whole, and under the UIDs that they had."""
        account, found = wait(store.account(ALICE)), {}
        for entry in wait(account.mailboxes()):
            mailbox = wait(account.open(entry.name))
            identity = wait(account.status(entry.name)).mailbox_id
            uids = list(wait(mailbox.snapshot()).uids)
            self.assertEqual(wait(account.status(entry.name)).messages, len(uids))
            names = []
            contents = wait(mailbox.read([Span(uid) for uid in uids]))
            flags = {message.uid: message.flags for message in wait(mailbox.fetch(uids, Item.FLAGS))}
            for uid, octets in zip(uids, contents, strict=True):
                name = octets.split(b"\r\n")[0].decode().removeprefix("Subject: ")
                self.assertEqual(octets, octets_of(name), name)
                self.assertEqual(self.uids.setdefault(f"{identity} {uid}", (name, uid)), (name, uid))
                if entry.name == "Copies" and name in self.told.done.get("copy", ()):
                    self.assertEqual(flags[uid], {FLAGGED, "$Work"}, name)
                names.append(name)
            found[entry.name] = names
        return found

    def check_sound(self, store: MaildropStore) -> None:
        """The catalogue and the content are the same."""
        checking = Checking(octets=True)
        while not wait(store.work(ALICE, checking.step)):
            pass
        self.assertEqual(list(checking.found.listed), [])

    def check(self, found: dict[str, list[str]]) -> None:
        """Everything is where it was last said to be."""
        inbox, copies = Counter(found["INBOX"]), Counter(found["Copies"])
        boxes = Counter(name for box, names in found.items() if box.startswith("Box-") for name in names)
        told = self.told
        for each in (inbox, copies, boxes):
            self.assertEqual([name for name, count in each.items() if count > 1], [], "twice")
        self.assertEqual(set(told.done.get("copy", ())) - set(copies), set(), "copied")
        self.assertEqual(set(copies) - set(told.begun.get("copy", ())), set(), "not copied")
        moved, moving = set(told.done.get("move", ())), told.open("move")
        removed, removing = set(told.done.get("remove", ())), told.open("remove")
        self.assertEqual(set(boxes) - moving, moved, "moved")
        self.assertEqual(set(inbox) & (moved | removed), set(), "back again")
        stays = set(told.done.get("append", ())) - moved - moving - removed - removing
        self.assertEqual(stays - set(inbox), set(), "appended")
        lost = [name for name in moving if not 1 <= inbox[name] + boxes[name] <= self.copies_of_moving]
        self.assertEqual(lost, [], "moving")

    def check_mailboxes(self, found: dict[str, list[str]], rounds: int) -> None:
        """A mailbox that was renamed has one name, and a deleted one none."""
        boxes = Counter(name.rsplit("-", 1)[0] for name in found if name.startswith("Box-"))
        self.assertEqual([name for name, count in boxes.items() if count > 1], [], "two names")
        self.assertLessEqual(len(boxes), SESSIONS * rounds)
        doomed = {name: names for name, names in found.items() if name.startswith("Doomed-")}
        self.assertEqual(set(doomed) & set(self.told.done.get("delete", ())), set(), "deleted")
        for name in set(doomed) & set(self.told.done.get("fill", ())):
            self.assertEqual(doomed[name], [name])

    def check_any_moment(self) -> None:
        """Kill it some times, and look each time."""
        chance = random.Random()
        for number in range(ROUNDS):
            self.storm(number, chance.uniform(0.1, 0.6))
            store = made(self.kind, self.place, Clock(), 0)
            wait(store.start())
            try:
                found = self.look(store)
                self.check(found)
                self.check_mailboxes(found, number + 1)
                self.check_sound(store)
            finally:
                wait(store.stop())
        self.assertGreater(len(self.told.done["move"]), 4 * ROUNDS)


class MboxTests(MailboxesCase):
    """mbox files that are put in the place of old ones."""

    def test_any_moment(self) -> None:
        """Whatever was answered is so, and catalogue and content are the same."""
        self.check_any_moment()


class InPlaceMboxTests(MailboxesCase):
    """mbox files that are written where they are."""

    kind = "mbox in place"

    def test_any_moment(self) -> None:
        """Whatever was answered is so, and catalogue and content are the same."""
        self.check_any_moment()


class MaildirTests(MailboxesCase):
    """Maildir folders."""

    kind = "maildir"
    copies_of_moving = 1

    def test_any_moment(self) -> None:
        """Whatever was answered is so, and catalogue and content are the same."""
        self.check_any_moment()


class SQLiteTests(MailboxesCase):
    """A database an account."""

    kind = "sqlite"
    copies_of_moving = 1

    def test_any_moment(self) -> None:
        """Whatever was answered is so, and catalogue and content are the same."""
        self.check_any_moment()
