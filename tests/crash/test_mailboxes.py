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
from mailframe.store.interfaces import IMailAccount
from mailframe.store.maildrop.checking import Checking
from mailframe.store.maildrop.store import MaildropStore
from mailframe.store.values import FLAGGED, Flags, Item, Span
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


class Onlooker:
    """A session that keeps in step with a mailbox by its changes alone.

    Attributes:
        known: flags by UID.
    """

    def __init__(self, account: IMailAccount, name: str) -> None:
        self._mailbox = wait(account.open(name))
        snapshot = wait(self._mailbox.snapshot())
        self._modseq = snapshot.modseq
        self.known = self.all()

    def look(self) -> None:
        """Ask what has happened."""
        changes = wait(self._mailbox.changes(self._modseq))
        self._modseq = changes.modseq
        for uid in changes.vanished:
            self.known.pop(uid, None)
        self.known.update({message.uid: message.flags for message in changes.messages})

    def all(self) -> dict[int, Flags]:
        """What there is, as a new session finds it."""
        uids = wait(self._mailbox.snapshot()).uids
        return {message.uid: message.flags for message in wait(self._mailbox.fetch(uids, Item.FLAGS))}


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

    def process(self, label: str) -> subprocess.Popen[str]:
        """A process that has begun to work."""
        command = [sys.executable, "-m", "tests.crash.working", self.kind, self.place, label]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.take(process.stdout.readline())
        return process

    def killed(self, process: subprocess.Popen[str]) -> None:
        """Kill it, and take what it has told before."""
        process.kill()
        assert process.stdout is not None
        self.take(*process.stdout.readlines())
        process.wait()

    def take(self, *lines: str) -> None:
        """What a process has told."""
        for line in lines:
            if line.endswith("\n"):
                self.told.add(line)

    def storm(self, number: int, seconds: float) -> None:
        """One process, killed."""
        process = self.process(f"r{number}")
        time.sleep(seconds)
        self.killed(process)

    def look(self, store: MaildropStore) -> dict[str, list[str]]:
        """The messages of each mailbox, all of them whole, and under the UIDs that they had.

        Where a process was killed in the middle of something, the first look may find a file missing, which makes
        the store look closer.
        """
        for _ in range(3):
            found = self.looked(store)
            if found is not None:
                return found
        raise AssertionError("files of messages are missing, however often one looks")

    def looked(self, store: MaildropStore) -> dict[str, list[str]] | None:
        """One look; None where a message had no file."""
        account, found = wait(store.account(ALICE)), {}
        for entry in wait(account.mailboxes()):
            mailbox = wait(account.open(entry.name))
            identity = wait(account.status(entry.name)).mailbox_id
            uids = list(wait(mailbox.snapshot()).uids)
            self.assertEqual(wait(account.status(entry.name)).messages, len(uids))
            names = []
            contents = wait(mailbox.read([Span(uid) for uid in uids]))
            flags = {message.uid: message.flags for message in wait(mailbox.fetch(uids, Item.FLAGS))}
            if None in contents:
                return None
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

    def check_two(self) -> None:
        """Two processes at once, the first of them killed earlier, while this one looks on."""
        store = made(self.kind, self.place, Clock(), 0)
        wait(store.start())
        try:
            processes = [self.process(f"p{number}") for number in range(2)]
            account = wait(store.account(ALICE))
            looks = [Onlooker(account, name) for name in ("INBOX", "Copies")]
            for process in processes:
                until = time.monotonic() + 0.4
                while time.monotonic() < until:
                    for onlooker in looks:
                        onlooker.look()
                self.killed(process)
            for onlooker in looks:
                onlooker.look()
                self.assertEqual(onlooker.known, onlooker.all())
            found = self.look(store)
            self.check(found)
            self.check_mailboxes(found, 2)
            self.check_sound(store)
        finally:
            wait(store.stop())
        both = {name[:2] for name in self.told.done["move"]}
        self.assertEqual(both, {"p0", "p1"}, "both have worked")

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
        self.assertGreater(len(self.told.done["move"]), ROUNDS)


class MboxTests(MailboxesCase):
    """mbox files that are put in the place of old ones."""

    def test_any_moment(self) -> None:
        """Whatever was answered is so, and catalogue and content are the same."""
        self.check_any_moment()

    def test_two_processes(self) -> None:
        """The same of two processes at once; and a session of a third one is told of all that they do."""
        self.check_two()


class InPlaceMboxTests(MailboxesCase):
    """mbox files that are written where they are."""

    kind = "mbox in place"

    def test_any_moment(self) -> None:
        """Whatever was answered is so, and catalogue and content are the same."""
        self.check_any_moment()

    def test_two_processes(self) -> None:
        """The same of two processes at once; and a session of a third one is told of all that they do."""
        self.check_two()


class MaildirTests(MailboxesCase):
    """Maildir folders."""

    kind = "maildir"
    copies_of_moving = 1

    def test_any_moment(self) -> None:
        """Whatever was answered is so, and catalogue and content are the same."""
        self.check_any_moment()

    def test_two_processes(self) -> None:
        """The same of two processes at once; and a session of a third one is told of all that they do."""
        self.check_two()


class SQLiteTests(MailboxesCase):
    """A database an account."""

    kind = "sqlite"
    copies_of_moving = 1

    def test_any_moment(self) -> None:
        """Whatever was answered is so, and catalogue and content are the same."""
        self.check_any_moment()

    def test_two_processes(self) -> None:
        """The same of two processes at once; and a session of a third one is told of all that they do."""
        self.check_two()
