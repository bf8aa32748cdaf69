"""A disk that runs full under a queue, and has room again."""

from __future__ import annotations

import contextlib
import os
import smtplib
import subprocess
import time

from twisted.trial.unittest import SkipTest

from mailframe.queue.queue import LOOK
from tests.node.harness import Node

from .cases import LONG, RouterCase

OCTETS = 56 * 1024 * 1024
"""The spool keeps a reserve of 16 MiB, and gives it up to write down what becomes of its mail."""


class FullDiskTests(RouterCase):
    """Mail is refused for now while there is no room, and nothing that was accepted is lost."""

    skip = LONG

    def setUp(self) -> None:
        """A small disk for the queue, which tests fill."""
        super().setUp()
        self.disk = os.path.join(self.base, "disk")
        os.mkdir(self.disk, 0o700)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={OCTETS},mode=0700", "tmpfs", self.disk],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            raise SkipTest(f"a small disk needs root: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=False)

    def fill(self) -> None:
        """Write until nothing is free."""
        with (
            open(os.path.join(self.disk, "filling"), "ab", buffering=0) as file,
            contextlib.suppress(OSError),
        ):
            while (left := self.left()) > 0:
                file.write(b"x" * min(left, 65536))

    def left(self) -> int:
        """Octets that are free."""
        facts = os.statvfs(self.disk)
        return facts.f_bavail * facts.f_frsize

    def free(self) -> None:
        """Have room again."""
        os.unlink(os.path.join(self.disk, "filling"))

    def refusal(self, node: Node, octets: int) -> smtplib.SMTPResponseException:
        """How a node refuses a message, at whatever command."""
        message = b"X-Storm: refused\r\n\r\n" + b"x" * 70 * (octets // 70)
        with (
            self.assertRaises(smtplib.SMTPResponseException) as caught,
            smtplib.SMTP("127.0.0.1", node.ports["router"], "storm.test", timeout=30) as session,
        ):
            session.sendmail("storm@sender.test", ["alice@sink.test"], message)
        text = caught.exception.smtp_error
        text = text if isinstance(text, bytes) else text.encode()
        self.assertEqual((caught.exception.smtp_code, text[:5]), (452, b"4.3.1"), node.tail())
        return caught.exception

    def test_full(self) -> None:
        """A disk that runs full in a storm costs no accepted mail, and all goes on by itself when it has room."""
        sink = self.sink(defer_every=3)
        directory, least = f'directory = "{self.disk}/queue"', 'free_disk = "20 MB"'
        node = self.node(sink, extra={"spool.sqlite": [directory], "queue.room": [least]})
        node.start()
        with self.storm(node, "full") as storm:
            now = time.time()
            self.fill()
            # The disk itself does not take it.
            self.refusal(node, 600_000)
            # Longer than leases, which cannot be renewed now; and long enough for the queue to look at the disk.
            time.sleep(LOOK + 0.5)
            self.assertIsInstance(self.refusal(node, 1000), smtplib.SMTPSenderRefused)
            self.free()
            self.struck(now)
            self.wait_for_mail(storm, 20)
        self.check_arrived(sink, node)
        self.assertNotIn("Traceback", node.log.read_text(errors="replace"))
        self.check_repeated(sink)
