"""kill -9 in the middle of making an account's file anew."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailframe.cli.queue_spool import wait
from mailframe.message.content import Content
from mailframe.store.values import INBOX, NewMessage, Span
from mailframe.testing.store.fixture import ALICE, numbered

from .repairing import started

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "3"))
MESSAGES = 300
ROOT = Path(__file__).resolve().parents[2]


class RepairTests(SynchronousTestCase):
    """A repair that is killed loses nothing."""

    timeout = 60 + 10 * ROUNDS

    def setUp(self) -> None:
        """An account with mail."""
        self.place = tempfile.mkdtemp(prefix="mailframe-repair-")
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.all: dict[int, bytes | None] = {}
        self.look(*map(numbered, range(MESSAGES)))

    def look(self, *octets: bytes) -> None:
        """All messages are there, under their UIDs; some more come."""
        store = started(self.place)
        account = wait(store.account(ALICE))
        mailbox = wait(account.open(INBOX))
        uids = list(wait(mailbox.snapshot()).uids)
        found = dict(zip(uids, wait(mailbox.read([Span(uid) for uid in uids])), strict=True))
        self.assertEqual(found, self.all)
        more = wait(account.append(INBOX, [NewMessage(Content.of(each)) for each in octets])).uids
        self.all.update(zip(more, octets, strict=True))
        wait(store.stop())

    def test_any_moment(self) -> None:
        """Killed at random moments, it leaves an account with all its mail and all its UIDs."""
        chance = random.Random(2582)
        for number in range(ROUNDS):
            command = [sys.executable, "-m", "tests.crash.repairing", self.place]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(chance.uniform(0.0, 0.3))
                process.kill()
            self.look(numbered(MESSAGES + number))
