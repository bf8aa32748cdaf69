"""Held mail in a whole service with real processes, that are killed at any moment."""

from __future__ import annotations

import json
import os
import poplib
import shutil
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from .harness import ROOT, Node

ALICE = "alice@example.test"
BOB = "bob@example.test"
PASSWORD = "wonderland-2580"


class HeldMailTests(SynchronousTestCase):
    """What was held is neither lost nor delivered before it is released."""

    timeout = 120

    def setUp(self) -> None:
        """A service where nobody may send more than one message an hour."""
        base = tempfile.mkdtemp(prefix="mf-held-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        limits = {"role.relay.sending_limits": ["messages_per_hour = 1", "held_per_day = 0"]}
        self.node = Node(base, {ALICE: PASSWORD, BOB: PASSWORD}, roles=("relay", "store"), extra=limits)
        self.addCleanup(self.node.stop)
        self.node.start()

    def send(self, count: int) -> None:
        """Bob sends messages to Alice; all are accepted."""
        trust = ssl.create_default_context(cafile=str(self.node.certificate))
        port = self.node.ports["submissions"]
        with smtplib.SMTP_SSL("localhost", port, "c.test", timeout=20, context=trust) as client:
            client.login(BOB, PASSWORD)
            for number in range(count):
                self.assertEqual(client.sendmail(BOB, [ALICE], f"Subject: {number}\r\n\r\nbody\r\n"), {})

    def arrived(self) -> list[str]:
        """The subjects in Alice's maildrop."""
        reader = poplib.POP3_SSL("localhost", self.node.ports["pop3s"], timeout=20, context=self.trust())
        reader.user(ALICE)
        reader.pass_(PASSWORD)
        count = reader.stat()[0]
        lines = [reader.top(number, 0)[1] for number in range(1, count + 1)]
        reader.quit()
        return [line.decode() for message in lines for line in message if line.startswith(b"Subject: ")]

    def trust(self) -> ssl.SSLContext:
        """Of a client."""
        return ssl.create_default_context(cafile=str(self.node.certificate))

    def wait(self, until: Callable[[], bool], seconds: float = 30.0) -> None:
        """Until something is so."""
        deadline = time.monotonic() + seconds
        while not until():
            self.assertLess(time.monotonic(), deadline, self.node.tail())
            time.sleep(0.05)

    def listed(self, state: str) -> list[str]:
        """The ids of messages in a state."""
        text = self.command("queue", "list", "--state", state, "--json")
        return [row["id"] for row in json.loads(text)]

    def restart(self) -> None:
        """Kill everything at once, and start again."""
        self.node.kill_everything()
        self.node.start()

    def command(self, *arguments: str) -> str:
        """Run ``mailframe``; what it prints."""
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from mailframe.cli import main; main()",
                *arguments,
                "--config",
                str(self.node.configuration),
            ],
            cwd=self.node.base,
            env={**os.environ, "PYTHONPATH": ROOT},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def test_hold_and_release(self) -> None:
        """Held mail outlives kill -9 of everything, and goes when a command releases it."""
        self.send(6)
        held = self.listed("held")
        self.assertGreaterEqual(len(held), 4)
        self.restart()
        self.assertEqual(self.listed("held"), held)
        self.assertEqual(len(self.arrived()), 6 - len(held))
        self.assertIn("is over its limit of 1 messages per hour", self.command("queue", "show", held[0]))
        self.assertIn("1 recipient of 1 message", self.command("queue", "release", held[0]))
        self.wait(lambda: len(self.arrived()) == 7 - len(held))
        self.command("queue", "release", "--all")
        self.wait(lambda: len(self.arrived()) == 6)
        self.assertEqual(sorted(self.arrived()), [f"Subject: {number}" for number in range(6)])
        self.assertEqual(json.loads(self.command("queue", "list", "--json")), [])
