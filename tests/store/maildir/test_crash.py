"""Real processes that deliver into one store, killed with kill -9."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

from mailframe.store.values import INBOX

from .fixture import ALICE, BOB, MaildirCase

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "3"))


class CrashTests(MaildirCase):
    """Whatever instant a process is killed at, every message it answered for is there."""

    def storm(self, label: str, seconds: float) -> list[str]:
        """Two processes, one of them killed; returns what both have answered for."""
        command = [sys.executable, "-m", "tests.store.maildir.storm", self.directory]
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
        processes = [
            subprocess.Popen([*command, f"{label}{n}"], stdout=subprocess.PIPE, text=True, cwd=root)
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
        """After each kill all answered messages are there, once, under UIDs that stay."""
        chance = random.Random(2580)
        answered: dict[str, set[str]] = {ALICE: set(), BOB: set()}
        seen: dict[int, bytes] = {}
        for number in range(ROUNDS):
            for line in self.storm(f"r{number}", chance.uniform(0.05, 0.4)):
                account, name = line.split()
                answered[account].add(name)
            self.restarted()
            for account, names in answered.items():
                found = self.subjects(account)
                self.assertEqual(names - set(found), set())
                self.assertEqual(len(found), len(set(found)), "a message is there twice")
            messages = self.messages()
            self.assertEqual({uid: messages.get(uid) for uid in seen}, seen)
            seen = messages
            self.assertEqual(self.wait(self.account().status(INBOX)).messages, len(messages))
        self.assertGreater(len(answered[ALICE]), 20)
