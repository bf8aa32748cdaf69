"""kill -9 in the middle of a conversion from one backend to another."""

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
from mailframe.store.values import INBOX, SEEN, FlagChange, NewMessage, TakenMailbox
from mailframe.testing.store.fixture import ALICE, numbered
from mailframe.transfer.comparing import compare_accounts
from tests.transfer.fixture import message

from .converting import new_store, old_store

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "3"))
MESSAGES = 150


class ConvertTests(SynchronousTestCase):
    """A conversion goes on after any crash, and each message is there once, with its identity."""

    timeout = 60 + 10 * ROUNDS

    def setUp(self) -> None:
        """An account with two mailboxes and gaps."""
        self.place = Path(tempfile.mkdtemp(prefix="mailframe-convert-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.chance = random.Random(2580)
        self.old = old_store(str(self.place / "old"))
        wait(self.old.start())
        self.addCleanup(lambda: wait(self.old.stop()))
        self.account = wait(self.old.account(ALICE))
        for name, uidvalidity in ((INBOX, 4711), ("Work", 4712)):
            messages = [
                message(uid, flags=[SEEN, "word"] if uid % 3 else [], modseq=uid) for uid in self.uids()
            ]
            wait(self.account.take_over(name, TakenMailbox(uidvalidity), messages))

    def uids(self) -> list[int]:
        """Ascending, with gaps."""
        return sorted(self.chance.sample(range(1, 3 * MESSAGES), MESSAGES))

    def run_conversion(self, kill_after: float | None) -> bool:
        """One run in a process of its own; True when it came to its end."""
        arguments = [str(self.place / "old"), str(self.place / "new")]
        root = Path(__file__).resolve().parents[2]
        with subprocess.Popen(
            [sys.executable, "-m", "tests.crash.converting", *arguments], stdout=subprocess.PIPE, cwd=root
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if kill_after is not None:
                time.sleep(kill_after)
                process.kill()
            process.wait(60)
        return process.returncode == 0

    def change(self) -> None:
        """Something happens in the account between two runs."""
        mailbox = wait(self.account.open(INBOX))
        uids = list(wait(mailbox.snapshot()).uids)
        wait(mailbox.store(self.chance.sample(uids, 3), FlagChange.ADD, frozenset({"late"})))
        wait(mailbox.remove(self.chance.sample(uids, 2)))
        mailbox.close()
        wait(self.account.append("Work", [NewMessage(Content.of(numbered(self.chance.randrange(10**6))))]))

    def test_any_moment(self) -> None:
        """Killed at random moments, with changes in between, it ends with the same account."""
        killed = 0
        for _ in range(ROUNDS):
            killed += not self.run_conversion(self.chance.uniform(0.0, 0.4))
            self.change()
        for _ in range(20):
            # On a busy machine the kill may have come too late each time.
            if killed:
                break
            killed += not self.run_conversion(0.0)
            self.change()
        self.assertGreater(killed, 0, "it was never killed in the middle")
        self.assertTrue(self.run_conversion(None))
        new = new_store(str(self.place / "new"))
        wait(new.start())
        self.addCleanup(lambda: wait(new.stop()))
        self.assertEqual(wait(compare_accounts(self.account, wait(new.account(ALICE)))), [])
