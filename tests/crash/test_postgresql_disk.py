"""The disk of a PostgreSQL server runs full under the mail of a store, and has room again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile

from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest

from mailframe.message.status import STORAGE_FULL, MailframeError
from mailframe.store.hints import LocalHints
from mailframe.store.values import INBOX, SEEN, FlagChange
from tests import postgres
from tests.store.postgresql.fixture import ALICE, PostgresCase

SIZE = "110m"
"""Of the disk: the server's own files and its log take most of it."""
LARGER = "400m"


class FullDiskTests(PostgresCase):
    """What has no room is refused for now; the rest goes on, and nothing is left half done."""

    def setUp(self) -> None:
        """A server of its own on a small disk."""
        disk = tempfile.mkdtemp(prefix="mfdisk-", dir="/tmp")
        self.addCleanup(shutil.rmtree, disk, ignore_errors=True)
        self.mount(disk, f"size={SIZE},mode=0755")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        make = tempfile.mkdtemp
        patch = self.patch(postgres.tempfile, "mkdtemp", lambda prefix, dir: make(prefix=prefix, dir=disk))
        self.server = postgres.Server()
        patch.restore()
        self.addCleanup(self.server.remove)
        self.server.start()
        self.disk, self.address = disk, self.server.database()
        self.clock, self.hints = Clock(), LocalHints()
        self.store = self.started()

    def mount(self, disk: str, options: str) -> None:
        """A disk of this size, with what is there."""
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise SkipTest(f"a small disk needs root: {mounted.stderr.strip()}")

    def filled(self) -> int:
        """Deliver until there is no room; how many messages were taken."""
        for count in range(500):
            (status,) = self.deliver(ALICE, octets=b"Subject: %d\r\n\r\n" % count + os.urandom(600_000))
            if not status.success:
                self.assertEqual(status, STORAGE_FULL)
                return count
        raise AssertionError("the disk is not full")

    def test_full(self) -> None:
        """Mail is refused for want of room and read meanwhile; afterwards all goes on, and all is sound."""
        count = self.filled()
        self.assertGreater(count, 5)
        mailbox = self.opened()
        self.assertEqual(len(self.wait(mailbox.snapshot()).uids), count)
        self.assertEqual(len(self.contents(mailbox)), count)
        error = self.fault(self.wait_for_room(mailbox))
        self.assertIsInstance(error, MailframeError)
        self.mount(self.disk, f"remount,size={LARGER}")
        self.assertTrue(self.deliver(ALICE, octets=b"Subject: last\r\n\r\n")[0].success)
        self.wait(mailbox.remove([1, 2]))
        self.wait(mailbox.store([3], FlagChange.ADD, frozenset({SEEN})))
        snapshot = self.wait(self.opened(ALICE, INBOX).snapshot())
        self.assertEqual(list(snapshot.uids), list(range(3, count + 2)))
        self.sound()

    async def wait_for_room(self, mailbox) -> None:
        """Change things until one of them needs room that is not there."""
        for _ in range(2000):
            await mailbox.store([1], FlagChange.ADD, frozenset({SEEN}))
            await mailbox.copy([1], "Sent")
