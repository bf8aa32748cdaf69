"""Copies of accepted mail are written, found again, and removed when they are old."""

from __future__ import annotations

import os
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import DataPath, Size
from mailframe.message.content import Content
from mailframe.store.ingest import log as module
from mailframe.store.ingest.log import Accepted, IngestLog, files_of
from mailframe.store.ingest.options import IngestOptions
from mailframe.store.ingest.reading import Wanted, copies
from mailframe.testing.store.fixture import in_file

ALICE = ("alice@example.test", "INBOX")
BOB = ("bob@example.test", "INBOX")


class IngestLogTests(SynchronousTestCase):
    """One process's log."""

    def setUp(self) -> None:
        self.directory = self.mktemp()
        self.now = 1_700_000_000.0
        self.log = self.made()
        self.addCleanup(lambda: self.log.close())

    def made(self, **options) -> IngestLog:
        return IngestLog(IngestOptions(directory=DataPath(self.directory), **options), lambda: self.now)

    def add(self, octets: bytes, *mailboxes, queue_id: str = "Q") -> None:
        self.log.add([Accepted(Content.of(octets), queue_id, mailboxes or (ALICE,))])

    def found(self, **wanted) -> list[bytes]:
        octets = []
        for copy in copies(self.directory, Wanted(**wanted)):
            with copy.content() as content:
                octets.append(content.octets())
        return octets

    def test_found_again(self) -> None:
        """Messages are found by account, by time and by their name in the log."""
        self.add(b"one", ALICE, BOB, queue_id="Q1")
        self.now += 100
        self.add(b"two", BOB, queue_id="Q2")
        self.assertEqual(self.found(), [b"one", b"two"])
        self.assertEqual(self.found(account=ALICE[0]), [b"one"])
        self.assertEqual(self.found(account=BOB[0]), [b"one", b"two"])
        self.assertEqual(self.found(since=1_700_000_050), [b"two"])
        self.assertEqual(self.found(until=1_700_000_050), [b"one"])
        self.assertEqual(self.found(queue_id="Q2"), [b"two"])

    def test_large(self) -> None:
        """A message that lies in a file is copied, and streamed when it is read."""
        octets = b"0123456789\r\n" * 20_000
        self.log.add([Accepted(in_file(octets), "Q", (ALICE,))])
        self.assertEqual(self.found(), [octets])

    def test_new_files(self) -> None:
        """After an hour, and at its size, a file is ended and another begun."""
        self.add(b"one")
        self.now += 3600
        self.add(b"two")
        self.assertEqual(len(files_of(self.directory)), 2)
        self.log.close()
        self.now += 1
        self.log = self.made(file_size=Size(64 * 1024))
        self.add(b"x" * 70_000)
        self.add(b"three")
        self.assertEqual(len(files_of(self.directory)), 4)
        self.assertEqual(self.found()[:2], [b"one", b"two"])

    def test_expire(self) -> None:
        """Files whose messages are all too old are removed, when a new one is begun."""
        self.add(b"old")
        (path,) = files_of(self.directory)
        os.utime(path, (self.now, self.now))
        self.now += 7 * 86400 + 3599
        self.add(b"kept so far")
        self.assertIn(b"old", self.found())
        self.now += 3602
        self.add(b"new")
        self.assertNotIn(b"old", self.found())

    def test_private(self) -> None:
        """Nobody else may read the copies."""
        self.add(b"one")
        (path,) = files_of(self.directory)
        self.assertEqual(os.stat(path).st_mode & 0o077, 0)
        self.assertEqual(os.stat(self.directory).st_mode & 0o077, 0)

    def test_full_disk(self) -> None:
        """A copy that cannot be written is told, and the next ones are found all the same."""
        self.add(b"one")
        write = os.write

        def torn(descriptor: int, octets: memoryview) -> int:
            if len(octets) > 10:
                write(descriptor, octets[:5])
                raise OSError(28, "No space left on device")
            return write(descriptor, octets)

        with mock.patch.object(module.os, "write", torn):
            self.add(b"a message that is lost here")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.add(b"two")
        self.assertEqual(self.found(), [b"one", b"two"])
        self.assertEqual(len(files_of(self.directory)), 1)

    def test_full_from_the_start(self) -> None:
        """On a disk that stays full, messages leave no files behind."""
        with mock.patch.object(module.os, "write", side_effect=OSError(28, "No space left on device")):
            for _ in range(3):
                self.add(b"lost")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 3)
        self.assertEqual(files_of(self.directory), [])
        self.add(b"one")
        self.assertEqual(self.found(), [b"one"])

    def test_full_when_closed(self) -> None:
        """A file system that tells of a full disk only on closing keeps no message out of its mailbox."""
        self.add(b"one")
        self.now += 3600
        with mock.patch.object(module.os, "close", side_effect=OSError(122, "Disk quota exceeded")):
            self.add(b"two")
            self.log.close()
        self.assertEqual(self.found(), [b"one", b"two"])

    def test_cannot_be_removed(self) -> None:
        """What is old and cannot be removed keeps nobody from making new copies, all in one file."""
        path = os.path.join(self.directory, "0.ingest")
        os.makedirs(path)
        os.utime(path, (0, 0))
        self.add(b"one")
        self.add(b"two")
        self.assertEqual(self.found(), [b"one", b"two"])
        self.assertEqual(len(files_of(self.directory)), 2)

    def test_flushed(self) -> None:
        """Where that is wanted, copies are on stable storage when the message is answered."""
        self.log = self.made(flush=True)
        with mock.patch.object(module.os, "fdatasync") as flushed:
            self.add(b"one")
        self.assertEqual(flushed.call_count, 1)

    def test_other_files(self) -> None:
        """What else lies there is left alone, and a damaged copy is not given out."""
        self.add(b"one")
        with open(os.path.join(self.directory, "0.ingest"), "wb") as file:
            file.write(b"something else")
        self.assertEqual(self.found(), [b"one"])
        (path,) = [path for path in files_of(self.directory) if not path.endswith("/0.ingest")]
        with open(path, "r+b") as file:
            file.seek(-3, 2)
            file.write(b"X")
        (copy,) = copies(self.directory, Wanted())
        with self.assertRaises(ValueError), copy.content():
            self.fail("it was given out")
