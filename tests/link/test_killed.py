"""The node that has the directory is killed and comes back, while the copy of another node is asked all the time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailframe.config.types import DataPath, DirectoryName
from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.replica.replica import ReplicaDirectory
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.link.asking import Asking
from mailframe.link.directories import NAME
from mailframe.link.remote_directory import RemoteDirectory
from mailframe.message.address import Address
from mailframe.testing.directory import ALICE, HASH

KEY = "k" * 40
ROOT = Path(__file__).resolve().parents[2]
reactor = cast(Any, installed)


class KilledTests(TestCase):
    """Two processes."""

    def serve(self, path: str, port: int = 0) -> int:
        """Start the other node; its port."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.link.serving", path, str(port), KEY],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.kill, self.process)
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def kill(self, process: Any) -> None:
        """End it as a power cut does."""
        process.kill()
        process.wait()
        process.stdout.close()

    async def test_killed_and_back(self) -> None:
        """The copy answers each time; a change made while the node was dead is active within seconds."""
        path = str(Path(self.mktemp()).absolute())
        admin = SQLiteDirectory(path, None)
        admin.add_domain("example.test")
        admin.add_account("alice@example.test", HASH)
        port = self.serve(path)
        asking = Asking(TCP4ClientEndpoint(reactor, "127.0.0.1", port), KEY, NAME, reactor, 5.0)
        settings = ReplicaOptions(source=DirectoryName("node"), path=DataPath(self.mktemp()), poll=0.1)
        remote = RemoteDirectory(asking)
        replica: Any = ReplicaDirectory(remote, settings, reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(remote.stop()))
        self.addCleanup(lambda: Deferred.fromCoroutine(replica.stop()))
        await replica.start()
        await self.until(lambda: bool(replica._copy.is_complete))
        answers = 0
        for turn in range(2):
            self.kill(self.process)
            admin.add_account(f"bob{turn}@example.test", HASH)
            for _ in range(50):
                self.assertTrue([await replica.lookup(ALICE) for _ in range(100)][-1])
                answers += 100
                await deferLater(reactor, 0.005, lambda: None)
            await self.until(lambda: bool(replica._filling.trouble))
            self.serve(path, port)
            await self.until(lambda: not replica._filling.trouble)
            self.assertTrue(await replica.lookup(Address(f"bob{turn}", "example.test")))
        self.assertEqual(10_000, answers)

    async def until(self, question: Any) -> None:
        """Wait until something is so."""
        for _ in range(2000):
            if question():
                return
            await deferLater(reactor, 0.01, lambda: None)
        self.fail("it never became so")
