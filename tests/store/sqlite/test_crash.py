"""Real processes that work on one store, killed with kill -9."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

from tests.store.maildir.fixture import ALICE, BOB

from .fixture import SQLiteCase

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "2"))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class CrashTests(SQLiteCase):
    """Whatever instant a process is killed at, every message it answered for is there, and all belongs together."""

    def storm(self, number: int, seconds: float) -> list[str]:
        """Two processes, killed; returns what both have answered for."""
        command = [sys.executable, "-m", "tests.store.sqlite.storm", self.directory]
        processes = [
            subprocess.Popen(
                [*command, f"r{number}p{n}", str(2 * number + n)], stdout=subprocess.PIPE, text=True, cwd=ROOT
            )
            for n in range(2)
        ]
        answered: list[str] = []
        try:
            for process in processes:
                assert process.stdout is not None
                answered.append(process.stdout.readline())
            time.sleep(seconds)
        finally:
            for process in processes:
                process.send_signal(signal.SIGKILL)
        for process in processes:
            answered.extend(process.communicate()[0].splitlines(keepends=True))
        # The last line may be cut in the middle by the kill.
        return [line.strip() for line in answered if line.endswith("\n")]

    def subjects(self, account: str) -> list[str]:
        contents = self.contents(account=account)
        return [octets.split(b"\r\n")[0].decode().removeprefix("Subject: ") for octets in contents]

    def test_kill(self) -> None:
        """After each kill all answered messages are there, once, under UIDs that stay; octets fit messages."""
        chance = random.Random(2581)
        answered: dict[str, set[str]] = {ALICE: set(), BOB: set()}
        seen: dict[int, bytes] = {}
        for number in range(ROUNDS):
            for line in self.storm(number, chance.uniform(0.05, 0.5)):
                _, account, name = line.split()
                answered[account].add(name)
            self.restarted()
            for account, names in answered.items():
                found = self.subjects(account)
                self.assertEqual(names - set(found), set())
                self.assertEqual(len(found), len(set(found)), "a message is there twice")
            messages = self.messages()
            self.assertEqual({uid: messages.get(uid) for uid in seen}, seen)
            seen = messages
            self.sound()
            for entry in self.wait(self.account().mailboxes()):
                if entry.selectable:
                    status = self.wait(self.account().status(entry.name))
                    self.assertEqual(status.messages, len(self.contents(entry.name)))
                    self.assertNotIn(None, self.contents(entry.name))
        self.assertGreater(len(answered[ALICE]), 20)
